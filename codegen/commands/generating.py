"""`generate` and `check`: the files that codegen owns, written or compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from codegen.changes.judge import compare, judge, judge_dates
from codegen.changes.reference import UnreadableError, read_baseline
from codegen.commands import PROBLEMS, SUCCESS, packages
from codegen.diagnostics import error, has_errors
from codegen.lint import lint
from codegen.load import Loaded, load
from codegen.manifest import MANIFEST
from codegen.model import Model
from codegen.output import START, Printer, count
from codegen.plan import Change, Kind, Plan, RefusedError, plan
from codegen.render import Output
from codegen.targets import TARGETS
from codegen.write import locked, write


@dataclass(frozen=True, slots=True)
class Options:
    """Where to read and write, and what."""

    schema: Path
    root: Path
    targets: Sequence[str]


def read(options: Options, printer: Printer) -> Loaded:
    """Reads and validates schema/, and prints its problems."""
    loaded = load(options.schema)
    printer.diagnostics(loaded.diagnostics)
    if loaded.model is None:
        printer.failure(f"{count(len(loaded.diagnostics), 'problem')}; nothing written")
    return loaded


def generate(options: Options, printer: Printer) -> int:
    """Writes missing and outdated files, and removes obsolete ones."""
    model = read(options, printer).model
    if model is None:
        return PROBLEMS
    with locked(options.root):
        compared = planned(options, printer, model)
        if compared is None:
            return PROBLEMS
        write(compared)
    for change in compared.untracked:
        printer.detail(f"{change.path}: {change.kind.value}; {_remedy(change)}\n")
    files = [change for change in compared.changes if change.path != MANIFEST]
    removed = sum(change.after is None for change in files)
    changed = count(len(files) - removed, "file")
    printer.summary(f"{changed} changed, {compared.unchanged} unchanged, {removed} removed")
    return SUCCESS


def check(options: Options, printer: Printer, *, today: date | None) -> int:
    """Compares all files with what would be written; with a day, the catalog with its release."""
    loaded = read(options, printer)
    compared = None if loaded.model is None else planned(options, printer, loaded.model)
    if compared is None:
        return PROBLEMS
    released = today is None or check_release(options, printer, loaded, today)
    for change in compared.drift:
        message = f"{change.kind.value}; {_remedy(change)}"
        code = change.kind.name.lower()
        printer.diagnostics([error(change.path, START, code, message)], options.root)
        printer.detail(change.diff())
    if compared.drift:
        files = count(len(compared.drift), "file")
        printer.failure(f"{files} not as generated; run `python -m codegen generate`")
    if compared.drift or not released:
        return PROBLEMS
    printer.summary(f"{count(compared.unchanged, 'file')} up to date,")
    return SUCCESS


def check_release(options: Options, printer: Printer, loaded: Loaded, today: date) -> bool:
    """Reports whether nothing is broken since the last release, and conventions are kept."""
    found = [*judge_dates(loaded.sources, today), *lint(loaded.sources["catalog"], today)]
    try:
        baseline = read_baseline(options.schema)
    except UnreadableError as problem:
        path, _, message = str(problem).partition(": ")
        found.append(error(path, START, "baseline", message))
    else:
        if baseline is not None:
            found += judge(compare(baseline, loaded.sources))
    found.sort(key=lambda one: one.order)
    printer.diagnostics(found)
    if found:
        printer.failure(f"{count(len(found), 'problem')} of the catalog")
    return not has_errors(found)


def planned(options: Options, printer: Printer, model: Model) -> Plan | None:
    """Returns the changes of a run; prints why and returns None if it is refused."""
    if moved := list(packages.renamed(options.schema, options.root, model)):
        printer.diagnostics(moved)
        printer.failure("refused; nothing written")
        return None
    try:
        made = _made(model, options.targets)
        return plan(options.root, made, partial=bool(options.targets), known=TARGETS)
    except RefusedError as refused:
        for reason in refused.args:
            path, _, message = reason.partition(": ")
            printer.diagnostics([error(path, START, "refused", message)], options.root)
        printer.failure("refused; nothing written")
        return None


def _made(model: Model, names: Sequence[str]) -> dict[str, list[Output]]:
    return {
        name: list(outputs(model))
        for name, outputs in TARGETS.items()
        if not names or name in names
    }


def _remedy(change: Change) -> str:
    if change.kind is Kind.EDITED:
        return "change schema/ or a template instead, and run `generate`"
    if change.kind is Kind.UNTRACKED:
        return "delete it or move it"
    return "run `generate`"
