"""The encoder of an event, as f-strings."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.model import Field, Model

_QUOTED = frozenset({"string", "timestamp", "json"})


@dataclass(frozen=True, slots=True)
class _Encoder:
    """An event as f-strings: runs of constant fields are parts, encoded once; the rest varies."""

    constants: tuple[str, ...]
    parts: tuple[str, ...]
    varying: tuple[str, ...]
    event: str


def encoder(model: Model) -> _Encoder:
    parts: list[str] = []
    event = pending = ""
    holds_constant = False

    def flush() -> None:
        nonlocal event, pending, holds_constant
        if holds_constant:
            event += f"{{constants[{len(parts)}]}}"
            parts.append(pending)
        else:
            event += pending
        pending, holds_constant = "", False

    for index, field in enumerate(model.event.fixed):
        quote = '"' if field.type in _QUOTED else ""
        pending += f'{"," if index else "{{"}"{field.name}":{quote}'
        if field.constant_per:
            pending += f"{{{field.name}}}"
            holds_constant = True
        else:
            flush()
            event += f"{{{field.name}}}"
        pending += quote
    flush()
    pending, holds_constant = "{more}}}", True
    flush()
    constants = tuple(_argument(f) for f in model.event.fixed if f.constant_per)
    return _Encoder(
        constants=(*constants, "more: str"),
        parts=tuple(parts),
        varying=tuple(sorted(_argument(f) for f in model.event.fixed if not f.constant_per)),
        event=event,
    )


def _argument(field: Field) -> str:
    return f"{field.name}: {'int' if field.type in ('integer', 'flag') else 'str'}"
