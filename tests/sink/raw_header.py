"""Produces a message with a header name that is not UTF-8, which the Python client cannot."""

from __future__ import annotations

import ctypes
from importlib.metadata import distribution

_TOPIC, _VALUE, _FLAGS, _HEADER, _COPY = 1, 4, 7, 9, 2


def produce_with_header_name(
    bootstrap: str, topic: str, name: bytes, value: bytes, times: int
) -> None:
    """Produces messages by librdkafka itself."""
    [library] = [
        each
        for each in distribution("confluent-kafka").files or []
        if each.name.startswith("librdkafka") and each.suffix not in {".py", ".pyc"}
    ]
    librdkafka = ctypes.CDLL(str(library.locate()))
    librdkafka.rd_kafka_conf_new.restype = ctypes.c_void_p
    librdkafka.rd_kafka_new.restype = ctypes.c_void_p
    error = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(librdkafka.rd_kafka_conf_new())
    for setting in ((b"bootstrap.servers", bootstrap.encode()), (b"enable.metrics.push", b"false")):
        assert librdkafka.rd_kafka_conf_set(conf, *setting, error, len(error)) == 0, error.value
    producer = ctypes.c_void_p(librdkafka.rd_kafka_new(0, conf, error, len(error)))
    assert producer.value, error.value
    try:
        for _ in range(times):
            failed = librdkafka.rd_kafka_producev(
                producer,
                *(_TOPIC, topic.encode()),
                *(_FLAGS, _COPY),
                *(_VALUE, value, ctypes.c_size_t(len(value))),
                *(_HEADER, name, b"1", ctypes.c_ssize_t(1)),
                0,
            )
            assert failed == 0
        assert librdkafka.rd_kafka_flush(producer, 30_000) == 0
    finally:
        librdkafka.rd_kafka_destroy(producer)
