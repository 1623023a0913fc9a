"""The command line of the generator."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from codegen.commands import (
    PROBLEMS,
    USAGE_ERROR,
    creating,
    generating,
    importing,
    releasing,
    searching,
    watching,
)
from codegen.commands.creating import Company
from codegen.commands.generating import Options
from codegen.company.names import default_repository
from codegen.diagnostics import listing, suggestion
from codegen.imports import READERS
from codegen.output import FORMATS, Printer
from codegen.targets import TARGETS
from codegen.usages.syntax import GRAMMARS

_HOME = Path(__file__).resolve().parent.parent

_DESCRIPTION = """\
Generates the SDKs' tables, the documents and the infrastructure from the YAML files in schema/.

After an edit of schema/, run `generate` and commit the result. CI runs `check`.
"""

_EXAMPLES = """\
examples:
  python -m codegen generate                     update all generated files
  python -m codegen generate --check             show the differences, write nothing
  python -m codegen check                        validate schema/, also against the last release,
                                                 then compare as above
  python -m codegen generate --target go docs    generate only these targets
  python -m codegen generate --schema schema/examples/NAME --root ../other
                                                 use another catalog and output directory
  python -m codegen watch                        generate at every change of schema/
  python -m codegen init ../acme --name acme     make the project of another company
  python -m codegen breaking --against main      show what breaks services or invoices since a ref
  python -m codegen diff --against v0.2.0        describe the changes for a changelog

exit status: 0 success, 1 problems found, 2 usage error
"""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")

_AGAINST = "a git ref, a folder of schema files, or a saved file (default: the last release)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status; problems go to stderr, the summary to stdout."""
    options = _parser().parse_args(arguments)
    problem = _misuse(options)
    if problem:
        sys.stderr.write(f"codegen: {problem}\n")
        return USAGE_ERROR
    printer = Printer(options.format)
    try:
        run: Callable[[argparse.Namespace, Printer], int] = options.run
        return run(options, printer)
    except OSError as failure:
        # Formatters' input is the only thing that is written without its name in the error.
        where = failure.filename or f"the temporary files in {tempfile.gettempdir()}"
        sys.stderr.write(f"codegen: {where}: {failure.strerror or failure}\n")
        return PROBLEMS
    finally:
        printer.finish()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m codegen",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    places, dated, against = _places(), _dated(), _against()
    generate = commands.add_parser(
        "generate",
        parents=[places, _target()],
        help="write missing and outdated files, remove obsolete ones",
        description="Writes missing and outdated files, and removes obsolete ones.",
    )
    generate.add_argument(
        "--check",
        action="store_true",
        help="show the differences, write nothing, and fail if there are any",
    )
    generate.set_defaults(run=_generate)
    watch = commands.add_parser(
        "watch",
        parents=[_places(formats=False), _target()],
        help="generate whenever a file in schema/ changes",
        description="Generates now, and again whenever a file in schema/ changes, until Ctrl-C.",
    )
    watch.set_defaults(
        format="text", run=lambda o, _: watching.watch(_options(o), lambda: Printer("text"))
    )
    check = commands.add_parser(
        "check",
        parents=[places, _target(), dated],
        help="validate schema/ and all generated files; find what breaks since the last release",
        description="Validates schema/, compares it with the last release, then checks that all "
        "generated files are up to date. Writes nothing.",
    )
    check.set_defaults(run=lambda o, p: generating.check(_options(o), p, today=o.today))
    breaking = commands.add_parser(
        "breaking",
        parents=[places, dated, against],
        help="find what breaks services, stored events or invoices since a reference",
        description="Finds changes since a reference that break services, stored events or "
        "invoices, each with its cost. accepted_breaks in catalog.yaml accepts them.",
    )
    breaking.set_defaults(
        run=lambda o, p: releasing.breaking(_options(o), p, against=o.against, today=o.today)
    )
    diff = commands.add_parser(
        "diff",
        parents=[_places(formats=False), against],
        help="describe the changes since a reference in words",
        description="Describes the changes since a reference, for a changelog or a pull request.",
    )
    diff.add_argument(
        "--format",
        dest="words",
        choices=releasing.WORDS,
        default="markdown",
        help="describe in this format (default: markdown)",
    )
    diff.set_defaults(
        format="text",
        run=lambda o, p: releasing.diff(_options(o), p, against=o.against, words=o.words),
    )
    usages = commands.add_parser(
        "usages",
        parents=[_places(formats=False)],
        help="find where metric types are recorded in sources of Python, Go and TypeScript",
        description="Finds where each metric type is recorded, what is never recorded, by owner, "
        "and what is recorded and not declared, which is an error.",
    )
    usages.add_argument("paths", metavar="PATH", type=Path, nargs="+", help="a file or a folder")
    usages.add_argument(
        "--format",
        dest="form",
        choices=searching.FORMS,
        default="text",
        help="print in this format (default: text)",
    )
    usages.set_defaults(
        format="text",
        run=lambda o, p: searching.usages(_options(o), p, paths=o.paths, form=o.form),
    )
    import_ = commands.add_parser(
        "import",
        help="turn a catalog of Glean, Lago or OpenMeter into products for this one",
        description="Prints products and units for a file that catalog.yaml includes, and to "
        "stderr what this catalog cannot say. Review owners, titles and units.",
    )
    import_.add_argument("system", choices=READERS, help="the system that the file is for")
    import_.add_argument("path", metavar="FILE", type=Path, help="its catalog, in YAML or JSON")
    import_.add_argument(
        "--product",
        default="imported",
        help="the product of all metric types, unless the system has its own (default: imported)",
    )
    import_.set_defaults(
        format="text",
        schema=_HOME,
        root=_HOME,
        run=lambda o, p: importing.import_(p, path=o.path, system=o.system, product=o.product),
    )
    init = commands.add_parser(
        "init",
        help="make the project of another company: its SDKs, documents and infrastructure",
        description="Copies this project into a new directory, under the names of another company, "
        "and generates its files. Names come from the company's own catalog.yaml, event.yaml and "
        "sdk.yaml, or from --name; then the catalog has first products to replace.",
    )
    init.add_argument("folder", metavar="DIR", type=Path, help="a new or empty directory")
    whose = init.add_mutually_exclusive_group(required=True)
    whose.add_argument("--name", type=_name, help="the company's name, in lowercase: acme")
    whose.add_argument(
        "--schema", metavar="DIR", dest="own", type=Path, help="the company's own YAML files"
    )
    init.add_argument(
        "--repository",
        metavar="HOST/OWNER/NAME",
        help="where it will be kept (default: github.com/NAME/NAME-usage-sdk)",
    )
    init.set_defaults(
        format="text",
        schema=_HOME / "schema",
        root=_HOME,
        run=lambda o, p: creating.init(
            _options(o),
            p,
            target=o.folder,
            company=Company(o.own, o.name, o.repository or default_repository(o.name)),
        ),
    )
    release = commands.add_parser(
        "release",
        parents=[places, dated],
        help="make the catalog the last release, which `check` compares with",
        description="Writes baseline.json beside the schema files, after the checks of `check`. "
        "The version must be higher than that of the last release.",
    )
    release.set_defaults(run=lambda o, p: releasing.release(_options(o), p, today=o.today))
    return parser


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} must be letters and digits, joined by hyphens")
    return text


