"""The command line: generates files from schema/, or checks that they are up to date."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from codegen.diagnostics import Diagnostic, Position, error, render_github, render_text, suggestion
from codegen.load import load
from codegen.model import Model
from codegen.plan import MANIFEST, Change, Kind, Plan, RefusedError, plan
from codegen.render import Output
from codegen.targets import TARGETS
from codegen.write import write

SUCCESS, PROBLEMS, USAGE_ERROR = 0, 1, 2

_HOME = Path(__file__).resolve().parent.parent

_DESCRIPTION = """\
Generates the SDKs' tables, the documents and the infrastructure from the YAML files in schema/.

After an edit of schema/, run `generate` and commit the result. CI runs `check`.
"""

_EXAMPLES = """\
examples:
  python -m codegen generate                     update all generated files
  python -m codegen generate --check             show the differences, write nothing
  python -m codegen check                        validate schema/, then compare as above
  python -m codegen generate --target go docs    generate only these targets
  python -m codegen generate --schema schema/examples/NAME --root ../other
                                                 use another catalog and output directory

exit status: 0 success, 1 problems found, 2 usage error
"""

_FORMATS: dict[str, Callable[[Diagnostic], str]] = {"text": render_text, "github": render_github}

_START = Position(1, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status; problems go to stderr, the summary to stdout."""
    options = _parser().parse_args(arguments)
    problem = _misuse(options)
    if problem:
        sys.stderr.write(f"codegen: {problem}\n")
        return USAGE_ERROR
    try:
        return _run(options)
    except OSError as failure:
        where = f"{failure.filename}: " if failure.filename else ""
        sys.stderr.write(f"codegen: {where}{failure.strerror or failure}\n")
        return PROBLEMS


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--schema",
        metavar="DIR",
        type=Path,
        default=_HOME / "schema",
        help="read the three YAML files from this directory (default: schema/ beside codegen/)",
    )
    common.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=_HOME,
        help="write generated files below this directory (default: the parent of codegen/)",
    )
    common.add_argument(
        "--target",
        metavar="NAME",
        nargs="+",
        action="extend",
        help=f"process only these targets: {', '.join(TARGETS)} (default: all)",
    )
    common.add_argument(
        "--format",
        choices=_FORMATS,
        default="text",
        help="print problems in this format; github prints annotations (default: text)",
    )
    parser = argparse.ArgumentParser(
        prog="python -m codegen",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    generate = commands.add_parser(
        "generate",
        parents=[common],
        help="write missing and outdated files, remove obsolete ones",
        description="Writes missing and outdated files, and removes obsolete ones.",
    )
    generate.add_argument(
        "--check",
        action="store_true",
        help="show the differences, write nothing, and fail if there are any",
    )
    check = commands.add_parser(
        "check",
        parents=[common],
        help="validate schema/, then check that all generated files are up to date",
        description="Validates schema/, then checks that all generated files are up to date. "
        "Writes nothing.",
    )
    check.set_defaults(check=True)
    return parser


def _misuse(options: argparse.Namespace) -> str:
    for name in options.target or ():
        if name not in TARGETS:
            return f"unknown target {name!r}: {suggestion(name, TARGETS)}"
    if options.schema.is_file():
        return (
            f"--schema {options.schema}: is a file; expected the directory of the three YAML files"
        )
    if not options.schema.is_dir():
        return f"--schema {options.schema}: no such directory"
    if not options.root.is_dir():
        return f"--root {options.root}: no such directory; create it first"
    return ""


def _run(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    loaded = load(options.schema)
    show = _FORMATS[options.format]
    for diagnostic in loaded.diagnostics:
        sys.stderr.write(f"{show(diagnostic)}\n")
    if loaded.model is None:
        sys.stderr.write(
            f"codegen: {_count(len(loaded.diagnostics), 'problem')}; nothing written\n"
        )
        return PROBLEMS
    try:
        compared = plan(
            options.root, _made(loaded.model, options.target), partial=bool(options.target)
        )
    except RefusedError as refused:
        for reason in refused.args:
            path, _, message = reason.partition(": ")
            sys.stderr.write(f"{show(error(path, _START, 'refused', message))}\n")
        sys.stderr.write("codegen: refused; nothing written\n")
        return PROBLEMS
    if options.check:
        return _report(compared, show, started)
    write(compared)
    _summarise(compared, started)
    return SUCCESS


def _made(model: Model, names: Sequence[str] | None) -> dict[str, list[Output]]:
    return {
        name: list(outputs(model))
        for name, outputs in TARGETS.items()
        if not names or name in names
    }


def _report(compared: Plan, show: Callable[[Diagnostic], str], started: float) -> int:
    for change in compared.drift:
        message = f"{change.kind.value}; {_remedy(change)}"
        code = change.kind.name.lower()
        sys.stderr.write(f"{show(error(change.path, _START, code, message))}\n{change.diff()}")
    if compared.drift:
        differ = _count(len(compared.drift), "file")
        sys.stderr.write(f"codegen: {differ} not as generated; run `python -m codegen generate`\n")
        return PROBLEMS
    sys.stdout.write(f"{_count(compared.unchanged, 'file')} up to date, in {_seconds(started)}\n")
    return SUCCESS


def _remedy(change: Change) -> str:
    if change.kind is Kind.EDITED:
        return "change schema/ or a template instead, and run `generate`"
    if change.kind is Kind.UNTRACKED:
        return "delete it or move it"
    return "run `generate`"


def _summarise(compared: Plan, started: float) -> None:
    for change in compared.untracked:
        sys.stderr.write(f"{change.path}: {change.kind.value}; {_remedy(change)}\n")
    files = [change for change in compared.changes if change.path != MANIFEST]
    removed = sum(change.after is None for change in files)
    changed = len(files) - removed
    sys.stdout.write(
        f"{_count(changed, 'file')} changed, {compared.unchanged} unchanged, "
        f"{removed} removed in {_seconds(started)}\n"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _seconds(started: float) -> str:
    return f"{time.perf_counter() - started:.1f} s"
