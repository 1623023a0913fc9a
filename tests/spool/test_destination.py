"""However brokers are spelled, a segment says in each language that it is for the same cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from eka_usage._generated.catalog import USAGE_TOPIC
from eka_usage._generated.spool import HEADER_BYTES
from eka_usage.spool.format import Header
from eka_usage.spool.origin import destination

from tests.conformance.drivers import COMMANDS, Driver
from tests.crash.lab import CALL

_NOBODY = "127.0.0.1:1"
# The first has its text in the form of docs/spool-format.md.
_ONE_CLUSTER: Sequence[str] = (
    f"{_NOBODY},[::1]:9092,localhost:9092",
    f" localhost:9092 ,, [::1] , {_NOBODY} ",
    f"LocalHost,{_NOBODY},[::1]:9092,localhost:9092",
    f"PLAINTEXT://{_NOBODY},INTERNAL://localhost,PLAINTEXT://[::1]:9092",
)


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_cluster_has_one_destination_however_it_is_spelled(language: str, tmp_path: Path) -> None:
    expected = destination(USAGE_TOPIC, _ONE_CLUSTER[0].split(","))
    with Driver(language) as driver:
        for number, brokers in enumerate((*_ONE_CLUSTER, _NOBODY)):
            folder = tmp_path / str(number)
            settings = {"kafka_brokers": brokers, "spool": "durable", "spool_dir": str(folder)}
            driver.ask("new", settings=settings)
            driver.ask("record", call=CALL)
            headers = [Header.unpack(path.read_bytes()[:HEADER_BYTES]) for path in folder.iterdir()]
            said = {header.destination for header in headers if header is not None}
            assert (said == {expected}) == (brokers != _NOBODY), brokers
