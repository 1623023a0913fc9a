"""Inspects and repairs the spool of this machine: `python -m eka_usage.spool --help`."""

from __future__ import annotations

import sys

from ._spool.tool import run

if __name__ == "__main__":
    sys.exit(run())
