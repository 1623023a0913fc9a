"""Check that a tag may be published: it, the package and the catalog must have one version.

python -m infra.release ts-v1.2.3
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
_TAG = re.compile(r"ts-v(\d+\.\d+\.\d+)")
_PACKAGE = Path("sdks/typescript/package.json")
_CATALOG = Path("schema/catalog.yaml")


def problems(tag: str, root: Path = ROOT) -> list[str]:
    """Returns the reasons against publishing the tag; empty if there are none."""
    match = _TAG.fullmatch(tag)
    if match is None:
        return [f"tag {tag!r} must be ts-v and a version, such as ts-v1.2.3"]
    versions = {
        _PACKAGE: str(json.loads((root / _PACKAGE).read_text())["version"]),
        _CATALOG: str(yaml.safe_load((root / _CATALOG).read_text())["version"]),
    }
    return [
        f"{path} has version {version}, the tag {match[1]}: set the version in {_CATALOG}, run "
        "`make generate`, and tag that commit"
        for path, version in versions.items()
        if version != match[1]
    ]


def main(arguments: Sequence[str]) -> int:
    """Prints the problems and returns the exit status; 0 if there are none."""
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}")
        return 2
    found = problems(arguments[0])
    for problem in found:
        sys.stderr.write(f"release: {problem}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
