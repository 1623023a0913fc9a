"""The tables of sdk.yaml in Go: settings and error codes."""

from __future__ import annotations

from codegen import naming, phrases
from codegen.model import ErrorCode, Model, Setting
from codegen.targets.go import literals
from codegen.targets.go.constants import Constant


def setting(model: Model, setting: Setting) -> str:
    argument = setting.arguments.get("go") or f"With{naming.go_exported(setting.name)}"
    return literals.row(
        literals.string(setting.name),
        literals.string(model.variable(setting)),
        literals.string(argument),
        literals.string(setting.type),
        literals.string(setting.unit or ""),
        literals.string(phrases.default_text(setting, "go") or ""),
        literals.boolean(setting.required),
        literals.boolean(setting.secret),
        literals.string(setting.protocol or ""),
        str(setting.minimum or setting.min_length or 0),
        str(setting.maximum or setting.max_length or 0),
        literals.strings(setting.choices),
        literals.string(setting.librdkafka or ""),
        literals.words(setting.description),
    )


def code(error: ErrorCode) -> Constant:
    name = f"Code{naming.go_exported(error.name)}"
    return Constant(
        literals.comment(f"{name}: {error.description}", "\t"), name, literals.string(error.name)
    )


def error(model: Model, error: ErrorCode) -> str:
    words = error.text
    if error.field:
        for name, value in model.event.field(error.field).limits.items():
            words = words.replace(f"{{{name}}}", str(value))
    return literals.row(
        f"Code{naming.go_exported(error.name)}",
        literals.string(error.outcome),
        literals.string(error.field or ""),
        literals.string(naming.go_unexported(error.field) if error.field else ""),
        literals.string(error.reason or ""),
        literals.string(words),
        literals.words(error.description),
    )
