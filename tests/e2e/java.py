"""Apache Kafka's jars and Java, on machines that have them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

_JARS = Path(__file__).resolve().parents[2] / ".cache" / "kafka"
_OPTIONS = ("-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


def missing() -> str:
    """Returns why Kafka cannot run here and how to fix it; empty if it can."""
    if shutil.which("java") is None:
        return "Java is not installed; Apache Kafka needs 17 or newer"
    if not (_JARS / ".ready").exists():
        return "Apache Kafka is not in .cache: run `make setup`, with Maven installed"
    return ""


def java(main: str, *arguments: str | Path, options: Sequence[str] = ()) -> list[str]:
    """Returns the command that runs one of Kafka's programs."""
    command = ["java", *_OPTIONS, *options, "-cp", f"{_JARS}/*", main]
    return [*command, *map(str, arguments)]


needs_kafka = pytest.mark.skipif(bool(missing()), reason=missing())
