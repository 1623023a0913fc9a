"""The client: records a service's usage, and delivers each event or reports why it cannot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from . import _checks, _security, _shutdown_hooks
from ._admission import Admission, Limits, NotStoredError
from ._ambient import Ambient
from ._describe import describe_value, suggest
from ._errors import ValidationError
from ._event import EventEncoder
from ._failure import Failed
from ._fields import check_names
from ._generated.catalog import (
    DEFAULT_LOG_LEVEL,
    DEFAULT_STATUS,
    LOG_LEVELS,
    LOG_STATUS,
    USAGE_TOPIC,
)
from ._generated.fields import CLIENT_FIELDS
from ._generated.limits import QUANTITY_DEFAULT
from ._host import own_hostname
from ._instance import Instance
from ._interrupts import is_interruption, is_nested, release_lock
from ._ledger import Stats
from ._metadata import log_metadata
from ._metric import Metric
from ._outbox import Outbox
from ._outcomes import Outcomes
from ._reporting import OnError, write_log
from ._settings import Settings, hide_arguments
from ._settings import kafka_config as read_kafka_config
from ._spool.config import SpoolConfig
from ._spool_wiring import SpoolChoice, choose_spool, spool_opener
from ._stack import EnoughStack
from ._text import LONGEST, id_text
from ._transports import callbacks, kafka
from ._transports.disabled import DisabledTransport
from ._transports.injected import InjectedTransport, ProducerLike
from ._transports.transport import Transport

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._generated.calls import EventFields, Log, Record, RecordMetric, SettingArguments
    from ._generated.catalog import Status
    from ._values import Id, MetadataLike

_IN_CLEAR = (
    "the password is sent in the clear: the security protocol is SASL_PLAINTEXT and the mechanism "
    "PLAIN; use SASL_SSL, or a SCRAM mechanism"
)
_OPEN = Admission.OPEN
_mark = _shutdown_hooks.mark


def _called(name: str, method: Callable[..., str | None]) -> Callable[..., str | None]:
    """Returns the method under the name that errors and help() show."""
    method.__name__, method.__qualname__ = name, f"EkaClient.{name}"
    return method


class EkaClient:
    """Reports usage to Kafka, without ever blocking or crashing its caller.

    Create one per process and keep it: it connects by itself, survives a fork, and sends what is
    left when the process ends. All methods may be called from any thread.

    Args:
        service_name: the service that reports; part of every event.
        kafka_brokers: addresses `host:port`, as a list or separated by commas.
        kafka_config: properties of librdkafka, which override every setting.
        on_error: called with each error and its context, from the caller's thread or the client's
            own; must not block. Without it errors are logged, one line per second and code.
        debug: whether to log every accepted event at level DEBUG.
        producer: replaces Kafka, such as `eka_usage.testing.InMemoryProducer`.
        clock: returns nanoseconds since 1970; `time.time_ns` by default.
        new_id: returns a new event or instance id; a UUIDv7 by default.
        hostname: the machine's own by default.
        settings: see `docs/settings.md`; each overrides its environment variable.

    Raises:
        ConfigError: an argument or an environment variable is invalid; the text names it.
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
        clock: Callable[[], int] | None = None,
        new_id: Callable[[], str] | None = None,
        hostname: str | None = None,
        **settings: Unpack[SettingArguments],
    ) -> None:
        _shutdown_hooks.enter_process()
        # From here on, no variable has a secret that a traceback might show.
        kafka_config = overrides = read_kafka_config(kafka_config)
        settings = hide_arguments(settings)  # type: ignore[assignment]
        named = "bootstrap.servers" in overrides
        instead = self._ambient.producer if producer is None else producer
        self._settings = Settings.resolve(
            {**settings, "kafka_brokers": kafka_brokers},
            not_required=() if instead is None and not named else ("kafka_brokers",),
        )
        self._is_disabled = self._ambient.disables(self._settings, producer)
        if self._settings["kafka_brokers"] is None and not named:
            producer = instead
        self._exit_timeout: float = self._settings["shutdown_timeout_ms"] / 1000
        self._service_name = _checks.service_name(service_name)
        hostname = own_hostname() if hostname is None else _checks.hostname(hostname)
        fields = {field.name: self._settings[field.name] for field in CLIENT_FIELDS}
        self._new_encoder = partial(
            EventEncoder, self._service_name, hostname, clock, new_id, fields
        )
        self._new_outcomes = partial(Outcomes, on_error, debug)
        self._overrides = overrides
        self._producer = producer
        self._debug = debug
        by_default = producer is None and self._ambient.spools
        has_spool = not self._is_disabled and (by_default or settings.get("spool") is not None)
        self._limits = Limits(self._settings["max_queue_events"], self._settings["max_queue_bytes"])
        chosen = self._choose_spool() if has_spool else SpoolChoice()
        self._spool_config, self._spool_error = chosen
        self._become(self._new_instance(self._connect, self._spool_config))
        if producer is None and self._ambient.redirect is None and not self._is_disabled:
            _security.check(self._settings, overrides)
            kafka.check(self._settings, overrides)
            if _security.sends_password_in_clear(self._settings, overrides):
                write_log(logging.WARNING, _IN_CLEAR)
        self._outbox.begin()
        self._register()

    def _register(self) -> None:
        hooks = _shutdown_hooks.ShutdownHooks(self._end, self._exit_timeout, self._after_fork)
        flushes = self._settings["flush_on_sigterm"] and not self._is_disabled
        _shutdown_hooks.register(self, hooks, flush_on_sigterm=flushes)

    def _choose_spool(self) -> SpoolChoice:
        if self._ambient.redirect is not None:
            return SpoolChoice()
        brokers = self._overrides.get("bootstrap.servers", self._settings["kafka_brokers"])
        if isinstance(brokers, str):
            brokers = brokers.split(",")
        return choose_spool(self._settings, brokers if self._producer is None else None)

    def _new_instance(
        self, connect: Callable[[Failed], Transport], spool: SpoolConfig | None = None
    ) -> Instance:
        """Returns an instance with an id of its own, whose counters are zero and queue empty."""
        encoder, outcomes, open_spool = self._new_encoder(), self._new_outcomes(), None
        if spool is not None:
            replay = partial(self._connect, reports=True)
            open_spool = spool_opener(spool, encoder, outcomes, self._limits, replay)
        outbox = Outbox(connect, outcomes.failed, self._limits, open_spool)
        return Instance(encoder, outcomes, outbox)

    def _become(self, instance: Instance) -> None:
        """Records by this instance from now on."""
        self._process = _shutdown_hooks.process()
        self._instance = instance
        self._outbox = instance.outbox
        # What every record() needs, without a second lookup.
        self._gate = instance.outbox.gate
        self._encode = instance.encoder.encode
        self._outcomes = instance.outcomes

    def _connect(self, failed: Failed, *, reports: bool = False) -> Transport:
        if self._ambient.is_off(self._is_disabled):
            return DisabledTransport()
        redirect = self._ambient.redirect
        producer = self._producer if redirect is None else redirect
        if producer is not None:
            return InjectedTransport(producer, USAGE_TOPIC, failed)
        reports = reports or (self._spool_config is not None and self._spool_config.is_durable)
        return kafka.KafkaTransport(
            self._settings, self._overrides, USAGE_TOPIC, failed, reports=reports
        )

    def _record(  # noqa: C901  each function that it called would need a level of the stack
        self,
        workspace_id: Any,
        product: str,
        metric_type: str,
        quantity: float | Decimal = QUANTITY_DEFAULT,
        status: str = DEFAULT_STATUS,
        unit_cost: float | Decimal | None = None,
        metadata: MetadataLike | None = None,
        *,
        event_id: Id | None = None,
        occurred_at: datetime | str | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records one usage event. Never blocks, never raises.

        Args:
            workspace_id: the workspace that is billed, 1 to 256 characters; or an integer or UUID.
            product: one of `PRODUCTS`.
            metric_type: one of `METRIC_TYPES[product]`.
            quantity: in the unit of the metric type; int, float, Decimal or numpy number.
            status: one of `STATUSES`.
            unit_cost: the cost of one unit, if known.
            metadata: further details, as a mapping, a dataclass or a pydantic model; a value that
                JSON cannot represent becomes a string, and more than 32 KiB is cut.
            event_id: an idempotency key, a string, integer or UUID: two events with the same id
                count once.
            occurred_at: when it happened, an aware datetime or an RFC 3339 string; now by default.
            fields: what else is known, such as `vendor` or `run_id`; see `docs/event.schema.json`.

        Returns:
            The event's id; None if the event was rejected, which is reported to `on_error`.
        """
        if fields:
            check_names(fields)
        numbers: list[int] = []
        accepted_id = event = None
        try:
            if not _mark[0]:
                _shutdown_hooks.enter_process()
            gate = self._gate  # another thread may open it at any moment
            if gate.admission is not _OPEN and (reason := gate.reject_reason()) is not None:
                self._outcomes.rejected(
                    reason, workspace_id, product, metric_type, status, event_id
                )
                return None
            encode: Callable[..., Any] = self._encode  # CPython specializes a call of a local
            if type(workspace_id) is not str or len(workspace_id) > LONGEST:
                workspace_id = id_text(workspace_id)
                if type(workspace_id) is not str:  # even its hash may take time
                    encode = self._instance.encoder.reject
            try:
                accepted_id, event, lost = encode(
                    numbers,
                    workspace_id,
                    product,
                    metric_type,
                    quantity,
                    status,
                    unit_cost,
                    metadata,
                    event_id,
                    occurred_at,
                    fields,
                )
            except Exception as error:
                if is_interruption(error):
                    raise
                self._outcomes.rejected(error, workspace_id, product, metric_type, status, event_id)
                return None
            try:
                self._outbox.put(numbers, workspace_id, event)
            except NotStoredError:
                event = None  # so that an interruption from here on does not put it again
                self._instance.encoder.give_back(numbers)
                self._outcomes.rejected(
                    gate.full(), workspace_id, product, metric_type, status, event_id
                )
                return None
            if lost or self._debug:
                self._outcomes.accepted(accepted_id, event, lost)
        except RecursionError:
            with EnoughStack():
                self._recover(numbers, workspace_id, event)
                if event is None:
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
                        **fields,
                    )
        except BaseException:
            self._recover(numbers, workspace_id, event)
            raise
        return accepted_id

    # Type checkers see the generated overloads; at run time it is the plain method.
    record = cast("Record", _called("record", _record))

    def _record_metric(
        self,
        workspace_id: Id,
        metric: Metric,
        quantity: float | Decimal = QUANTITY_DEFAULT,
        status: Status = DEFAULT_STATUS,
        unit_cost: float | Decimal | None = None,
        metadata: MetadataLike | None = None,
        *,
        event_id: Id | None = None,
        occurred_at: datetime | str | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records one usage event by a constant of `eka_usage.metrics`; see `record()`."""
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
            **fields,
        )

    record_metric = cast("RecordMetric", _called("record_metric", _record_metric))

    def _log(
        self,
        workspace_id: Id,
        product: str,
        metric_type: str,
        message: str,
        level: str = DEFAULT_LOG_LEVEL,
        metadata: MetadataLike | None = None,
        *,
        event_id: Id | None = None,
        occurred_at: datetime | str | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records one failure: an event of status `LOG_STATUS` with the message in its metadata.

        Args:
            workspace_id, product, metric_type: as for `record()`.
            message: what happened; metadata key `message`.
            level: one of `LOG_LEVELS`; metadata key `level`.
            metadata: further details.
            event_id, occurred_at, fields: as for `record()`.

        Returns:
            As for `record()`.
        """
        known = _checks.log_level(level)
        details = log_metadata(metadata, known or DEFAULT_LOG_LEVEL, message)
        accepted_id = self._record(
            workspace_id,
            product,
            metric_type,
            status=LOG_STATUS,
            metadata=details,
            event_id=event_id,
            occurred_at=occurred_at,
            **fields,
        )
        if known is None and accepted_id is not None:
            self._outcomes.degraded(
                f"level {describe_value(level)}: {suggest(level, LOG_LEVELS)}", accepted_id
            )
        return accepted_id

    log = cast("Log", _called("log", _log))

    def flush(self, timeout: float | None = None) -> int:
        """Waits until every accepted event is delivered or has failed, including those on disk.

        Args:
            timeout: seconds; the setting `shutdown_timeout_ms` by default.

        Returns:
            How many events are still in flight or pending on disk; 0 is success.
        """
        return self._current().outbox.flush(self._seconds(timeout))

    def stats(self) -> Stats:
        """Returns the counters of this client in this process."""
        _, outcomes, outbox = self._current()
        stats = outcomes.ledger.stats(outbox.taken, outbox.queued(), outbox.spool_stats())
        off = self._ambient.is_off(self._is_disabled)
        return stats._replace(disabled=off, spool_error=self._spool_error)

    def shutdown(self, timeout: float | None = None) -> int:
        """Sends what is queued; events that Kafka does not acknowledge in time are spilled.

        Without a spool they are given up and reported to `on_error` as `shutdown.timeout`, which
        may take longer than `timeout`. With a spool the wait ends once Kafka acknowledges nothing
        any more, since the next process sends the rest. Afterwards `record()` rejects events with
        `client.closed`. May be called any number of times.

        Args:
            timeout: seconds; the setting `shutdown_timeout_ms` by default.

        Returns:
            How many events were given up.
        """
        _, outcomes, outbox = self._current()
        undelivered = outbox.close(self._seconds(timeout))
        outcomes.close()
        _shutdown_hooks.unregister(self)
        if self._spool_config is not None:
            self._spool_config.directory.close()
        return undelivered

    def reset_after_restore(self, timeout: float | None = None) -> int:
        """Makes the client a new instance, in a process restored from a snapshot of its memory.

        Call it in each process that is restored, before it records: otherwise all copies have one
        instance_id, the same sequence numbers and the same files on disk. Each copy sends what was
        queued in the snapshot, and it counts once. A closed client stays closed. The argument and
        the result are those of `shutdown()`.
        """
        before = self._current()
        if before.outbox.gate.admission is Admission.CLOSED:
            return 0
        self._become(self._new_instance(self._connect, self._spool_config))
        undelivered = before.outbox.close(self._seconds(timeout))
        before.outcomes.close()
        self._outbox.begin()
        return undelivered

    async def aflush(self, timeout: float | None = None) -> int:
        """Flushes as `flush()` does, without blocking the event loop."""
        from asyncio import to_thread  # slow to import, and the caller has imported it

        return await to_thread(self.flush, timeout)

    async def ashutdown(self, timeout: float | None = None) -> int:
        """Shuts down as `shutdown()` does, without blocking the event loop.

        If the task is cancelled meanwhile, the client still shuts down.
        """
        from asyncio import to_thread

        return await to_thread(self.shutdown, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        if "_instance" not in vars(self):  # a traceback shows a client whose constructor failed
            return "EkaClient(not created)"
        names = f"service_name={self._service_name!r}, topic={USAGE_TOPIC!r}"
        return f"EkaClient({names}, instance_id={self.instance_id!r})"

    @property
    def instance_id(self) -> str:
        """The id of this client in this process, which is part of every event."""
        return self._current().encoder.instance_id

    def _current(self) -> Instance:
        """Returns the instance of this process, which may be a copy of another."""
        if not _mark[0]:
            _shutdown_hooks.enter_process()
        return self._instance

    def _recover(self, numbers: list[int], workspace_id: str, event: str | None) -> None:
        """Makes the client usable after an exception of the host's, at whatever instruction.

        Nothing interrupts this, as such exceptions come one at a time.
        """
        if not is_nested():
            release_lock()
            callbacks.recover()
            self._outcomes.recover()
        if event is None and numbers:
            self._instance.encoder.give_back(numbers)
        self._outbox.recover(numbers, workspace_id, event)

    def _end(self, timeout: float) -> None:
        self.shutdown(timeout)
        if self._outbox.gave_up:
            self._outbox.detach()

    def _after_fork(self) -> None:
        if self._process is not _shutdown_hooks.process():
            connect = self._outbox.connection.after_fork()
            if self._spool_config is not None:
                self._spool_config = self._spool_config.renewed()
            self._become(self._new_instance(connect, self._spool_config))

    @contextmanager
    def _another_instance(self) -> Generator[None]:
        """Makes the client another instance within the context, without a spool."""
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
