"""The TypeScript SDK's own benchmark, of the package as it is built now; it says rows itself."""

from __future__ import annotations

import subprocess

from tests.bench.rows import BIN, ROOT


def main() -> None:
    """Build and measure."""
    for script in ("build", "bench"):
        subprocess.run(
            [BIN / "npm", "run", "--silent", script], cwd=ROOT / "sdks/typescript", check=True
        )


if __name__ == "__main__":
    main()
