"""Constants of the Go package and of its internal packages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen import naming, phrases
from codegen.model import Model
from codegen.targets.go import literals

# Constants of these calls are in internal/encode.
_INTERNAL = ("log_", "void_", "session_", "batch_", "undeclared_")


@dataclass(frozen=True, slots=True)
class Constant:
    comment: str
    name: str
    value: str


def constants(model: Model) -> Iterator[Constant]:
    for constant in phrases.constants(model):
        if constant.name.startswith(_INTERNAL) or constant.name.endswith("_partitions"):
            continue  # nothing reads the partitions
        spelled = naming.go_exported(constant.name)
        name = "SDKVersion" if constant.name == "sdk_version" else spelled
        yield _constant(name, f"is {constant.about}.", constant.value)
    for status in model.catalog.statuses:
        name = f"Status{naming.go_exported(status.name)}"
        yield _constant(name, f"is a status: {status.description}", status.name)
    for level in model.catalog.log_levels:
        yield _constant(f"LogLevel{naming.go_exported(level)}", "is a level of Log.", level)


def _constant(name: str, about: str, value: str | float) -> Constant:
    literal = literals.string(value) if isinstance(value, str) else literals.number(value)
    return Constant(literals.comment(f"{name} {about}"), name, literal)


def limits(model: Model) -> Iterator[Constant]:
    for field in model.event.fixed:
        default = {} if field.default is None else {"default": field.default}
        for limit, value in {**default, **phrases.limits(field)}.items():
            name = naming.go_unexported(f"{field.name}_{limit}")
            about = f"{name} is the {limit} of {field.name}."
            literal = literals.string(value) if isinstance(value, str) else literals.number(value)
            yield Constant(literals.comment(about), name, literal)
    for constant in phrases.constants(model):
        if constant.name.startswith(_INTERNAL) and constant.name != "log_status":
            name = naming.go_unexported(constant.name)
            yield _constant(name, f"is {constant.about}.", constant.value)
    yield Constant(
        literals.comment("blankCharacters make a string blank if it holds nothing else."),
        "blankCharacters",
        literals.string(model.event.blank),
    )


def names(model: Model) -> Iterator[Constant]:
    for constant in phrases.names(model):
        name = naming.go_unexported(constant.name)
        about = literals.comment(f"{name} is {constant.about}.")
        yield Constant(about, name, literals.string(str(constant.value)))


def spool(model: Model) -> Iterator[Constant]:
    for constant in model.sdk.spool.constants:
        name = naming.go_unexported(constant.name)
        about = f"{name}: {constant.description}"
        value = constant.value
        literal = literals.string(value) if isinstance(value, str) else literals.number(value)
        yield Constant(literals.comment(about), name, literal)


def rejection_codes(model: Model) -> Iterator[Constant]:
    """Yields the codes of an invalid argument, of `Record` or of `New`."""
    fixed = {None, *(field.name for field in model.event.fixed)}
    for error in model.sdk.errors:
        if error.field not in fixed:
            continue  # the rows of these fields make their codes
        if error.outcome == "refused" or (error.outcome == "rejected" and error.field):
            name = naming.go_unexported(f"code_{error.name}")
            yield _constant(name, "is a code of the closed set.", error.name)
