"""The event as template literals, each piece encoded only as often as it changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby

from codegen import naming
from codegen.model import Field, Model
from codegen.targets.typescript.layout import bracketed, conjunction, string


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of an event's template; `usual` is its value in a call with defaults only."""

    template: str
    usual: str | None
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Encoder:
    """The event as template literals: runs of constant fields are encoded once; the rest varies.

    Varying fields with a usual value, next to constant ones, form one more run: `call`.
    """

    fields: tuple[str, ...]
    parts_type: str
    parts: str
    parameters: str
    is_usual: str
    usual: str
    call: str
    event: str


def encoder(model: Model) -> Encoder:
    """Returns the encoder of a model's event."""
    pieces: list[_Piece] = []
    parts: list[str] = []
    pending, holds_constant = "", False

    def close() -> None:
        nonlocal pending, holds_constant
        if holds_constant:
            pieces.append(_Piece(f"${{constants[{len(parts)}]}}", pending))
            parts.append(f"`{pending}`")
        else:
            pieces.append(_Piece(pending, pending))
        pending, holds_constant = "", False

    for index, field in enumerate(model.event.fixed):
        name = naming.camel(field.name)
        pending += f'{"," if index else "{"}"{field.name}":'
        if field.constant_per:
            pending += f"${{values.{name}}}"
            holds_constant = True
        else:
            close()
            usual = _usual(field)
            condition = "" if usual is None else f"{name} === {string(usual)}"
            pieces.append(_Piece(f"${{{name}}}", usual and _escape(usual), condition))
    close()
    pieces.append(_Piece("${more}", None))
    pending = "}"
    close()
    runs = [list(run) for _, run in groupby(pieces, lambda piece: piece.usual is not None)]
    call = next((run for run in runs if any(piece.condition for piece in run)), [])
    usual = f"constants[{len(parts)}]"
    if call:
        parts.append(f"`{''.join(piece.usual or '' for piece in call)}`")
    event = ["${call}" if run is call else "".join(p.template for p in run) for run in runs]
    varying = [f"{naming.camel(f.name)}: string" for f in model.event.fixed if not f.constant_per]
    parameters = ["constants: EventParts", *varying, "more: string"]
    return Encoder(
        fields=tuple(naming.camel(f.name) for f in model.event.fixed if f.constant_per),
        parts_type=bracketed(
            "export type EventParts = readonly [", ["string"] * len(parts), "];", ""
        ),
        parts=bracketed("return [", parts, "];", "  "),
        parameters=bracketed("export function encodeEvent(", parameters, "): string {", ""),
        is_usual=conjunction("const isUsual =", [p.condition for p in call if p.condition], "  "),
        usual=usual,
        call="".join(piece.template for piece in call),
        event="".join(event),
    )


def _usual(field: Field) -> str | None:
    """Returns the JSON of a field that a call omits; None if every event has its own."""
    if field.nullable:
        return "null"
    return None if field.default is None else json.dumps(field.default, ensure_ascii=False)


def _escape(words: str) -> str:
    """Escapes text for a template literal."""
    return words.replace("\\", r"\\").replace("`", r"\`").replace("${", r"\${")
