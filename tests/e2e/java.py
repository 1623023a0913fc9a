"""Apache Kafka's jars and the Java that runs them, where a machine has them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

_JARS = Path(__file__).resolve().parents[2] / ".cache" / "kafka"
_OPTIONS = ("-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


def missing() -> str:
    """What keeps Kafka from running here, and what helps; empty where nothing does."""
    if shutil.which("java") is None:
        return "Java is not installed; 17 or newer runs Apache Kafka"
    if not (_JARS / ".ready").exists():
        return "Apache Kafka is not in .cache: run `make setup`, which needs Maven for it"
    return ""


def java(main: str, *arguments: str | Path, options: Sequence[str] = ()) -> list[str]:
    """The command that runs one of Kafka's programs."""
    command = ["java", *_OPTIONS, *options, "-cp", f"{_JARS}/*", main]
    return [*command, *map(str, arguments)]


needs_kafka = pytest.mark.skipif(bool(missing()), reason=missing())
