"""Compares what a run makes with what stands under the root, and says what would change.

A file is codegen's own where the manifest names it or it begins with the notice. Anything else at
a path that a run makes is somebody's work: the run is refused and nothing is written.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from codegen.render import MARK, File, History, Output, Splice

MANIFEST = ".codegen.json"
TEMPORARY = ".codegen-tmp"

# Folders of these names hold nothing that a person wrote.
_GENERATED_FOLDERS = frozenset({"_generated", "generated"})
_DIFF_LINES = 200
_NOTICE_ROOM = 200

# Target to path to SHA-256.
Manifest = dict[str, dict[str, str]]


class RefusedError(Exception):
    """The run would harm what is not its own; each argument is one reason, naming a path."""


class Kind(Enum):
    """How a file differs from what the run makes."""

    MISSING = "missing"
    STALE = "out of date"
    EDITED = "edited by hand"
    OBSOLETE = "no longer made"
    UNTRACKED = "not made by codegen, in a place for generated files"


@dataclass(frozen=True, slots=True)
class Change:
    """What must happen to one file: `after` is None where it has to go."""

    path: str
    kind: Kind
    before: bytes | None
    after: bytes | None

    def diff(self) -> str:
        """From what the file holds to what it should hold, cut where nobody would read on."""
        if self.path == MANIFEST or self.before is None or self.after is None:
            return ""
        before = self.before.decode(errors="replace").splitlines(keepends=True)
        after = self.after.decode(errors="replace").splitlines(keepends=True)
        lines = list(
            difflib.unified_diff(
                before, after, f"{self.path} (on disk)", f"{self.path} (generated)"
            )
        )
        shown = [line if line.endswith("\n") else f"{line}\n" for line in lines[:_DIFF_LINES]]
        if len(lines) > _DIFF_LINES:
            shown.append(f"… and {len(lines) - _DIFF_LINES} more lines of difference\n")
        return "".join(shown)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run would do. `folders` are those that it may have left temporary files in."""

    root: Path
    changes: tuple[Change, ...]
    untracked: tuple[Change, ...]
    unchanged: int
    folders: frozenset[str]

    @property
    def drift(self) -> tuple[Change, ...]:
        """All that is not as it should be, by path; not the manifest, where it only follows."""
        files = [change for change in self.changes if change.path != MANIFEST]
        drift = sorted((*files, *self.untracked), key=lambda change: change.path)
        return tuple(drift or self.changes)


def plan(root: Path, made: Mapping[str, Iterable[Output]], *, partial: bool = False) -> Plan:
    """Compares the outputs of each target with the root.

    A partial run leaves alone what the manifest says of targets that are not in `made`.
    Raises RefusedError, with all reasons at once.
    """
    return _Comparison(root, _read_manifest(root), partial=partial).compare(made)


