"""The encoder of an event in Go."""

from __future__ import annotations

from dataclasses import dataclass

from codegen import naming
from codegen.model import Model
from codegen.targets.go import literals

_LONGEST_INTEGER = 20


@dataclass(frozen=True, slots=True)
class _Encoder:
    """The event as pieces in a row: runs of constant fields are parts, the rest is appended.

    Of what varies, `texts` stand between quotes, `json` is encoded already, `integers` are neither.
    """

    constants: tuple[str, ...]
    parts: tuple[str, ...]
    texts: tuple[str, ...]
    json: tuple[str, ...]
    integers: tuple[str, ...]
    size: str
    steps: tuple[str, ...]


def encoder(model: Model) -> _Encoder:
    by_kind: dict[str, list[str]] = {"texts": [], "json": [], "integers": []}
    constants: list[str] = []
    parts: list[str] = []
    steps: list[str] = []
    size: list[str] = []
    fixed = 0
    pieces: list[str] = []  # Go expressions of the run that is not yet a part or a step
    pending = ""  # literal text behind them

    def flush() -> None:
        nonlocal fixed, pending
        if pieces:
            steps.append(f"b = append(b, p[{len(parts)}]...)")
            size.append(f"len(p[{len(parts)}])")
            parts.append(" + ".join([*pieces, literals.string(pending)] if pending else pieces))
        elif pending:
            steps.append(f"b = append(b, {literals.string(pending)}...)")
            fixed += len(pending.encode())
        pieces.clear()
        pending = ""

    for index, field in enumerate(model.event.fixed):
        quote = "" if field.type in ("number", "integer", "flag") else '"'
        pending += f'{"," if index else "{"}"{field.name}":{quote}'
        name = naming.go_unexported(field.name)
        if field.constant_per:
            constants.append(name)
            pieces += [literals.string(pending), f"c.{name}"]
            pending = ""
        elif field.type in ("integer", "flag"):
            flush()
            by_kind["integers"].append(name)
            steps.append(f"b = strconv.AppendUint(b, v.{name}, 10)")
            fixed += _LONGEST_INTEGER
        else:
            flush()
            by_kind["json" if field.type in ("number", "json") else "texts"].append(name)
            steps.append(f"b = append(b, v.{name}...)")
            size.append(f"len(v.{name})")
        pending += quote
    flush()
    steps.append("b = append(b, v.more...)")
    size.append("len(v.more)")
    pending = "}"
    flush()
    return _Encoder(
        constants=tuple(constants),
        parts=tuple(parts),
        texts=tuple(by_kind["texts"]),
        json=tuple(by_kind["json"]),
        integers=tuple(by_kind["integers"]),
        size=" + ".join([*size, str(fixed)]),
        steps=tuple(steps),
    )
