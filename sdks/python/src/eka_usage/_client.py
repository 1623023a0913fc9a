"""The client: takes usage from a service, and sees that each event is delivered or heard of."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from . import _checks, _shutdown_hooks
from ._admission import Admission, Limits
from ._describe import describe_value, suggest
from ._errors import ValidationError
from ._event import EventEncoder
from ._failure import Failed
from ._generated.catalog import (
    DEFAULT_LOG_LEVEL,
    DEFAULT_STATUS,
    LOG_LEVELS,
    LOG_STATUS,
    USAGE_TOPIC,
)
from ._generated.limits import QUANTITY_DEFAULT
from ._host import own_hostname
from ._ledger import Stats
from ._metadata import log_metadata
from ._metric import Metric
from ._outbox import Outbox
from ._outcomes import Outcomes
from ._reporting import OnError
from ._settings import Settings
from ._settings import kafka_config as read_kafka_config
from ._spool.config import SpoolConfig
from ._spool_wiring import spool_config, spool_opener
from ._transports import kafka
from ._transports.injected import InjectedTransport, ProducerLike
from ._transports.transport import Transport

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._generated.calls import Log, Record, SettingArguments
    from ._generated.catalog import Status

_OPEN = Admission.OPEN


def _called(name: str, method: Callable[..., str | None]) -> Callable[..., str | None]:
    """The method under the name by which errors and help() should show it."""
    method.__name__, method.__qualname__ = name, f"EkaClient.{name}"
    return method


class Ambient(NamedTuple):
    """What surrounds every client of the process; the pytest plugin changes it.

    Attributes:
        producer: takes the place of Kafka where neither brokers nor a producer are given.
        spools: whether a client of Kafka keeps events on disk where its caller leaves it open.
        redirect: takes the events of every client, whatever the client was made with.
    """

    producer: ProducerLike | None = None
    spools: bool = True
    redirect: ProducerLike | None = None


class Instance(NamedTuple):
    """What a client is in one process: an id, numbers from 1, counters and a queue."""

    encoder: EventEncoder
    outcomes: Outcomes
    outbox: Outbox


class EkaClient:
    """Reports usage to Kafka, without ever blocking or crashing its caller.

    Make one a process and keep it: it connects by itself, survives a fork, and sends what is left
    when the process ends. All methods may be called from any thread.

    Args:
        service_name: the service that reports; stands in every event.
        kafka_brokers: addresses `host:port`, as a list or separated by commas.
        kafka_config: properties of librdkafka, which override every setting.
        on_error: called with each error and its context, from the caller's thread or the client's
            own; must not block. Without it errors are logged, a line a second for each code.
        debug: whether to log every accepted event, at level DEBUG.
        producer: used in place of Kafka, for instance `eka_usage.testing.InMemoryProducer`.
        clock: nanoseconds since 1970, in place of `time.time_ns`.
        new_id: mints event and instance ids, in place of UUIDv7.
        hostname: in place of the machine's own.
        settings: see `docs/settings.md`; each overrides its environment variable.

    Raises:
        ConfigError: an argument or an environment variable cannot be used; it says which and why.
    """

    _ambient: ClassVar = Ambient()

    def __init__(
        self,
        service_name: str,
        kafka_brokers: str | list[str] | None = None,
        kafka_config: Mapping[str, Any] | None = None,
        on_error: OnError | None = None,
        debug: bool = False,
        producer: ProducerLike | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
        new_id: Callable[[], str] | None = None,
        hostname: str | None = None,
        **settings: Unpack[SettingArguments],
    ) -> None:
        overrides = read_kafka_config(kafka_config)
        named = "bootstrap.servers" in overrides
        instead = self._ambient.producer if producer is None else producer
        self._settings = Settings.resolve(
            {**settings, "kafka_brokers": kafka_brokers},
            os.environ,
            not_required=() if instead is None and not named else ("kafka_brokers",),
        )
        if self._settings["kafka_brokers"] is None and not named:
            producer = instead
        self._exit_timeout: float = self._settings["shutdown_timeout_ms"] / 1000
        self._service_name = _checks.service_name(service_name)
        self._hostname = own_hostname() if hostname is None else _checks.hostname(hostname)
        self._overrides = overrides
        self._producer = producer
        self._clock = clock
        self._new_id = new_id
        self._on_error = on_error
        self._debug = debug
        unasked = producer is None and self._ambient.spools
        has_spool = unasked or settings.get("spool") is not None
        self._limits = Limits(self._settings["max_queue_events"], self._settings["max_queue_bytes"])
        self._spool_config = self._configure_spool() if has_spool else None
        self._become(self._new_instance(self._connect, self._spool_config))
        if producer is None and self._ambient.redirect is None:
            self._settings.require_credentials(overrides)
            kafka.check(self._settings, overrides)
        self._outbox.begin()
        self._register()

    def _register(self) -> None:
        hooks = _shutdown_hooks.ShutdownHooks(self._end, self._exit_timeout, self._after_fork)
        _shutdown_hooks.register(self, hooks, flush_on_sigterm=self._settings["flush_on_sigterm"])

    def _configure_spool(self) -> SpoolConfig | None:
        if self._ambient.redirect is not None:
            return None
        brokers = self._overrides.get("bootstrap.servers", self._settings["kafka_brokers"])
        if isinstance(brokers, str):
            brokers = brokers.split(",")
        return spool_config(self._settings, brokers if self._producer is None else None)

    def _new_instance(
        self, connect: Callable[[Failed], Transport], spool: SpoolConfig | None = None
    ) -> Instance:
        """Returns an instance with an id of its own, whose counters and queue are empty."""
        encoder = EventEncoder(self._service_name, self._hostname, self._clock, self._new_id)
        outcomes = Outcomes(self._on_error, self._debug)
        open_spool = None
        if spool is not None:
            replay = partial(self._connect, reports=True)
            open_spool = spool_opener(spool, encoder.instance_id, outcomes, self._limits, replay)
        return Instance(
            encoder, outcomes, Outbox(connect, outcomes.failed, self._limits, open_spool)
        )

    def _become(self, instance: Instance) -> None:
        """Records by this instance from now on."""
        self._instance = instance
        self._outbox = instance.outbox
        # What every record() needs, one look-up away.
        self._gate = instance.outbox.gate
        self._encode = instance.encoder.encode
        self._put = instance.outbox.put
        self._outcomes = instance.outcomes

    def _connect(self, failed: Failed, *, reports: bool = False) -> Transport:
        redirect = self._ambient.redirect
        producer = self._producer if redirect is None else redirect
        if producer is not None:
            return InjectedTransport(producer, USAGE_TOPIC, failed)
        reports = reports or (self._spool_config is not None and self._spool_config.is_durable)
        return kafka.KafkaTransport(
            self._settings, self._overrides, USAGE_TOPIC, failed, reports=reports
        )

    def _record(
        self,
        workspace_id: str,
        product: str,
        metric_type: str,
        quantity: float | Decimal = QUANTITY_DEFAULT,
        status: str = DEFAULT_STATUS,
        unit_cost: float | Decimal | None = None,
        metadata: Mapping[str, object] | None = None,
        *,
        event_id: str | None = None,
        occurred_at: datetime | str | None = None,
    ) -> str | None:
        """Reports one event of usage. Never waits for anything, never raises.

        Args:
            workspace_id: the customer's workspace that is billed, 1 to 256 characters.
            product: one of `PRODUCTS`.
            metric_type: one of `METRIC_TYPES[product]`.
            quantity: how much, in the unit of the metric type; int, float, Decimal or numpy number.
            status: one of `STATUSES`.
            unit_cost: what one unit costs, if known.
            metadata: further details; what JSON cannot say becomes a string, and more than 32 KiB
                is cut.
            event_id: an idempotency key: two events of one id count once.
            occurred_at: when it happened, an aware datetime or an RFC 3339 string; now by default.

        Returns:
            The event's id; None where the event was not accepted, which `on_error` has heard.
        """
        gate = self._gate  # another thread may open it at any moment
        if gate.admission is not _OPEN and (reason := gate.reject_reason()) is not None:
            self._outcomes.rejected(reason, workspace_id, product, metric_type, status, event_id)
            return None
        try:
            accepted_id, event, lost = self._encode(
                workspace_id,
                product,
                metric_type,
                quantity,
                status,
                unit_cost,
                metadata,
                event_id,
                occurred_at,
            )
        except Exception as error:
            self._outcomes.rejected(error, workspace_id, product, metric_type, status, event_id)
            return None
        self._put(workspace_id, event)
        if lost or self._debug:
            self._outcomes.accepted(accepted_id, event, lost)
        return accepted_id

    # Type checkers see the generated overloads; at run time it is the plain method.
    record = cast("Record", _called("record", _record))

    def record_metric(
        self,
        workspace_id: str,
        metric: Metric,
        quantity: float | Decimal = QUANTITY_DEFAULT,
        status: Status = DEFAULT_STATUS,
        unit_cost: float | Decimal | None = None,
        metadata: Mapping[str, object] | None = None,
        *,
        event_id: str | None = None,
        occurred_at: datetime | str | None = None,
    ) -> str | None:
        """`record()` with a constant of `eka_usage.metrics` in place of product and metric type."""
        try:
            product, metric_type = _checks.metric_names(metric)
        except ValidationError as fault:
            self._outcomes.rejected(fault, workspace_id, metric, metric, status, event_id)
            return None
        return self._record(
            workspace_id,
            product,
            metric_type,
            quantity,
            status,
            unit_cost,
            metadata,
            event_id=event_id,
            occurred_at=occurred_at,
        )

    def _log(
        self,
        workspace_id: str,
        product: str,
        metric_type: str,
        message: str,
        level: str = DEFAULT_LOG_LEVEL,
        metadata: Mapping[str, object] | None = None,
    ) -> str | None:
        """Reports one failure: an event of status `LOG_STATUS` whose metadata says what happened.

        Args:
            workspace_id, product, metric_type: as for `record()`.
            message: what happened; metadata key `message`.
            level: one of `LOG_LEVELS`; metadata key `level`.
            metadata: further details.

        Returns:
            As `record()` does.
        """
        known = _checks.log_level(level)
        details = log_metadata(metadata, known or DEFAULT_LOG_LEVEL, message)
        accepted_id = self._record(
            workspace_id, product, metric_type, status=LOG_STATUS, metadata=details
        )
        if known is None and accepted_id is not None:
            self._outcomes.degraded(
                f"level {describe_value(level)}: {suggest(level, LOG_LEVELS)}", accepted_id
            )
        return accepted_id

    log = cast("Log", _called("log", _log))

    def flush(self, timeout: float | None = None) -> int:
        """Waits until every accepted event is delivered or has failed, those on disk too.

        Args:
            timeout: seconds; the setting `shutdown_timeout_ms` by default.

        Returns:
            How many events are still in flight or wait on disk; 0 is success.
        """
        return self._outbox.flush(self._seconds(timeout))

    def stats(self) -> Stats:
        """What became of the events of this client, in this process."""
        taken = self._outbox.taken
        queued = self._outbox.queued()
        return self._outcomes.ledger.stats(taken, queued, self._outbox.spool_stats())

    def shutdown(self, timeout: float | None = None) -> int:
        """Sends what is queued; what Kafka does not take in time stays on disk, or is given up.

        With a spool it stops waiting once Kafka takes nothing any more: the next process goes on.
        Afterwards `record()` is refused with `client.closed`. May be called any number of times.
        The time that `on_error` takes to hear of what was given up comes on top.

        Args:
            timeout: seconds; the setting `shutdown_timeout_ms` by default.

        Returns:
            How many events were given up; `on_error` heard `shutdown.timeout` of each.
        """
        undelivered = self._outbox.close(self._seconds(timeout))
        self._outcomes.close()
        _shutdown_hooks.unregister(self)
        return undelivered

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return (
            f"EkaClient(service_name={self._service_name!r}, topic={USAGE_TOPIC!r},"
            f" instance_id={self.instance_id!r})"
        )

    @property
    def instance_id(self) -> str:
        """Identifies this client in this process; stands in every event."""
        return self._instance.encoder.instance_id

    def _end(self, timeout: float) -> None:
        self.shutdown(timeout)
        if self._outbox.gave_up:
            self._outbox.detach()

    def _after_fork(self) -> None:
        connect = self._outbox.connection.after_fork()
        self._become(self._new_instance(connect, self._spool_config))

    def _begin_anew(self) -> None:
        """Becomes another instance, which connects when it first records."""
        self._outbox.close(0)
        self._become(self._new_instance(self._connect))

    @contextmanager
    def _another_instance(self) -> Generator[None]:
        """Within the context the client is another instance, which has no spool."""
        before = self._instance
        self._become(self._new_instance(self._connect))
        try:
            yield
        finally:
            self._outbox.close(0)
            self._become(before)
            self._register()  # it may have been shut down meanwhile

    def _seconds(self, timeout: float | None) -> float:
        return self._exit_timeout if timeout is None else max(0.0, float(timeout))
