"""Kafka through librdkafka, which queues, batches, compresses and retries on its own threads."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from .._clock import monotonic
from .._describe import describe_error
from .._failure import Failed, Failure
from .._generated.settings import CLIENT_NAME
from .._generated.spool import FINAL_ERRORS
from .._interrupts import shared_lock
from .._reporting import RateLimitedLog, logger
from .._secret import PasswordFile, reveal_properties
from .._settings import Settings
from .acks import ReplicaCheck
from .callbacks import GuardedLogger, calling, guarded, repeated_by
from .last_error import LastError

_PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001


_HOME = os.getpid()
# Its successor is likely to fail too, until the cause is gone.
_REPLACE_SECONDS = 2.0
_POLLS = 5
_BROKERS = ("bootstrap.servers", "metadata.broker.list")
_PASSWORD = "sasl.password"  # noqa: S105  its name


def check(settings: Settings, overrides: Mapping[str, Any]) -> None:
    """Checks that librdkafka accepts the settings and `overrides`.

    The producer for it has no brokers and is destroyed at once: if a process forks while a thread
    of librdkafka resolves a host name, glibc can resolve no name in the child.

    Raises:
        ConfigError: it does not.
    """
    config = {**_config(settings, overrides), "log_level": 0}
    reason = _reason({name: value for name, value in config.items() if name not in _BROKERS})
    if reason is not None:  # the exception itself may show a secret
        raise settings.rejected(reason, overrides)


def _reason(config: Mapping[str, Any]) -> str | None:
    """Returns why librdkafka rejects a configuration."""
    try:
        Producer(reveal_properties(config))
    except (KafkaException, TypeError, ValueError) as error:
        return _text(error)
    return None


class KafkaTransport:
    """Sends to one topic with a producer of its own.

    Args:
        reports: whether each delivered event is reported, as `send_reported` requires.
    """

    needs_polling = True
    _password_file: PasswordFile | None = None

    def __init__(
        self,
        settings: Settings,
        overrides: Mapping[str, Any],
        topic: str,
        failed: Failed,
        *,
        reports: bool = False,
    ) -> None:
        self._topic = topic
        # Whoever debugs librdkafka needs all of its lines.
        log = logger if "debug" in overrides else _Log()
        self._config = _config(settings, overrides)
        self._log = LastError(self._config.pop("logger", log))
        if settings.password_file is not None and _PASSWORD not in overrides:
            self._password_file = settings.password_file
            self._config["error_cb"] = _refused(self, self._config.get("error_cb"))
        if "error_cb" in self._config:
            self._config["error_cb"] = self._log.remembering(self._config["error_cb"])
        if reports:
            self._config["delivery.report.only.error"] = False
        self._expiry = _Expiry()
        self._reported = self.reporter(_nothing, failed)
        self._timeout = settings["delivery_timeout_ms"] / 1000
        self._replace_at = 0.0
        acks = (self._config.get(name) for name in ("request.required.acks", "acks"))
        one = str(next((a for a in acks if a is not None), "")) == "1"
        self._replicas = ReplicaCheck(topic) if one else None
        self._lock = shared_lock()
        # The one that is sent to, and those before it that still have events.
        self._producers: tuple[Producer, ...] = ()
        self._open()
        _made.add(self)

    def _open(self) -> None:
        producer = Producer(reveal_properties(self._config), logger=self._log)
        self._producers = (producer, *(before for before in self._producers if len(before)))
        self._produce = producer.produce
        self._opened_at = monotonic()

    def renew_password(self) -> None:
        """Reads the password file again; librdkafka authenticates by it when it reconnects."""
        if self._password_file is not None:
            self._config[_PASSWORD] = self._password_file.latest(logger.warning)
            user = self._config["sasl.username"]
            for producer in self._producers:
                producer.set_sasl_credentials(user, self._config[_PASSWORD].reveal())

    def send(self, key: str, value: str) -> None:
        self._produce(self._topic, value, key, -1, self._reported)

    def reporter(self, delivered: Callable[[], object], failed: Failed) -> Any:
        return partial(_report, delivered, self._log.explained(failed), self._expiry)

    def send_reported(self, key: bytes, event: bytes, report: Any) -> None:
        self._produce(self._topic, event, key, -1, report)

    def queued(self) -> int:
        return sum(map(len, self._producers))

    def poll(self) -> None:
        self._serve_all()
        if self._replicas is not None and not self.queued():
            # The first event was delivered, so a broker responds; and no report has to wait.
            self._replicas = self._replicas.check(self._producers[0])

    def flush(self, timeout: float) -> int:
        producers = self._producers
        for producer in producers:
            self._serve(producer.flush, timeout / len(producers))
        left = self.queued()
        for _ in range(_POLLS):  # log lines count as queued too until they are polled
            self._serve_all()
            before, left = left, self.queued()
            if left == before:
                break
        return left

    def _serve_all(self) -> None:
        for producer in self._producers:
            self._serve(producer.poll, 0)
        self._replace()

    def _serve(self, call: Callable[[float], object], timeout: float) -> None:
        try:
            calling(call, timeout)
        except KafkaException as error:
            if not _is_fatal(error):
                raise
            logger.warning("producer to be replaced after a fatal error: %s", _text(error))
            self._replace_at = monotonic() + _REPLACE_SECONDS

    def _replace(self) -> None:
        """Replaces a producer that may never deliver again, although another would.

        An idempotent one accepts nothing after a fatal error, even when the cause is gone: an ACL
        that was created late, for instance. Any other ignores a leader whose epoch is lower than
        the last, so after its topic was created again it may keep to a broker that does not lead.
        Events that expire are the sign; the others stay where they are, as they may be in flight.
        """
        now = monotonic()
        if self._replace_at and now >= self._replace_at:
            self._replace_at = 0.0
            self.purge()
            self._open()
        elif self._expiry.happened and now - self._opened_at >= self._timeout:
            with self._lock:
                if self._expiry.happened:
                    self._expiry.happened = False
                    self._open()
        elif len(self._producers) > 1:
            with self._lock:
                first, *others = self._producers
                self._producers = (first, *(before for before in others if len(before)))

    def purge(self) -> None:
        undelivered = self.queued()
        for producer in self._producers:
            producer.purge()
            # Purged events are reported by the callbacks that this serves.
            calling(producer.flush, 1)
        if undelivered and os.getpid() != _HOME:
            self.detach()  # one of its threads may wait forever; see check()

    def fork(self) -> None:
        pass  # detach_all() has detached it

    def detach(self) -> None:
        # Destroying one waits for its threads. So it gets a reference that is never released.
        import ctypes  # rarely needed, and slow to import

        for producer in self._producers:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(producer))


def _refused(
    transport: KafkaTransport, following: Callable[[KafkaError], object] | None
) -> Callable[[KafkaError], object]:
    """Returns an `error_cb` that renews a password which a broker refuses."""
    found = weakref.ref(transport)  # the producer must not keep its own transport alive
    lines = RateLimitedLog()

    def error_cb(error: KafkaError) -> None:
        transport = found()
        if transport is not None and _is_refusal(error):
            transport.renew_password()
        if following is not None:
            following(error)
        else:  # librdkafka itself logs no errors if there is an error_cb
            lines.log(logging.ERROR, "librdkafka error", f"librdkafka: {error.str()}")

    return guarded("error_cb", error_cb)


def _is_refusal(error: KafkaError) -> bool:
    """Returns whether a broker refuses the password; one that only hangs up has another code."""
    by_code = error.code() == KafkaError._AUTHENTICATION  # noqa: SLF001
    return by_code or "SASL authentication" in error.str()


class _Expiry:
    """Whether an event has waited for longer than the delivery timeout.

    It is an object of its own, as callbacks with the transport in them would be a cycle, which
    keeps the producer until the next collection.
    """

    __slots__ = ("happened",)

    def __init__(self) -> None:
        self.happened = False


def _nothing() -> None:
    """What follows a delivery that nobody counts."""


def _report_failure(
    _: Callable[[], object],
    failed: Failed,
    _expiry: _Expiry,
    error: KafkaError | None,
    message: Message,
) -> None:
    if error is not None:
        failed(_failure(error, message))


@repeated_by(_report_failure)  # a delivery may have been counted before the interruption
def _report(
    delivered: Callable[[], object],
    failed: Failed,
    expiry: _Expiry,
    error: KafkaError | None,
    message: Message,
) -> None:
    """Receives the delivery report of one event."""
    if error is None:
        delivered()
    else:
        if error.code() == KafkaError._MSG_TIMED_OUT:  # noqa: SLF001
            expiry.happened = True
        failed(_failure(error, message))


def failure_of(error: BaseException, key: bytes, event: bytes) -> Failure:
    """Returns the failure of an event that a transport rejected with this exception."""
    inner = error.args[0] if error.args else None
    final = isinstance(inner, KafkaError) and inner.code() in FINAL_ERRORS
    return Failure(describe_error(error), key, event, final=final)


def _failure(error: KafkaError, message: Message) -> Failure:
    given_up = error.code() in _PURGED
    why = "Kafka did not acknowledge it in time" if given_up else error.str()
    key, event = message.key() or b"", message.value() or b""
    return Failure(why, key, event, given_up, error.code() in FINAL_ERRORS)


_made: weakref.WeakSet[KafkaTransport] = weakref.WeakSet()


def detach_all() -> None:
    """Keeps every producer in a forked child, as destroying one would wait for missing threads.

    This includes one that is garbage already, and that the next collection would destroy.
    """
    for transport in list(_made):
        transport.detach()


class _Log:
    """Logs one line of librdkafka per second and facility; without a broker they never end."""

    def __init__(self) -> None:
        self._lines = RateLimitedLog()

    def log(self, level: int, _: str, facility: str, _name: str, line: str) -> None:
        """Called as a `logging.Logger` is."""
        self._lines.log(level, f"librdkafka {facility}", f"librdkafka: {line}")


_UNLIMITED = 2_147_483_647
_LONGEST_PAUSE_MS = 1000
_ACKS = frozenset({"acks", "request.required.acks"})
_IN_FLIGHT = frozenset({"max.in.flight", "max.in.flight.requests.per.connection"})


def _config(settings: Settings, overrides: Mapping[str, Any]) -> dict[str, Any]:
    config = {
        **settings.librdkafka(),
        **settings.password_property(logger.warning),
        "client.id": CLIENT_NAME,
        # Java's partitioner, so that a workspace has one partition whatever the language.
        "partitioner": "murmur2_random",
        # It retries only rejections that can pass, which is for the delivery timeout to end.
        "retries": _UNLIMITED,
        # A pause that is longer than this stays as it is.
        "retry.backoff.max.ms": max(_LONGEST_PAUSE_MS, settings["kafka_retry_delay_ms"]),
        # One place less, for the event that finds the queue full and is parked; but 0 is no limit.
        "queue.buffering.max.messages": max(1, settings["max_queue_events"] - 1),
        "queue.buffering.max.kbytes": settings["max_queue_bytes"] // 1024,
        # An event that neither failed nor is queued is delivered: successes need no callback.
        "delivery.report.only.error": True,
        # Otherwise it requests subscriptions to its own metrics from brokers.
        "enable.metrics.push": False,
    }
    if settings["kafka_acks"] == "all" and _ACKS.isdisjoint(overrides):
        config["enable.idempotence"] = True
        if _IN_FLIGHT.isdisjoint(overrides):
            # With more, an idempotent librdkafka spins while a broker is slow or hangs.
            config["max.in.flight"] = 1
    return {**config, **{name: _guarded(name, value) for name, value in overrides.items()}}


def _guarded(name: str, value: Any) -> Any:
    if name == "logger":
        return GuardedLogger(value)
    return guarded(name, value) if callable(value) else value


def _is_fatal(error: KafkaException) -> bool:
    inner = error.args[0] if error.args else None
    return isinstance(inner, KafkaError) and inner.fatal()


def _text(error: BaseException) -> str:
    inner = error.args[0] if error.args else error
    return inner.str() if isinstance(inner, KafkaError) else str(inner)
