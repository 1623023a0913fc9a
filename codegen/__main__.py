"""`python -m codegen`."""

from __future__ import annotations

import gc
import sys

from codegen.cli import main

if __name__ == "__main__":
    # Nearly everything that is made lives to the end; collecting garbage only walks over it.
    gc.disable()
    sys.exit(main())