class _Comparison:
    def __init__(self, root: Path, manifest: Manifest, *, partial: bool) -> None:
        self.root = root
        self.manifest = manifest
        self.partial = partial
        self.owned = {path: sha for files in manifest.values() for path, sha in files.items()}
        self.changes: list[Change] = []
        self.reasons: list[str] = []
        self.unchanged = 0
        self.spliced: dict[str, tuple[bytes, bytes]] = {}

    def compare(self, made: Mapping[str, Iterable[Output]]) -> Plan:
        files: dict[str, bytes] = {}
        after: Manifest = {}
        for target, outputs in made.items():
            after[target] = {}
            for file in self._files(outputs):
                if file.path in files:
                    self.reasons.append(f"{file.path}: made twice; two outputs have this path")
                else:
                    files[file.path] = file.text.encode()
                    after[target][file.path] = _sha256(files[file.path])
        if self.partial:
            for target in self.manifest.keys() - made.keys():
                after[target] = {
                    p: sha for p, sha in self.manifest[target].items() if p not in files
                }
        for path, text in files.items():
            self._file(path, text)
        self._splices()
        kept = {path for paths in after.values() for path in paths}
        for path in sorted(self.owned.keys() - kept):
            self._obsolete(path)
        if self.reasons:
            raise RefusedError(*self.reasons)
        here = [
            path for target in made for path in (*after[target], *self.manifest.get(target, ()))
        ]
        folders = frozenset(str(PurePosixPath(path).parent) for path in (*here, *self.spliced, "."))
        untracked = tuple(self._untracked(folders, kept | self.owned.keys()))
        changes = sorted(self.changes, key=lambda change: change.path)
        unchanged = self.unchanged
        self.changes = []
        self._file(MANIFEST, _write_manifest(after))
        return Plan(self.root, (*changes, *self.changes), untracked, unchanged, folders)

    def _read(self, path: str) -> bytes | None:
        """What stands at a path of ours; None where nothing does, or where it is refused."""
        reason = _unsafe(self.root, path)
        if reason:
            self.reasons.append(f"{path}: {reason}")
            return None
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None

    def _file(self, path: str, text: bytes) -> None:
        before = self._read(path)
        if before == text:
            self.unchanged += 1
        elif before is None:
            self.changes.append(Change(path, Kind.MISSING, None, text))
        elif path == MANIFEST or _sha256(before) == self.owned.get(path):
            self.changes.append(Change(path, Kind.STALE, before, text))
        elif path in self.owned:
            self.changes.append(Change(path, Kind.EDITED, before, text))
        elif _has_notice(before):
            self.changes.append(Change(path, Kind.STALE, before, text))
        else:
            self.reasons.append(
                f"{path}: a file that codegen did not make is in the way; move or delete it"
            )

    def _splice(self, splice: Splice) -> None:
        before, text = self.spliced.get(splice.path, (None, b""))
        if before is None:
            before = self._read(splice.path)
            if before is None:
                return
            text = before
        try:
            whole = text.decode()
        except UnicodeDecodeError:
            self.reasons.append(f"{splice.path}: not UTF-8, so its generated part cannot be found")
            return
        matches = list(splice.pattern.finditer(whole))
        if len(matches) != 1:
            self.reasons.append(
                f"{splice.path}: expected one place for {splice.name}, found {len(matches)}"
            )
            return
        start, end = matches[0].span(1)
        self.spliced[splice.path] = before, (whole[:start] + splice.text + whole[end:]).encode()

    def _files(self, outputs: Iterable[Output]) -> Iterator[File]:
        for output in outputs:
            if isinstance(output, Splice):
                self._splice(output)
            elif isinstance(output, History):
                yield from self._history(output)
            else:
                yield output

    def _history(self, history: History) -> Iterator[File]:
        """What stands in the folder, untouched, and what has to be added."""
        written = {}
        for entry in _entries(self.root / history.folder, deep=False):
            path = f"{history.folder}/{entry.name}"
            before = self._read(path)
            if before is None or path.endswith(TEMPORARY):
                continue
            if _sha256(before) != self.owned.get(path, _sha256(before)):
                self.reasons.append(
                    f"{path}: others may have acted on it, so it is never edited; "
                    "restore it from version control"
                )
            written[path] = before.decode(errors="replace")
        for path in sorted(self.owned.keys() - written.keys()):
            if PurePosixPath(path).parent.as_posix() == history.folder:
                self.reasons.append(
                    f"{path}: is gone; restore it from version control, or, where it was never "
                    f"there, {MANIFEST}"
                )
        try:
            added = list(history.extend(written))
        except ValueError as refusal:
            self.reasons.append(str(refusal))
            added = []
        yield from (File(path, text) for path, text in written.items())
        yield from added

    def _splices(self) -> None:
        for path, (before, after) in self.spliced.items():
            if before == after:
                self.unchanged += 1
            else:
                self.changes.append(Change(path, Kind.STALE, before, after))

    def _obsolete(self, path: str) -> None:
        before = self._read(path)
        if before is not None and (_has_notice(before) or _sha256(before) == self.owned[path]):
            self.changes.append(Change(path, Kind.OBSOLETE, before, None))

    def _untracked(self, folders: Iterable[str], known: set[str]) -> Iterator[Change]:
        """Files that carry the notice, or stand in a generated folder, and that no target makes."""
        for folder in sorted(folders):
            exclusive = PurePosixPath(folder).name in _GENERATED_FOLDERS
            for entry in _entries(self.root / folder, deep=exclusive):
                path = PurePosixPath(entry).relative_to(self.root).as_posix()
                if path in known or path == MANIFEST or path.endswith(TEMPORARY):
                    continue
                if exclusive or _starts_with_notice(entry):
                    yield Change(path, Kind.UNTRACKED, None, None)


def _entries(folder: Path, *, deep: bool) -> Iterator[os.DirEntry[str]]:
    """What stands in a folder, other than folders; what Python caches there is nobody's work."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            yield entry
        elif deep and entry.name != "__pycache__":
            yield from _entries(Path(entry), deep=True)


def _unsafe(root: Path, path: str) -> str:
    """Why a path may not be written under the root; empty where it may."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or not all(p not in ("", ".", "..") for p in parts):
        return "leaves the root or is no plain relative path; correct it in sdk.yaml"
    here = root
    for depth, part in enumerate(parts, 1):
        here = here / part
        try:
            mode = here.lstat().st_mode
        except FileNotFoundError:
            return ""
        except NotADirectoryError:
            mode = 0
        if stat.S_ISLNK(mode):
            return f"{here.relative_to(root)} is a symbolic link, which codegen does not follow"
        if depth < len(parts) and not stat.S_ISDIR(mode):
            return f"{here.relative_to(root)} is no folder; move or delete it"
        if depth == len(parts) and not stat.S_ISREG(mode):
            return "is no regular file; move or delete it"
    return ""


def _has_notice(text: bytes) -> bool:
    """The notice is in the first line; that of JSON, which has a brace there, in the second."""
    return any(MARK.encode() in line for line in text[:_NOTICE_ROOM].split(b"\n")[:2])


def _starts_with_notice(entry: os.DirEntry[str]) -> bool:
    if not entry.is_file(follow_symlinks=False):
        return False
    with Path(entry).open("rb") as file:
        return _has_notice(file.read(_NOTICE_ROOM))


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _read_manifest(root: Path) -> Manifest:
    path = root / MANIFEST
    reason = _unsafe(root, MANIFEST)
    if reason:
        raise RefusedError(f"{MANIFEST}: {reason}")
    try:
        data = json.loads(path.read_bytes())
        return {target: {str(p): str(sha) for p, sha in data[target].items()} for target in data}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        raise RefusedError(
            f"{MANIFEST}: is not what codegen wrote, as after a merge; delete it and run `generate`"
        ) from None


def _write_manifest(manifest: Manifest) -> bytes:
    return (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode()
