"""How a run prints: problems in the chosen format, then a summary.

`text` and `github` go to stderr line by line. `json` and `sarif` are one document on stdout, for
programs; what is meant for people still goes to stderr.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from codegen.diagnostics import Diagnostic, Position, render_github, render_text, sentence

START = Position(1, 1)

_LINES: Mapping[str, Callable[[Diagnostic], str]] = {"text": render_text, "github": render_github}
_LEVELS = {"error": "error", "warning": "warning"}
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


class Printer:
    """Prints in one format, and measures the time since it was made."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._found: list[Diagnostic] = []
        self._started = time.perf_counter()

    def diagnostics(self, found: Iterable[Diagnostic], base: Path | None = None) -> None:
        """Prints problems; their relative paths are relative to `base`, by default to the cwd."""
        for one in found:
            self._found.append(self._placed(one, base or Path.cwd()))
            if self._form in _LINES:
                sys.stderr.write(f"{_LINES[self._form](self._found[-1])}\n")

    def _placed(self, one: Diagnostic, base: Path) -> Diagnostic:
        if self._form == "text":
            return one
        return replace(one, path=in_repository(one.path, base))

    def detail(self, text: str) -> None:
        """Prints what explains the problem before, such as a diff."""
        if self._form in _LINES:
            sys.stderr.write(text)

    def failure(self, text: str) -> None:
        """Prints why the run failed, in one line."""
        sys.stderr.write(f"codegen: {text}\n")

    def summary(self, text: str) -> None:
        """Prints the result of a run that succeeded, with the time that it took."""
        stream = sys.stdout if self._form in _LINES else sys.stderr
        stream.write(f"{text} in {time.perf_counter() - self._started:.1f} s\n")

    def finish(self) -> None:
        """Prints the document of a format that has one."""
        if self._form in DOCUMENTS:
            content = DOCUMENTS[self._form](self._found)
            sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def count(number: int, noun: str) -> str:
    """Returns `1 file` or `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def in_repository(path: str, base: Path) -> str:
    """Returns a path relative to the git repository that has it, as reviews show it.

    Outside of any repository the path stays as it is.
    """
    absolute = (base / path).absolute()
    for folder in absolute.parents:
        if (folder / ".git").exists():
            return absolute.relative_to(folder).as_posix()
    return path


def _json(found: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    return [
        {
            "path": one.path,
            "line": one.position.line,
            "column": one.position.column,
            "severity": one.severity,
            "rule": one.code,
            "message": sentence(one),
        }
        for one in found
    ]


def _sarif(found: list[Diagnostic]) -> dict[str, Any]:
    rules = [{"id": code} for code in sorted({one.code for one in found})]
    driver = {"name": "codegen", "rules": rules}
    return {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(one) for one in found]}],
    }


def _result(one: Diagnostic) -> dict[str, Any]:
    region = {"startLine": one.position.line, "startColumn": one.position.column}
    location = {"artifactLocation": {"uri": one.path}, "region": region}
    return {
        "ruleId": one.code,
        "level": _LEVELS[one.severity],
        "message": {"text": sentence(one)},
        "locations": [{"physicalLocation": location}],
    }


DOCUMENTS: Mapping[str, Callable[[list[Diagnostic]], Any]] = {"json": _json, "sarif": _sarif}
FORMATS = (*_LINES, *DOCUMENTS)
