"""The three files of a schema folder, read and checked together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codegen.diagnostics import Diagnostic, has_errors
from codegen.model import Model
from codegen.source import Source, read

FILES = ("catalog", "event", "sdk")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model, None if there is any error, and all diagnostics in the order of their places."""

    model: Model | None
    diagnostics: list[Diagnostic]


def load(folder: Path) -> Loaded:
    """Read catalog.yaml, event.yaml and sdk.yaml of a folder; every problem is a diagnostic."""
    sources = {name: read(folder / f"{name}.yaml", _shown(folder / f"{name}.yaml")) for name in FILES}
    diagnostics = [d for source in sources.values() for d in source.diagnostics]
    diagnostics.sort(key=lambda d: d.order)
    model = None if has_errors(diagnostics) else _model(sources)
    return Loaded(model, diagnostics)


def _model(sources: dict[str, Source]) -> Model:
    return Model.build(*(sources[name].data for name in FILES))


def _shown(file: Path) -> str:
    """A path as a reader knows it: from the working directory where it is below it."""
    absolute = file.absolute()
    try:
        shown = absolute.relative_to(Path.cwd())
    except ValueError:
        shown = absolute
    return shown.as_posix().encode(errors="backslashreplace").decode()
