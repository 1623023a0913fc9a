"""`python -m codegen`."""

from __future__ import annotations

import gc
import sys

from codegen.cli import main

if __name__ == "__main__":
    # Nearly every object lives until the end, so garbage collection only walks the heap in vain.
    gc.disable()
    sys.exit(main())
