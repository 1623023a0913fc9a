"""Runs the TypeScript SDK's own benchmark, which prints rows, on a fresh build."""

from __future__ import annotations

import subprocess

from tests.bench.rows import BIN, ROOT
from tests.conformance.drivers import build


def main() -> None:
    """Builds the package and runs the benchmark."""
    build("typescript")
    subprocess.run(
        [BIN / "npm", "run", "--silent", "bench"], cwd=ROOT / "sdks/typescript", check=True
    )


if __name__ == "__main__":
    main()