def _places(*, formats: bool = True) -> argparse.ArgumentParser:
    places = argparse.ArgumentParser(add_help=False)
    places.add_argument(
        "--schema",
        metavar="DIR",
        type=Path,
        default=_HOME / "schema",
        help="read the YAML files from this directory (default: schema/ beside codegen/)",
    )
    places.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=_HOME,
        help="write generated files below this directory (default: the parent of codegen/)",
    )
    if formats:
        places.add_argument(
            "--format",
            choices=FORMATS,
            default="text",
            help="print problems in this format; github prints annotations, json and sarif are one "
            "document on stdout (default: text)",
        )
    return places


def _target() -> argparse.ArgumentParser:
    target = argparse.ArgumentParser(add_help=False)
    target.add_argument(
        "--target",
        metavar="NAME",
        nargs="+",
        action="extend",
        help=f"process only these targets: {', '.join(TARGETS)} (default: all)",
    )
    return target


def _dated() -> argparse.ArgumentParser:
    dated = argparse.ArgumentParser(add_help=False)
    dated.add_argument(
        "--today",
        metavar="YYYY-MM-DD",
        type=date.fromisoformat,
        default=datetime.now(UTC).date(),
        help="judge what expires as of this day (default: today, in UTC)",
    )
    return dated


def _against() -> argparse.ArgumentParser:
    against = argparse.ArgumentParser(add_help=False)
    against.add_argument("--against", metavar="REF", help=f"compare with {_AGAINST}")
    return against


def _options(options: argparse.Namespace) -> Options:
    return Options(options.schema, options.root, getattr(options, "target", None) or ())


def _generate(options: argparse.Namespace, printer: Printer) -> int:
    if options.check:
        return generating.check(_options(options), printer, today=None)
    return generating.generate(_options(options), printer)


def _misuse(options: argparse.Namespace) -> str:
    for name in getattr(options, "target", None) or ():
        if name not in TARGETS:
            return f"unknown target {name!r}: {suggestion(name, TARGETS)}"
    if getattr(options, "own", None) is not None and not options.own.is_dir():
        return f"--schema {options.own}: no such directory"
    if options.schema.is_file():
        return (
            f"--schema {options.schema}: is a file; expected the directory of the three YAML files"
        )
    if not options.schema.is_dir():
        return f"--schema {options.schema}: no such directory"
    for path in getattr(options, "paths", ()):
        if not path.exists():
            return f"{path}: no such file or directory"
        if path.is_file() and path.suffix not in GRAMMARS:
            return f"{path}: unknown language; expected {listing(GRAMMARS)}"
    if not options.root.is_dir():
        return f"--root {options.root}: no such directory; create it first"
    return ""
