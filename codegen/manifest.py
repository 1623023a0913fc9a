"""The manifest: which files codegen owns, and the digest of what it wrote into each.

Two branches that both generate always differ in it. What a merge leaves, with both sides between
markers, still says which files are owned, so the next run mends it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

MANIFEST = ".codegen.json"

# Target to path to SHA-256.
Manifest = dict[str, dict[str, str]]

_MARKER = re.compile(r"(<{7}|\|{7}|={7}|>{7})( .*)?")
_TARGET = re.compile(r'  "([^"\\]+)": \{(\},?)?')
_FILE = re.compile(r'    "([^"\\]+)": "([0-9a-f]{64})",?')


@dataclass(frozen=True, slots=True)
class Recorded:
    """A manifest that was read: after a merge a file may have the digests of both sides."""

    manifest: Manifest
    digests: Mapping[str, tuple[str, ...]]
    merged: bool


def read_manifest(content: bytes) -> Recorded:
    """Parses a manifest; raises ValueError, with what to do, if it is damaged."""
    try:
        data = json.loads(content)
        manifest: Manifest = {
            target: {str(p): str(sha) for p, sha in files.items()} for target, files in data.items()
        }
    except (ValueError, TypeError, AttributeError):
        return _merged(content.decode(errors="replace").splitlines())
    digests = {path: (sha,) for files in manifest.values() for path, sha in files.items()}
    return Recorded(manifest, digests, merged=False)


def write_manifest(manifest: Manifest) -> bytes:
    """Returns a manifest as it is stored: one file per line, so that few merges conflict."""
    return (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode()


def _merged(lines: list[str]) -> Recorded:
    """Returns everything that both sides of a conflict own."""
    manifest: Manifest = {}
    digests: dict[str, tuple[str, ...]] = {}
    target = ""
    conflicts = False
    for line in lines:
        if _MARKER.fullmatch(line):
            conflicts = True
        elif match := _TARGET.fullmatch(line):
            target = match[1]
            manifest.setdefault(target, {})
        elif match := _FILE.fullmatch(line):
            path, sha = match[1], match[2]
            manifest.setdefault(target, {})[path] = sha
            digests[path] = (*digests.get(path, ()), sha)
        elif line.strip(" {},") != "":
            raise ValueError(_DAMAGED)
    if not conflicts or not digests:
        raise ValueError(_DAMAGED)
    return Recorded(manifest, digests, merged=True)


_DAMAGED = "is damaged, perhaps by a merge; delete it and run `generate`"
