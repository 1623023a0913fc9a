"""python -m tests.conformance.parity check | generate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from . import golang, python, typescript
from .compare import Difference, problems
from .document import render
from .surface import OtherName, Surface

ROOT = Path(__file__).resolve().parents[3]
KNOWN = Path(__file__).with_name("known.yaml")
DOCUMENT = ROOT / "docs/sdk-parity.md"
READERS = {"python": python.read, "go": golang.read, "typescript": typescript.read}


def main(arguments: list[str]) -> int:
    """Writes the table, or checks that it is up to date and that every gap has a reason."""
    if arguments not in (["check"], ["generate"]):
        sys.stderr.write("usage: python -m tests.conformance.parity check | generate\n")
        return 2
    surfaces, differences = read(ROOT, KNOWN)
    found = problems(surfaces, differences)
    text = render(surfaces, differences)
    if arguments == ["generate"] and not found:
        DOCUMENT.write_text(text, encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
        found.append("docs/sdk-parity.md: out of date; run `make generate`")
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    if found:
        sys.stderr.write(f"parity: {len(found)} to fix\n")
        return 1
    concepts = {concept for surface in surfaces for concept in surface.names}
    sys.stdout.write(f"{len(concepts)} names in {len(surfaces)} SDKs, every gap has a reason\n")
    return 0


def read(root: Path, known: Path) -> tuple[list[Surface], list[Difference]]:
    """Returns the surface of each SDK of a repository, and the known differences."""
    packages = yaml.safe_load((root / "schema/sdk.yaml").read_bytes())["packages"]
    entries: dict[str, Any] = yaml.safe_load(known.read_bytes())
    other_names = tuple(
        OtherName(language, section, pattern, concept)
        for language, sections in entries["names"].items()
        for section, names in sections.items()
        for pattern, concept in names.items()
    )
    surfaces = []
    for language, reader in READERS.items():
        surface = Surface(language, other_names)
        reader(root / packages[language]["path"], surface)
        surfaces.append(surface)
    differences = [
        Difference(entry["section"], name, tuple(entry["only"]), " ".join(entry["reason"].split()))
        for entry in entries["differences"]
        for name in entry["names"]
    ]
    return surfaces, differences


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
