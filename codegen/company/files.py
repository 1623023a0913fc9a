"""The files of this project that another company's has too."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath

# What setup and builds create; a project that is not in git is searched for files without it.
_BUILT = re.compile(r"\.git|\.venv|\.cache|\..*_cache|node_modules|dist|__pycache__|.*\.egg-info")

# Tests record the metric types of our catalog, so they prove nothing with another one. The tests
# that follow from schema/ remain: the vectors of every SDK, what runs them, and the parity.
_TESTS = re.compile(
    r"""(tests | sdks/python/tests | sdks/typescript/(tests|bench) | sdks/go/.*testdata)/.*
    | sdks/go/.*_test\.go""",
    re.VERBOSE,
)
_REMAINING = re.compile(
    r"""tests/(layout\.yaml | test_layout\.py)
    | tests/(run|ports|child|environment|broker|waiting|conftest)\.py
    | (sdks/python/)?tests/requirements\.txt
    | tests/conformance/(driver\.md | vectors\.schema\.json | vectors/.* | parity/.*)
    | tests/conformance/(drivers | test_vectors)\.py
    | tests/e2e/kafka/.*
    | sdks/python/tests/(conftest | (spool_ | metrics_)?support | topic_reader | driver)\.py
    | sdks/python/tests/(test_)?vectors\.py
    | sdks/typescript/tests/(vectors\.test\.ts | projects/.*)
    | sdks/typescript/tests/support/(build | collector | vectors)\.ts
    | sdks/go/ekausage/(conformance | vector_values)_test\.go""",
    re.VERBOSE,
)
# Schema files come from the company; what only our releases and our past services concern.
_OURS = re.compile(
    r"schema/(?!.*\.schema\.json$).*|docs/migration/.*|docs/sdk-parity\.md|CHANGELOG\.md"
)
# Around parts of documents that are true of this project only.
_MARK = "only in this project"
_LINK = re.compile(r"(, )?\[([^\]\n]+)\]\((?!https?:|#)([^)#\s]+)[^)]*\)")
# They record a metric type that requires nothing.
EASY_EXAMPLES = re.compile(r"sdks/.*/examples/oauth(\..*|/.*)")
# They record such a metric type too, and expect what our fields accept.
HAND_WRITTEN_VECTORS = re.compile(r"tests/conformance/vectors/.*")


def project_files(home: Path, generated: Collection[str]) -> Iterator[str]:
    """Yields the paths to copy, sorted; `generated` are those that the company generates anew."""
    for path in sorted(_listed(home)):
        is_left_out = _TESTS.fullmatch(path) and not _REMAINING.fullmatch(path)
        if not (is_left_out or path in generated or _OURS.fullmatch(path)):
            yield path


def _listed(home: Path) -> list[str]:
    if (home / ".git").exists():
        command = ["git", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=home, capture_output=True, text=True, check=True)
        return [path for path in listed.stdout.split("\0") if path and (home / path).is_file()]
    return [path.relative_to(home).as_posix() for path in _walk(home)]


def _walk(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if _BUILT.fullmatch(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry)


class Remaining:
    """What remains of files that name others: a Makefile has no target that runs a left-out module.

    Args:
        makefile: the text of the Makefile.
        files: the paths that are copied.
        made: the paths that exist without being copied.
    """

    def __init__(self, makefile: str, files: Collection[str], made: Collection[str]) -> None:
        paths = [PurePosixPath(path) for path in (*files, *made)]
        self._places = {str(place) for path in paths for place in (path, *path.parents)}
        self._modules = {file.removesuffix(".py").replace("/", ".") for file in files}
        self._modules |= {module.rpartition(".")[0] for module in self._modules}
        blocks = makefile.split("\n\n")
        gone = [block.partition(":")[0] for block in blocks if self._is_missing(block)]
        words = "|".join(map(re.escape, gone)) or "(?!)"
        self._parts = {
            "Makefile": rf"(?ms)^(?:{words}):.*?\n\n|(?<= )(?:{words}) (?=[ \w-]*$)",
            ".github/workflows/ci.yml": rf"(?m)^ +- name: .*\n(?: .*\n)?? +run: make (?:{words})\n",
            ".md": rf"(?ms)^<!-- {_MARK} -->$.*?^<!-- /{_MARK} -->\n+|^make (?:{words})\b[^\n]*\n",
        }

    def part(self, path: str, text: str) -> str:
        """Returns the part of a text for the copy."""
        if path == "tests/run.py":
            lines = text.splitlines(keepends=True)
            return "".join(line for line in lines if not self._is_missing(line))
        if path.endswith(".md"):
            text = self._with_links(PurePosixPath(path).parent, text)
        pattern = self._parts.get(path) or self._parts.get(PurePosixPath(path).suffix)
        return re.sub(pattern, "", text) if pattern else text

    def _with_links(self, folder: PurePosixPath, text: str) -> str:
        """Returns a document without links to what was left out; in a list, without their item."""

        def linked(match: re.Match[str]) -> str:
            place = normpath(folder / match[3])
            if place in self._places:
                return match[0]
            return "" if match[1] else match[2]

        return _LINK.sub(linked, text)

    def _is_missing(self, command: str) -> bool:
        modules = re.findall(r"-m (tests[\w.]*)", command)
        folders = re.findall(r'^ *"(tests/[\w/]+)",$', command)
        return not (self._modules.issuperset(modules) and self._places.issuperset(folders))
