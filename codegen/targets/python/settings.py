"""The tables of sdk.yaml: settings and error codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codegen.model import ErrorCode, Model, Setting
from codegen.targets.python.literals import literal
from codegen.text import docstring

_SETTING_TYPES: Mapping[str, str] = {
    "integer": "int",
    "boolean": "bool",
    "string": "str",
    "list": "str | list[str]",
}


@dataclass(frozen=True, slots=True)
class _Error:
    """A code and its text, in which the limits of its field are filled in."""

    code: str
    row: str


def error(model: Model, error: ErrorCode) -> _Error:
    text = error.text
    limits = model.event.field(error.field).limits if error.field else {}
    for name, value in limits.items():
        text = text.replace(f"{{{name}}}", str(value))
    row = ", ".join(map(literal, (text, error.field, error.reason, error.outcome)))
    return _Error(literal(error.name), row)


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting as a row of the table and as a typed argument of the client."""

    row: str
    argument: str
    type: str
    doc: str


def setting(model: Model, setting: Setting) -> _Setting:
    argument = setting.arguments.get("python", setting.name)
    values = [setting.name, model.variable(setting), argument, setting.type]
    options = {
        "default": setting.default_in("python"),
        "minimum": setting.minimum,
        "maximum": setting.maximum,
        "choices": setting.choices or None,
        "required": setting.required or None,
        "secret": setting.secret or None,
        "protocol": setting.protocol,
        "librdkafka": setting.librdkafka,
        "min_length": setting.min_length,
        "max_length": setting.max_length,
        "description": setting.description,
    }
    row = [literal(value) for value in values]
    row += [f"{name}={literal(value)}" for name, value in options.items() if value is not None]
    choices = f"Literal[{', '.join(map(literal, setting.choices))}]"
    return _Setting(
        row=", ".join(row),
        argument=argument,
        type=choices if setting.type == "choice" else _SETTING_TYPES[setting.type],
        doc="\n".join(docstring(setting.description, "    ")),
    )
