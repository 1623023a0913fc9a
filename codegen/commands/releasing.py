"""`breaking`, `diff` and `release`: today's catalog against an earlier state of it."""

from __future__ import annotations

import sys
from datetime import date

from codegen.changes.judge import Comparison, compare, judge, judge_dates
from codegen.changes.reference import (
    BASELINE,
    UnreadableError,
    read_baseline,
    read_reference,
    saved,
)
from codegen.changes.words import as_json, as_markdown
from codegen.commands import PROBLEMS, SUCCESS, USAGE_ERROR
from codegen.commands.generating import Options, check_release, planned, read
from codegen.load import Loaded
from codegen.output import Printer, count
from codegen.versions import parsed
from codegen.write import write_file

WORDS = {"markdown": as_markdown, "json": as_json}


def breaking(options: Options, printer: Printer, *, against: str | None, today: date) -> int:
    """Prints every breaking change since a reference, by default since the last release."""
    loaded = read(options, printer)
    if loaded.model is None:
        return PROBLEMS
    comparison = _compare(options, printer, loaded, against)
    if comparison is None:
        return USAGE_ERROR
    found = [*judge_dates(loaded.sources, today), *judge(comparison)]
    found.sort(key=lambda one: one.order)
    printer.diagnostics(found)
    since = f"since {comparison.reference.version} ({comparison.reference.name})"
    if found:
        printer.failure(f"{count(len(found), 'problem')} {since}")
        return PROBLEMS
    accepted = count(len(comparison.breaking), "accepted break")
    printer.summary(f"nothing breaks {since}, {accepted},")
    return SUCCESS


def diff(options: Options, printer: Printer, *, against: str | None, words: str) -> int:
    """Prints the changes since a reference in words."""
    loaded = read(options, printer)
    if loaded.model is None:
        return PROBLEMS
    comparison = _compare(options, printer, loaded, against)
    if comparison is None:
        return USAGE_ERROR
    sys.stdout.write(WORDS[words](comparison))
    return SUCCESS


def release(options: Options, printer: Printer, *, today: date) -> int:
    """Writes the catalog as the last release, unless something is wrong with it."""
    loaded = read(options, printer)
    compared = None if loaded.model is None else planned(options, printer, loaded.model)
    if compared is None or not check_release(options, printer, loaded, today):
        return PROBLEMS
    if compared.drift:
        files = count(len(compared.drift), "file")
        printer.failure(f"{files} not as generated; run `python -m codegen generate` first")
        return PROBLEMS
    catalog = loaded.sources["catalog"].data
    baseline = read_baseline(options.schema)
    version = catalog["version"]
    if baseline is not None and (parsed(version) or ()) <= (parsed(baseline.version) or ()):
        printer.failure(
            f"version {version} is not higher than the last release, {baseline.version}: "
            "raise `version` in catalog.yaml, and generate"
        )
        return PROBLEMS
    data = {name: source.data for name, source in loaded.sources.items()}
    write_file(options.schema / BASELINE, saved(data).encode())
    printer.summary(f"{version} is the last release now; commit {BASELINE}; done")
    if catalog.get("accepted_breaks"):
        printer.detail("accepted_breaks: remove them now, they are part of the release\n")
    return SUCCESS


def _compare(
    options: Options, printer: Printer, loaded: Loaded, against: str | None
) -> Comparison | None:
    try:
        if against is not None:
            return compare(read_reference(against, options.schema), loaded.sources)
        baseline = read_baseline(options.schema)
    except UnreadableError as problem:
        printer.failure(f"--against {problem}")
        return None
    if baseline is None:
        printer.failure(
            f"nothing is released yet (no {BASELINE} in {options.schema}): "
            "pass --against a git ref, a folder or a saved file"
        )
        return None
    return compare(baseline, loaded.sources)
