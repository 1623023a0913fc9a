"""The model of event.yaml: the fields of an event, the call, the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codegen.model.data import Data


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the event; `limits` are its constraints, by their names in event.yaml."""

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
    instance: str
    number: str


@dataclass(frozen=True, slots=True)
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

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    @property
    def roles(self) -> Mapping[str, Field]:
        """Returns the fields by the part of the catalog that they carry, whatever their names.

        Only `quantity` and `metadata` may be missing, if no metric type has a rule on them.
        """
        return {field.catalog: field for field in self.fields if field.catalog is not None}


_NO_LIMITS = (
    *("type", "set_by", "optional", "nullable", "default", "constant_per", "catalog"),
    *("error", "required_error", "column", "since", "description"),
)


def read_event(data: Data) -> Event:
    return Event(
        name=data["name"],
        description=data["description"],
        positional=tuple(data["call"]["positional"]),
        named=tuple(data["call"]["named"]),
        fields=tuple(
            Field(
                name=name,
                type=f["type"],
                set_by=f["set_by"],
                optional=f.get("optional", False),
                nullable=f.get("nullable", False),
                default=f.get("default"),
                constant_per=f.get("constant_per"),
                catalog=f.get("catalog"),
                error=f.get("error"),
                required_error=f.get("required_error"),
                column=f["column"],
                since=f.get("since"),
                description=f["description"],
                limits={key: value for key, value in f.items() if key not in _NO_LIMITS},
            )
            for name, f in data["fields"].items()
        ),
        table=Table(**{"cost": None, **data["table"]}) if "table" in data else None,
        blank=data["blank"],
        log_level_key=data["log"]["level_key"],
        log_message_key=data["log"]["message_key"],
        log_message_kept=data["log"]["message_kept"],
    )
