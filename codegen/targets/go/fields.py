"""Go: the options, the rows and the test doubles of the fields that an event may lack."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codegen import naming, phrases
from codegen.model import Field, Model
from codegen.render import Splice
from codegen.text import go_string, line_comment


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of field in Go.

    option   the parameter of the field's option, and what it stores
    member   the type of the member of `Usage`, when it is given, and what it stores then
    member_of, option_of   in a test: from a value of a vector
    """

    parameter: str
    stored: str
    member: str
    given: str
    kept: str
    option_of: str
    member_of: str


_KINDS: Mapping[str, _Kind] = {
    "string": _Kind("{} string", "{}", "string", '{} != ""', "{}", "v.(string)", "v.(string)"),
    "number": _Kind(
        "{} float64",
        "{}",
        "Amount",
        "{}.given",
        "{}.kept()",
        "float(t, v)",
        "amount(t, v)",
    ),
    "integer": _Kind("{} int64", "{}", "*int64", "{} != nil", "*{}", "v.(int64)", "new(v.(int64))"),
    "boolean": _Kind("{} bool", "{}", "*bool", "{} != nil", "*{}", "v.(bool)", "new(v.(bool))"),
    "timestamp": _Kind(
        "{} time.Time", "{}", "time.Time", "!{}.IsZero()", "{}", "moment(t, v)", "moment(t, v)"
    ),
    "list": _Kind(
        "{} ...string",
        "append([]string{{}}, {}...)",
        "[]string",
        "{} != nil",
        "{}",
        "texts(v)...",
        "texts(v)",
    ),
    "json": _Kind(
        "{} map[string]any",
        "{}",
        "map[string]any",
        "{} != nil",
        "{}",
        "v.(map[string]any)",
        "v.(map[string]any)",
    ),
}


def _kind(field: Field) -> _Kind:
    return _KINDS.get(field.type, _KINDS["string"])


@dataclass(frozen=True, slots=True)
class _Option:
    """A field, by its names and expressions in Go; `name` is exported, `row` its constant."""

    comment: str
    client_comment: str
    member_comment: str
    name: str
    row: str
    setting: str
    parameter: str
    stored: str
    member: str
    given: str
    kept: str
    wire: str
    option_of: str
    member_of: str


def option(field: Field, package: str) -> _Option:
    """Returns a field as an option of a call or of a client, and as a member of `Usage`."""
    kind, name = _kind(field), naming.go_exported(field.name)
    local, member = naming.go_unexported(field.name), f"u.{name}"
    if local in naming.LANGUAGES["go"].reserved:
        local = "value"
    about = f"With{name} sets {field.name}: {field.description}"
    return _Option(
        comment="\n".join(line_comment("//", about)),
        client_comment="\n".join(line_comment("//", about)),
        member_comment="\n".join(line_comment("//", f"{name}: {field.description}", "\t")),
        name=name,
        row=f"Field{name}",
        setting=naming.go_unexported(f"setting_{field.name}"),
        parameter=kind.parameter.format(local),
        stored=kind.stored.format(local),
        member=kind.member,
        given=kind.given.format(member),
        kept=kind.kept.format(member),
        wire=go_string(field.name),
        option_of=kind.option_of,
        member_of=kind.member_of.format(package=package),
    )


def row(field: Field) -> str:
    """Returns a row of the table of fields, by the names of its members."""
    defaults = {"min_length": 1, "min_items": 1, "max_digits": 38}
    limits: dict[str, Any] = {**defaults, **phrases.limits(field)}
    if field.type != "number":
        del limits["max_digits"]
    if field.type not in ("string", "list"):
        del limits["min_length"]
    if field.type != "list":
        del limits["min_items"]
    members = {
        "Name": go_string(field.name),
        "kind": go_string(field.type),
        "key": go_string(f',"{field.name}":'),
        **{
            naming.go_unexported(name): str(value)
            for name, value in limits.items()
            if name not in phrases.DURATIONS
        },
        "values": _strings(field.values),
        "excludes": _strings(field.excludes),
        "requires": _strings(field.dependent_required),
        "whenNotZero": "true" if field.when_not_zero else "",
        "billed": _strings(field.billed),
    }
    return f"{{{', '.join(f'{name}: {value}' for name, value in members.items() if value)}}}"


def _strings(values: Sequence[str]) -> str:
    return f"[]string{{{', '.join(map(go_string, values))}}}" if values else ""


def largest(model: Model) -> int:
    """Returns more bytes than all dimensions of one event have; a character may take six."""
    total = 0
    for field in (*model.event.client_dimensions, *model.event.dimensions):
        total += len(field.name) + 6
        if field.type == "string":
            total += 6 * field.limits["max_length"]
        elif field.type == "list":
            total += field.limits["max_bytes"]
        elif field.type == "json":
            total += 2 * field.limits["max_bytes"]  # every second byte may be a quote
        else:
            total += 128
    return total


def members(path: str, fields: Sequence[_Option]) -> Splice:
    """Returns the part of the struct `Usage` between two comments of options.go."""
    pattern = re.compile(
        r"^\t// generated: fields\n(.*?)^\t// /generated$", re.DOTALL | re.MULTILINE
    )
    lines = [f"{field.member_comment}\n\t{field.name} {field.member}\n" for field in fields]
    return Splice(path, "`// generated: fields` … `// /generated`", pattern, "".join(lines))
