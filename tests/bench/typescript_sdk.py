"""The TypeScript SDK's own benchmark, of the package as it is built now; it says rows itself."""

from __future__ import annotations

import subprocess

from tests.bench.rows import BIN, ROOT
from tests.conformance.drivers import build


def main() -> None:
    """Build and measure."""
    build("typescript")
    subprocess.run(
        [BIN / "npm", "run", "--silent", "bench"], cwd=ROOT / "sdks/typescript", check=True
    )


if __name__ == "__main__":
    main()
