"""The three files of a schema folder, read and checked together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from codegen import rules, schema
from codegen.diagnostics import Diagnostic, has_errors
from codegen.model import Model
from codegen.source import read

FILES = ("catalog", "event", "sdk")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model, None if there is any error, and all diagnostics in the order of their places."""

    model: Model | None
    diagnostics: list[Diagnostic]


def load(folder: Path) -> Loaded:
    """Read catalog.yaml, event.yaml and sdk.yaml of a folder; every problem is a diagnostic."""
    sources = {
        name: read(folder / f"{name}.yaml", _shown(folder / f"{name}.yaml")) for name in FILES
    }
    readable = {name: source for name, source in sources.items() if source.root is not None}
    diagnostics = [d for source in sources.values() for d in source.diagnostics]
    diagnostics = _unrepeated(
        diagnostics, (d for n, s in readable.items() for d in schema.check(s, n))
    )
    diagnostics = _unrepeated(diagnostics, rules.check(readable))
    diagnostics.sort(key=lambda d: d.order)
    if has_errors(diagnostics):
        # A warning beside an error is often its shadow: a unit unused for a misspelt key.
        return Loaded(None, [d for d in diagnostics if d.severity == "error"])
    return Loaded(Model.build(*(sources[name].data for name in FILES)), diagnostics)


def _unrepeated(known: list[Diagnostic], more: Iterable[Diagnostic]) -> list[Diagnostic]:
    """One problem, one line: what an earlier stage said of a value, a later one only repeats.

    A missing key says nothing of what stands where it was looked for.
    """
    places = {(d.path, d.position) for d in known if d.code != "missing-key"}
    return known + [d for d in more if (d.path, d.position) not in places]


def _shown(file: Path) -> str:
    """A path as a reader knows it: from the working directory where it is below it."""
    absolute = file.absolute()
    try:
        shown = absolute.relative_to(Path.cwd())
    except ValueError:
        shown = absolute
    return shown.as_posix().encode(errors="backslashreplace").decode()
