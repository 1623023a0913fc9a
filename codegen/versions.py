"""Versions of three numbers, as SemVer orders them."""

from __future__ import annotations

Version = tuple[int, int, int]


def parsed(text: object) -> Version | None:
    """Returns the numbers of a version such as `1.4.0`; None for anything else."""
    parts = str(text).split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    major, minor, patch = map(int, parts)
    return major, minor, patch


def written(version: Version) -> str:
    """Returns a version as text."""
    return ".".join(map(str, version))


def raised(version: Version, level: str) -> Version:
    """Returns the next version for a change of a level: `breaking`, `added` or `changed`.

    Before 1.0.0 a breaking change raises the minor number, as SemVer leaves open and users expect.
    """
    major, minor, patch = version
    if level == "breaking" and major:
        return major + 1, 0, 0
    if level in ("breaking", "added"):
        return major, minor + 1, 0
    return major, minor, patch + 1
