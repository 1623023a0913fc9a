"""The model of sdk.yaml: packages, settings, the spool, error codes, metrics, alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codegen.model.data import Data
from codegen.model.metrics import Alert, SelfMetrics, read_alerts, read_metrics

# In the description of a setting, the name of the client.
CLIENT_NAME = "{client_name}"
# The status of an error code that has no other.
UNPROCESSABLE = 422


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    module: str
    path: str


@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    type: str
    required: bool
    default: Any
    minimum: int | None
    maximum: int | None
    choices: tuple[str, ...]
    unit: str | None
    secret: bool
    protocol: str | None
    librdkafka: str | None
    arguments: Mapping[str, str]
    description: str
    defaults: Mapping[str, Any]
    min_length: int | None = None
    max_length: int | None = None

    def default_in(self, language: str) -> Any:
        """Returns the default in one language."""
        return self.defaults.get(language, self.default)


@dataclass(frozen=True, slots=True)
class ErrorCode:
    name: str
    outcome: str
    field: str | None
    reason: str | None
    text: str
    description: str


@dataclass(frozen=True, slots=True)
class HttpError:
    """An error of the HTTP API's own; `scopes` are those whose paths have it, None for all."""

    name: str
    status: int
    text: str
    description: str
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query; `type` is as in sdk.schema.json."""

    name: str
    type: str
    description: str
    repeated: bool = False
    default: str | int | None = None
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """What GET answers for a path, in `formats`, the default first.

    `account` and `filters` add parameters that follow from the fields of an event: for the account,
    and for each dimension and key of metadata. `call` is the one of UsageClient that asks.
    """

    path: str
    title: str
    description: str
    account: bool
    filters: bool
    formats: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    call: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Another path; `bodies` by media type and `answers` by status are names of shapes."""

    path: str
    method: str
    title: str
    description: str
    scope: str | None
    parameters: tuple[Parameter, ...]
    bodies: Mapping[str, str]
    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Http:
    """What the HTTP API answers: its own errors, the statuses of error codes, and its paths."""

    statuses: Mapping[str, int]
    errors: tuple[HttpError, ...]
    reads: tuple[Read, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()

    def status(self, code: str) -> int:
        """Returns the status of an error code that rejects an event."""
        return self.statuses.get(code, UNPROCESSABLE)


@dataclass(frozen=True, slots=True)
class SpoolConstant:
    name: str
    value: int | str
    description: str


@dataclass(frozen=True, slots=True)
class Spool:
    """How accepted events are stored on disk, and what rejects one for good.

    Attributes:
        final_errors: numbers in Kafka's protocol.
        final_statuses: of HTTP.
    """

    constants: tuple[SpoolConstant, ...]
    final_errors: Mapping[str, int]
    final_statuses: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sdk:
    packages: Mapping[str, Package]
    settings: tuple[Setting, ...]
    spool: Spool
    errors: tuple[ErrorCode, ...]
    metrics: SelfMetrics
    alerts: tuple[Alert, ...]
    http: Http | None = None

    @property
    def client_name(self) -> str:
        """Returns the client's name to Kafka; a spool's directory and the threads have it too."""
        return client_name(self.packages["python"].module)


def client_name(module: str) -> str:
    """Returns `eka-usage` for the Python module `eka_usage`."""
    return module.replace("_", "-")


def read_sdk(data: Data) -> Sdk:
    module = data["packages"]["python"]["module"]
    client, metrics = client_name(module), read_metrics(data.get("metrics"), module)
    return Sdk(
        packages={
            language: Package(p["name"], p["module"], p["path"])
            for language, p in data["packages"].items()
        },
        settings=tuple(
            Setting(
                name=name,
                type=s["type"],
                required=s.get("required", False),
                default=s.get("default"),
                minimum=s.get("minimum"),
                maximum=s.get("maximum"),
                choices=tuple(s.get("choices", ())),
                unit=s.get("unit"),
                secret=s.get("secret", False),
                protocol=s.get("protocol"),
                librdkafka=s.get("librdkafka"),
                arguments=s.get("arguments", {}),
                description=s["description"].replace(CLIENT_NAME, client),
                defaults=s.get("defaults", {}),
            )
            for name, s in data["settings"].items()
        ),
        spool=Spool(
            constants=tuple(
                SpoolConstant(name, c["value"], c["description"])
                for name, c in data["spool"]["constants"].items()
            ),
            final_errors=data["spool"]["final_errors"],
            final_statuses=tuple(data["spool"].get("final_statuses", ())),
        ),
        errors=tuple(
            ErrorCode(
                name, e["outcome"], e.get("field"), e.get("reason"), e["text"], e["description"]
            )
            for name, e in data["errors"].items()
        ),
        metrics=metrics,
        alerts=read_alerts(data.get("alerts", {}), metrics),
        http=_http(data["http"]) if "http" in data else None,
    )


def _http(data: Data) -> Http:
    return Http(
        statuses=data["statuses"],
        errors=tuple(
            HttpError(
                name,
                e["status"],
                e["text"],
                e["description"],
                tuple(e["scopes"]) if "scopes" in e else None,
            )
            for name, e in data["errors"].items()
        ),
        reads=tuple(_read(path, r) for path, r in data.get("reads", {}).items()),
        endpoints=tuple(_endpoint(path, e) for path, e in data.get("endpoints", {}).items()),
    )


def _read(path: str, data: Data) -> Read:
    return Read(
        path=path,
        title=data["title"],
        description=data["description"],
        account=data.get("account", False),
        filters=data.get("filters", False),
        formats=tuple(data["formats"]),
        parameters=_parameters(data),
        call=data.get("call"),
    )


def _endpoint(path: str, data: Data) -> Endpoint:
    return Endpoint(
        path=path,
        method=data["method"],
        title=data["title"],
        description=data["description"],
        scope=data.get("scope"),
        parameters=_parameters(data),
        bodies=data.get("bodies", {}),
        answers=data["answers"],
    )


def _parameters(data: Data) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            name=name,
            type=p["type"],
            description=p["description"],
            repeated=p.get("repeated", False),
            default=p.get("default"),
            choices=tuple(p.get("choices", ())),
            minimum=p.get("minimum"),
            maximum=p.get("maximum"),
        )
        for name, p in data.get("parameters", {}).items()
    )
