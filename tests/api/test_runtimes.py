"""UsageClient of the TypeScript SDK, as it is built, in each runtime that has `fetch`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.server import ApiServer
from tests.api.test_events import stored
from tests.broker import DevBroker
from tests.conformance.drivers import ROOT, build

# The arguments with which each runs a program that may reach the loopback interface alone.
RUNTIMES = {
    "node": (),
    "deno": ("run", "--no-prompt", "--allow-net=127.0.0.1"),
    "bun": (),
}

PROGRAM = """
import { UsageClient } from "%s";

const [baseUrl, token] = globalThis.Deno?.args ?? process.argv.slice(2);
const client = new UsageClient({ baseUrl, origin: "svc" });
const event = { workspaceId: "mine", product: "api", metricType: "api_call", quantity: 2 };
const failed = async (key, event) => {
  try {
    await client.emit(key, event);
  } catch (error) {
    return [error.name, error.status, error.code];
  }
};
console.log(
  JSON.stringify({
    ids: [await client.emit(token, event), ...(await client.emitMany(token, [event, event]))],
    invalid: await failed(token, { ...event, metricType: "none" }),
    refused: await failed(`${token}x`, event),
  }),
);
"""


@pytest.mark.parametrize("name", RUNTIMES)
def test_events_arrive_and_errors_are_named(
    name: str, api: ApiServer, broker: DevBroker, tmp_path: Path
) -> None:
    runtime = shutil.which(name, path=f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}")
    if runtime is None:
        pytest.skip(f"{name} is not installed")
    build("typescript")
    program = tmp_path / "program.mjs"
    module = ROOT / "sdks/typescript/dist/http.js"
    program.write_text(PROGRAM % module.as_uri(), "utf-8")
    command = [runtime, *RUNTIMES[name], str(program), api.address, api.new_key("svc")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [str(event.quantity) for event in stored(broker, *found["ids"])] == ["2"] * 3
    assert found["invalid"] == ["UsageError", 422, "metric_type.unknown"]
    assert found["refused"] == ["UsageError", 401, "key.unknown"]
