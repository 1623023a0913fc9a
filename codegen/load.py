"""Reads and validates the three files of a schema directory together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from codegen import rules, schema
from codegen.diagnostics import Diagnostic, has_errors
from codegen.includes import include
from codegen.model import Model
from codegen.source import Source, read

FILES = ("catalog", "event", "sdk")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model, or None if there are errors; and all diagnostics, sorted by place."""

    model: Model | None
    diagnostics: list[Diagnostic]
    sources: Mapping[str, Source] = field(default_factory=dict)


def read_sources(folder: Path) -> dict[str, Source]:
    """Reads catalog.yaml, event.yaml and sdk.yaml, without validating them."""
    sources = {
        name: read(folder / f"{name}.yaml", _shown(folder / f"{name}.yaml")) for name in FILES
    }
    include(sources["catalog"], folder, _shown(folder))
    return sources


def load(folder: Path) -> Loaded:
    """Reads and validates the three files; every problem becomes a diagnostic."""
    sources = read_sources(folder)
    readable = {name: source for name, source in sources.items() if source.root is not None}
    diagnostics = [d for source in sources.values() for d in source.diagnostics]
    diagnostics = _unrepeated(
        diagnostics, (d for n, s in readable.items() for d in schema.check(s, n))
    )
    diagnostics = _unrepeated(diagnostics, rules.check(readable))
    diagnostics.sort(key=lambda d: d.order)
    if has_errors(diagnostics):
        # A warning beside an error is often its consequence: a misspelt key leaves a unit unused.
        return Loaded(None, [d for d in diagnostics if d.severity == "error"])
    model = Model.build(
        *(sources[name].data for name in FILES), included=sources["catalog"].included
    )
    return Loaded(model, diagnostics, sources)


def _unrepeated(known: list[Diagnostic], more: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Returns one diagnostic per place: a later stage would only repeat an earlier one's.

    A missing key does not count, since its place is that of the mapping around it.
    """
    places = {(d.path, d.position) for d in known if d.code != "missing-key"}
    return known + [d for d in more if (d.path, d.position) not in places]


def _shown(file: Path) -> str:
    """Returns the path relative to the working directory if it is below it, else absolute."""
    absolute = file.absolute()
    try:
        shown = absolute.relative_to(Path.cwd())
    except ValueError:
        shown = absolute
    return shown.as_posix().encode(errors="backslashreplace").decode()
