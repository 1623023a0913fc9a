"""compose.yaml, without running it: the settings of its services agree with each other."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.sink import dsn, store

_ROOT = Path(__file__).resolve().parents[2]
_INFRA = _ROOT / "infra"
COMPOSE: Any = yaml.safe_load((_INFRA / "compose.yaml").read_text())
SERVICES: Any = COMPOSE["services"]
CONFIG = json.loads((_INFRA / "kafka-connect-sink.json").read_text())
WORKER = dict(
    line.split("=", 1) for line in COMPOSE["configs"]["worker"]["content"].strip().splitlines()
)
_INSIDE = dict(
    listener.split("://")
    for listener in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
)


def test_every_image_has_the_version_that_the_tests_run(tmp_path: Path) -> None:
    pom = (_ROOT / "tests/e2e/kafka/pom.xml").read_text()
    kafka = re.findall(r"<kafka.version>(.*)</kafka.version>", pom)[0]
    with store.open_store(f"chdb://{tmp_path}/store") as client:
        engine = str(client.command("SELECT version()"))
    images = {service["image"] for service in SERVICES.values()}
    assert images == {
        f"apache/kafka:{kafka}",
        f"clickhouse/clickhouse-server:{'.'.join(engine.split('.')[:2])}",
        "python:3.11-slim",
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_that_a_service_mounts_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.rsplit(":", 2 if volume.endswith(":ro") else 1)[0]
        if source.startswith("."):
            assert (_INFRA / source).exists(), source
        elif not source.startswith("$"):
            assert source in COMPOSE["volumes"]
    for config in SERVICES[name].get("configs", []):
        assert config["source"] in COMPOSE["configs"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_depends_only_on_services_that_become_healthy_or_complete(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert wait["condition"] == "service_completed_successfully"
            assert "ports" not in SERVICES[other], f"{other} never completes"


def test_every_service_connects_to_a_listener_of_kafka() -> None:
    inside = _INSIDE["INSIDE"]
    assert SERVICES["topics"]["environment"]["BOOTSTRAP"] == inside
    assert WORKER["bootstrap.servers"] == inside
    port = _INSIDE["OUTSIDE"].split(":")[1]
    assert SERVICES["kafka"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_connect_gets_every_variable_that_its_configuration_references() -> None:
    referred = set(re.findall(r"\$\{env:(\w+)\}", json.dumps(CONFIG)))
    given = SERVICES["connect"]["environment"]
    assert given.keys() == referred
    assert WORKER["config.providers"] == "env"
    server = SERVICES["clickhouse"]["environment"]
    prefix = next(name for name in given if name.endswith("_HOST")).removesuffix("HOST")
    user, password = server["CLICKHOUSE_USER"], server["CLICKHOUSE_PASSWORD"]
    assert (given[f"{prefix}USER"], given[f"{prefix}PASSWORD"]) == (user, password)
    assert given[f"{prefix}HOST"] in SERVICES
    address = f"{given[f'{prefix}HOST']}:{given[f'{prefix}PORT']}"
    given_dsn = SERVICES["tables"]["environment"][dsn.VARIABLE]
    assert given_dsn.endswith(f"@{address}")
    assert given_dsn.startswith(f"http://{user}:${{{prefix}PASSWORD}}")


def test_connect_mounts_the_generated_configuration_and_the_connector() -> None:
    connect = SERVICES["connect"]
    targets = {
        volume.removesuffix(":ro").rsplit(":", 1)[1]: volume for volume in connect["volumes"]
    }
    assert targets[connect["command"][2]].startswith("./kafka-connect-sink.json:")
    assert connect["configs"][0]["target"] == connect["command"][1]
    assert any(target.startswith(f"{WORKER['plugin.path']}/") for target in targets)


def test_the_tables_are_created_with_the_packages_of_the_sinks_lock() -> None:
    tables = SERVICES["tables"]
    [lock] = re.findall(r"--require-hashes -r (\S+)", tables["command"][-1])
    locked = set(re.findall(r"^([\w-]+)==", (_ROOT / lock).read_text(), re.MULTILINE))
    package = tomllib.loads((_INFRA / "pyproject.toml").read_text())["project"]
    required = {re.split("[=>]", each)[0] for each in package["dependencies"]}
    # The SDK is imported from the mounted clone, so that no release is needed.
    assert required - locked == {"eka-usage-sdk"}
    assert tables["environment"]["PYTHONPATH"] == "sdks/python/src"


def test_the_connector_keeps_no_offsets_of_its_own() -> None:
    """With them, it would skip what a restored table lacks; and ClickHouse would need Keeper."""
    assert CONFIG["exactlyOnce"] == "false"
    assert "keeper" not in (_INFRA / "compose.yaml").read_text().lower()


def test_the_readme_documents_the_connector() -> None:
    readme = (_INFRA / "README.md").read_text()
    assert f"/connectors/{CONFIG['name']}/config" in readme
    assert f"{int(CONFIG['consumer.override.max.poll.records']):,} messages at most" in readme
    for variable in SERVICES["connect"]["environment"]:
        assert variable in readme
