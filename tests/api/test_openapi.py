"""The OpenAPI document: served, complete, and what the server answers to whatever follows it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.api.server import ApiServer
from tests.api.test_events import CALL
from tests.broker import DevBroker

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/openapi.yaml").read_bytes()
PATHS: dict[str, dict[str, Any]] = yaml.safe_load(DOCUMENT)["paths"]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def test_it_is_served(api: ApiServer) -> None:
    with api.client("") as client:
        response = client.get("/openapi.yaml")
    assert response.content.partition(b"\n")[2] == DOCUMENT.partition(b"\n")[2]
    assert response.headers["content-type"] == "application/yaml"


def test_it_has_every_path_that_events_are_taken_by() -> None:
    app = (ROOT / "infra/api/app.py").read_text("utf-8")
    routes = {re.sub(r":\w+}", "}", path) for path in re.findall(r'"(/[^"]+)"', app)}
    assert "/v1/events/encoded" in routes
    assert routes <= PATHS.keys()


@pytest.mark.parametrize("path", [path for path, methods in PATHS.items() if "post" in methods])
def test_every_path_that_it_has_is_there(path: str, any_workspace: httpx.Client) -> None:
    response = any_workspace.post(path.replace("{topic}", "usage-events"), content=b"")
    assert response.status_code in {400, 403}, response.text


def test_answers_are_as_described_whatever_is_sent(tmp_path: Path) -> None:
    store = ("--dsn", f"chdb://{tmp_path}/store")
    with (
        DevBroker(data_dir=tmp_path / "kafka") as broker,
        ApiServer(tmp_path, broker.bootstrap, *store) as api,
    ):
        key = api.new_key("svc", *(f"--scope={scope}" for scope in ("write", "read")))
        with api.client(key) as client:
            assert client.post("/v1/events?wait=kafka", json=CALL).status_code == 200
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "schemathesis"), "run"),
                *(f"{api.address}/openapi.yaml", "--header", f"Authorization: Bearer {key}"),
                *("--checks", ",".join(CHECKS), "--phases", "examples,fuzzing"),
                *("--max-examples", "20", "--seed", "1", "--no-color"),
                # It cannot write lines of JSON.
                *("--exclude-operation-id", "post_v1_events_encoded"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        api.kill()
    assert done.returncode == 0, done.stdout
    assert re.search(r"[0-9]{2,} generated", done.stdout), done.stdout
