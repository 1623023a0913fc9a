"""The client: records a service's usage, and delivers each event or reports why it cannot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from . import _checks, _http_settings, _security, _shutdown_hooks
from ._admission import Admission, Limits
from ._ambient import Ambient
from ._batch_encoder import BatchEncoder
from ._before_send import MetadataFilter
from ._bind import BoundClient, Defaults
from ._config import arguments_of, hide_config, hide_overrides
from ._failure import Failed
from ._fields import check_names
from ._generated.catalog import USAGE_TOPIC
from ._generated.fields import CLIENT_FIELDS
from ._hooks import guarded_clock, guarded_ids, guarded_monotonic
from ._host import own_hostname
from ._instance import Instance
from ._ledger import Stats
from ._outbox import Outbox
from ._outcomes import Outcomes
from ._reporting import OnError, write_log
from ._session import OpenSessions, monotonic_ns
from ._sessions import SessionRecording
from ._settings import Settings, hide_arguments
from ._settings import kafka_config as read_kafka_config
from ._spool.config import SpoolConfig
from ._spool.origin import destination
from ._spool_wiring import SpoolChoice, choose_spool, spool_opener
from ._trace import active_span
from ._transports import kafka
from ._transports.disabled import DisabledTransport
from ._transports.injected import InjectedTransport, ProducerLike
from ._transports.transport import Transport

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._generated.calls import EventFields, SettingArguments
    from ._values import Id, MetadataLike

_KEY_IN_CLEAR = (
    "the API key is sent in the clear: the address of the HTTP API is http; use https, unless a "
    "proxy encrypts"
)
_IN_CLEAR = (
    "the password is sent in the clear: the security protocol is SASL_PLAINTEXT and the mechanism "
    "PLAIN; use SASL_SSL, or a SCRAM mechanism"
)


class EkaClient(SessionRecording):
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
        clock: returns nanoseconds since 1970; `time.time_ns` by default, and where it raises or
            returns no time, which the log says.
        new_id: returns a new event or instance id; a UUIDv7 by default, and where it raises.
        before_send: called with the metadata of each event as a dict, and returns what is kept of
            it, before it is encoded, written to disk or sent; if it raises, none is.
        monotonic_clock: returns nanoseconds of a clock that nobody sets, by which sessions measure.
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
        before_send: MetadataFilter | None = None,
        monotonic_clock: Callable[[], int] = monotonic_ns,
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
        if self._settings["kafka_brokers"] is None and not named and not self._settings.uses_http:
            producer = instead
        sends = producer is None and self._ambient.redirect is None and not self._is_disabled
        if sends and self._settings.uses_http:
            _http_settings.check(self._settings)
        self._exit_timeout: float = self._settings["shutdown_timeout_ms"] / 1000
        self._service_name = _checks.service_name(service_name)
        hostname = own_hostname() if hostname is None else _checks.hostname(hostname)
        fields = {field.name: self._settings[field.name] for field in CLIENT_FIELDS}
        self._new_encoder = partial(
            BatchEncoder,
            self._service_name,
            hostname,
            guarded_clock(clock),
            guarded_ids(new_id),
            fields,
            before_send,
            active_span() if self._settings["trace_metadata"] else None,
        )
        self._monotonic = guarded_monotonic(monotonic_clock, monotonic_ns)
        self._new_outcomes = partial(Outcomes, on_error, debug)
        self._overrides = overrides
        self._producer = producer
        self._debug = self._is_watching = debug
        by_default = producer is None and self._ambient.spools
        has_spool = not self._is_disabled and (by_default or settings.get("spool") is not None)
        self._limits = Limits(self._settings["max_queue_events"], self._settings["max_queue_bytes"])
        chosen = self._choose_spool() if has_spool else SpoolChoice()
        self._spool_config, self._spool_error = chosen
        self._become(self._new_instance(self._connect, self._spool_config))
        if sends:
            self._check_connection()
        self._outbox.begin()
        self._register()

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **arguments: Any) -> Self:
        """Returns a client that is configured by a mapping, such as from a file or from flags.

        Args:
            config: settings by their names in `docs/settings.md`, and `service_name`; they override
                environment variables. None and "" are not set. `config_of()` returns that of flags.
            arguments: of the client; each overrides the configuration.

        Raises:
            ConfigError: a name is not that of a setting, or a value is not allowed.
        """
        config, arguments = hide_config(config), hide_overrides(arguments)
        return cls(**{**arguments_of(config), **arguments})

    def _check_connection(self) -> None:
        if self._settings.uses_http:
            if _http_settings.sends_token_in_clear(self._settings):
                write_log(logging.WARNING, _KEY_IN_CLEAR)
            return
        _security.check(self._settings, self._overrides)
        kafka.check(self._settings, self._overrides)
        if _security.sends_password_in_clear(self._settings, self._overrides):
            write_log(logging.WARNING, _IN_CLEAR)

    def _register(self) -> None:
        hooks = _shutdown_hooks.ShutdownHooks(self._end, self._exit_timeout, self._after_fork)
        flushes = self._settings["flush_on_sigterm"] and not self._is_disabled
        _shutdown_hooks.register(self, hooks, flush_on_sigterm=flushes)

    def _choose_spool(self) -> SpoolChoice:
        if self._ambient.redirect is not None:
            return SpoolChoice()
        if self._producer is not None:
            return choose_spool(self._settings, destination(USAGE_TOPIC, None))
        if self._settings.uses_http:
            where = _http_settings.destination(USAGE_TOPIC, self._settings["http_url"])
            return choose_spool(self._settings, where)
        brokers = self._overrides.get("bootstrap.servers", self._settings["kafka_brokers"])
        if isinstance(brokers, str):
            brokers = brokers.split(",")
        return choose_spool(self._settings, destination(USAGE_TOPIC, brokers))

    def _new_instance(
        self, connect: Callable[[Failed], Transport], spool: SpoolConfig | None = None
    ) -> Instance:
        """Returns an instance with an id of its own, whose counters are zero and queue empty."""
        outcomes, open_spool = self._new_outcomes(), None
        counting = outcomes.counting
        counting.is_on = self._is_counting
        encoder = self._new_encoder(counting=counting)
        if spool is not None:
            replay = partial(self._connect, reports=True)
            open_spool = spool_opener(spool, encoder, outcomes, self._limits, replay)
        outbox = Outbox(connect, outcomes.failed, self._limits, open_spool, counting.add_up)
        return Instance(encoder, outcomes, outbox, OpenSessions())

    def _connect(self, failed: Failed, *, reports: bool = False) -> Transport:
        if self._ambient.is_off(self._is_disabled):
            return DisabledTransport()
        redirect = self._ambient.redirect
        producer = self._producer if redirect is None else redirect
        if producer is not None:
            return InjectedTransport(producer, USAGE_TOPIC, failed)
        if self._settings.uses_http:
            from ._transports.http import HttpTransport  # slow to import, and rarely needed

            return HttpTransport(self._settings, failed)
        reports = reports or (self._spool_config is not None and self._spool_config.is_durable)
        return kafka.KafkaTransport(
            self._settings, self._overrides, USAGE_TOPIC, failed, reports=reports
        )

    def bind(
        self,
        workspace_id: Id | None = None,
        *,
        metadata: MetadataLike | None = None,
        **fields: Unpack[EventFields],
    ) -> BoundClient:
        """Returns a client whose calls have these defaults, and that shares all else with this one.

        Args:
            workspace_id: of calls that are given None.
            metadata: of each call, whose own keys win.
            fields: as for `record()`, such as `service_name` or `run_id`; those of a call win.
        """
        check_names(fields)
        return BoundClient(self, Defaults(workspace_id, metadata, dict(fields)))

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
        _, outcomes, outbox, _ = self._current()
        stats = outcomes.ledger.stats(outbox.taken, outbox.queued(), outbox.spool_stats())
        off = self._ambient.is_off(self._is_disabled)
        return stats._replace(disabled=off, spool_error=self._spool_error)

    def _spool_share(self) -> float:
        """Returns how much of the spool's disk space is used, for a server in front of others."""
        return self._current().outbox.spool_share()

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
        _, outcomes, outbox, sessions = self._current()
        sessions.abandon(outcomes.rejected)
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
        before.sessions.abandon(before.outcomes.rejected)  # each copy would end them
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

    def _count_calls(self) -> None:
        """Counts events by their names from now on, for an adapter of metrics."""
        self._current().outcomes.counting.is_on = True
        self._is_counting = self._is_watching = True

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
