"""A segment names the same cluster in every language, however its brokers are spelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from eka_usage._generated.catalog import USAGE_TOPIC
from eka_usage._generated.spool import HEADER_BYTES
from eka_usage._spool.header import Header
from eka_usage._spool.origin import destination

from tests.conformance.drivers import COMMANDS, Driver
from tests.crash.harness import CALL

_NO_BROKER = "127.0.0.1:1"
# The first is in the canonical form of docs/spool-format.md.
_ONE_CLUSTER: Sequence[str] = (
    f"{_NO_BROKER},[::1]:9092,localhost:9092",
    f" localhost:9092 ,, [::1] , {_NO_BROKER} ",
    f"LocalHost,{_NO_BROKER},[::1]:9092,localhost:9092",
    f"PLAINTEXT://{_NO_BROKER},INTERNAL://localhost,PLAINTEXT://[::1]:9092",
)


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_cluster_has_one_destination_for_every_spelling(language: str, tmp_path: Path) -> None:
    expected = destination(USAGE_TOPIC, _ONE_CLUSTER[0].split(","))
    with Driver(language) as driver:
        for number, brokers in enumerate((*_ONE_CLUSTER, _NO_BROKER)):
            folder = tmp_path / str(number)
            settings = {"kafka_brokers": brokers, "spool": "durable", "spool_dir": str(folder)}
            driver.request("new", settings=settings)
            driver.request("record", call=CALL)
            headers = [Header.unpack(path.read_bytes()[:HEADER_BYTES]) for path in folder.iterdir()]
            found = {header.destination for header in headers if header is not None}
            assert (found == {expected}) == (brokers != _NO_BROKER), brokers
