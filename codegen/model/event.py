"""The model of event.yaml: the fields of an event, the call, the table."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from codegen.model.data import Data


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the event; `limits` are its constraints, by their names in event.yaml.

    A dimension is absent from an event for which it is not given. Its `calls` set it, unless the
    client does; `excludes` and `dependent_required` name other fields that must not, or must, be
    given with it, with `when_not_zero` only if it is not 0. Events of a dimension with another
    value than those `billed` are not billed.
    """

    name: str
    type: str
    set_by: str
    optional: bool
    nullable: bool
    default: Any
    constant_per: str | None
    catalog: str | None
    error: str | None
    required_error: str | None
    column: str
    since: str | None
    description: str
    limits: Mapping[str, Any]
    is_dimension: bool
    calls: tuple[str, ...]
    values: tuple[str, ...]
    excludes: tuple[str, ...]
    dependent_required: tuple[str, ...]
    when_not_zero: bool
    billed: tuple[str, ...]
    per_call: bool

    @property
    def is_always_there(self) -> bool:
        """Reports whether every event has it, also those of older SDKs."""
        return not self.is_dimension and self.since is None


# The roles of a table that no field need have.
_MAY_LACK = ("cost", "total", "parent", "children", "service")


@dataclass(frozen=True, slots=True)
class Table:
    """The table of events: its name, and the name of the column in each role."""

    database: str
    name: str
    ingested: str
    id: str
    account: str
    time: str
    accepted: str
    cost: str | None
    total: str | None
    parent: str | None
    children: str | None
    instance: str
    number: str
    service: str | None


@dataclass(frozen=True, slots=True)
class Void:
    """What void() records: the field of the voided event's id, the status, the reason's key."""

    field: str
    status: str
    reason_key: str
    reason_kept: int
    description: str


@dataclass(frozen=True, slots=True)
class Session:
    """What the session calls set: the field of the session's id, and that of the boundary."""

    field: str
    boundary: str
    timeout: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The limits of the calls that record several events at once."""

    max_events: int = 500
    max_bytes: int = 524288


@dataclass(frozen=True)  # without slots, as every metric type asks for the cached properties
class Event:
    name: str
    description: str
    positional: tuple[str, ...]
    named: tuple[str, ...]
    fields: tuple[Field, ...]
    table: Table | None
    blank: str
    log_level_key: str
    log_message_key: str
    log_message_kept: int
    void: Void | None
    session: Session | None
    batch: Batch

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    @property
    def fixed(self) -> tuple[Field, ...]:
        """Returns the fields that every event has."""
        return tuple(field for field in self.fields if not field.is_dimension)

    @property
    def client_dimensions(self) -> tuple[Field, ...]:
        """Returns the dimensions that an argument of the client sets."""
        return tuple(f for f in self.fields if f.is_dimension and f.set_by == "client")

    @cached_property
    def dimensions(self) -> tuple[Field, ...]:
        """Returns the dimensions that calls set."""
        return tuple(f for f in self.fields if f.is_dimension and f.set_by == "caller")

    def dimensions_of(self, call: str) -> tuple[Field, ...]:
        """Returns the dimensions that one call sets."""
        return tuple(field for field in self.dimensions if call in field.calls)

    @property
    def arguments(self) -> tuple[Field, ...]:
        """Returns the arguments of record(), in their order."""
        named = map(self.field, (*self.positional, *self.named))
        return (*named, *self.dimensions_of("record"))

    @cached_property
    def roles(self) -> Mapping[str, Field]:
        """Returns the fields by the part of the catalog that they carry, whatever their names.

        Only `quantity` and `metadata` may be missing, if no metric type has a rule on them.
        """
        return {field.catalog: field for field in self.fields if field.catalog is not None}


_NO_LIMITS = (
    *("type", "set_by", "optional", "nullable", "default", "constant_per", "catalog"),
    *("error", "required_error", "column", "since", "description"),
    *("calls", "values", "excludes", "dependent_required", "when_not_zero", "billed"),
    "per_call",
)
DEFAULT_CALLS = ("record", "session")


def read_event(data: Data) -> Event:
    arguments = {*data["call"]["positional"], *data["call"]["named"]}
    return Event(
        name=data["name"],
        description=data["description"],
        positional=tuple(data["call"]["positional"]),
        named=tuple(data["call"]["named"]),
        fields=tuple(_field(name, f, arguments) for name, f in data["fields"].items()),
        table=Table(**{**dict.fromkeys(_MAY_LACK), **data["table"]}) if "table" in data else None,
        blank=data["blank"],
        log_level_key=data["log"]["level_key"],
        log_message_key=data["log"]["message_key"],
        log_message_kept=data["log"]["message_kept"],
        void=Void(**data["void"]) if "void" in data else None,
        session=Session(**data["session"]) if "session" in data else None,
        batch=Batch(**data.get("batch", {})),
    )


def is_dimension(name: str, field: Data, arguments: Container[str]) -> bool:
    """Reports whether a field may be absent: it is optional, and no argument of every call."""
    by_caller = field.get("set_by") == "caller" and name not in arguments
    return field.get("optional") is True and (by_caller or field.get("set_by") == "client")


def _field(name: str, data: Data, arguments: Container[str]) -> Field:
    dimension = is_dimension(name, data, arguments)
    return Field(
        name=name,
        type=data["type"],
        set_by=data["set_by"],
        optional=data.get("optional", False),
        nullable=data.get("nullable", False),
        default=data.get("default"),
        constant_per=data.get("constant_per"),
        catalog=data.get("catalog"),
        error=f"{name}.invalid" if dimension else data.get("error"),
        required_error=f"{name}.required" if dimension else data.get("required_error"),
        column=data["column"],
        since=data.get("since"),
        description=data["description"],
        limits={key: value for key, value in data.items() if key not in _NO_LIMITS},
        is_dimension=dimension,
        calls=tuple(data.get("calls", DEFAULT_CALLS)),
        values=tuple(data.get("values", ())),
        excludes=tuple(data.get("excludes", ())),
        dependent_required=tuple(data.get("dependent_required", ())),
        when_not_zero=data.get("when_not_zero", False),
        billed=tuple(data.get("billed", ())),
        per_call=data.get("per_call", False),
    )
