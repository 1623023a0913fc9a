"""The code of the migration pages runs, against the catalogs of the clients that they are about."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from codegen.cli import main
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs/migration"
PYTHON = """
import json

def test_page(usage_events):
    scope = {{}}
    exec({code!r}, scope)
    assert scope["client"].flush() == 0
    rows = [[e.metric_type, str(e.quantity), e.event_id, e.session_id, e.boundary, e.device_id]
            for e in usage_events]
    print(json.dumps({{"events": rows}}, default=lambda unset: None))
"""
GO = """package billingusage_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"{module}/billingusage"
	"{module}/billingusage/billingusagetest"
)

func TestPage(t *testing.T) {{
	client, producer := billingusagetest.New(t)
{code}
	client.Flush(t.Context())
	if err != nil || !ok {{
		t.Fatal(ids, err, ok)
	}}
	rows := [][]string{{{{metric.Product(), metric.MetricType()}}}}
	for _, e := range producer.Events() {{
		rows = append(rows, []string{{e.MetricType, e.Quantity.String(), e.EventID, e.Metadata}})
	}}
	found, _ := json.Marshal(map[string]any{{"events": rows}})
	fmt.Printf("\\n%s\\n", found)
}}
"""
HTTP = """
import {{ createServer }} from "node:http";
import type {{ AddressInfo }} from "node:net";
import {{ expect, test }} from "vitest";
{code}
test("page", async () => {{
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {{
    bodies.push((await request.toArray()).join(""));
    response.end('{{"ids":["e-1"],"id":"e-1"}}');
  }});
  await new Promise<void>((resolve) => server.listen({port}, "127.0.0.1", resolve));
  expect(await report("key")).toBe("e-1");
  server.close();
  server.closeAllConnections();
  const rows = bodies.map((body) => JSON.parse(body)).map((e) => [e.event_type, e.cost, e.origin]);
  console.log(JSON.stringify({{ events: rows }}));
}});
"""
TYPESCRIPT = """
import {{ expect, test }} from "vitest";
import {{ MeistrariClient, decimal, metrics }} from "../src/index.js";
import {{ InMemoryProducer }} from "../src/testing/index.js";

test("page", async () => {{
  const producer = new InMemoryProducer();
  const client = new MeistrariClient({{ serviceName: "canvas-api", producer }});
{code}
  expect(await client.flush()).toBe(0);
  expect(client.stats().rejected).toEqual({{}});
  const rows = producer.events.map((e) => [e.metric_type, e.event_id, String(e.cost), e.vendor]);
  console.log(JSON.stringify({{ events: rows }}));
}});
"""


def project(folder: Path, name: str) -> Path:
    """Makes the project of an earlier client's catalog."""
    assert main(["init", str(folder), "--schema", str(ROOT / "schema/examples" / name)]) == 0
    return folder


def blocks(page: str, language: str) -> list[str]:
    """Returns the code on a page in one language."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def run(*command: str, cwd: Path, **env: str) -> list[list[Any]]:
    """Runs a test program, and returns the events that it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r'\{"events".*\}', done.stdout)
    assert found, done.stdout
    events: list[list[Any]] = json.loads(found[0])["events"]
    return events


def test_the_page_on_meter_lib(tmp_path: Path) -> None:
    source = project(tmp_path, "meter-lib") / "sdks/python/src"
    file = tmp_path / "test_page.py"
    code = "\n".join(blocks("meter-lib.md", "python"))
    file.write_text(PYTHON.format(code=code), encoding="utf-8")
    plugins = ("-p", "meter_usage.testing.plugin", "-p", "no:cacheprovider")
    command = (sys.executable, "-m", "pytest", "-q", "-s", *plugins, "-c", os.devnull, str(file))
    # Our own plugin is installed, and has a fixture of the same name.
    env = {"PYTHONPATH": str(source), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    amount, start, end, query = run(*command, cwd=tmp_path, **env)
    device = "us-east-ing1"
    assert amount == ["processed.basic", "24", "scan-77", None, None, device]
    assert start[0] == "on.time_hours"
    assert start[3:] == ["chat-9", "start", device]
    assert end[0] == "on.time_hours"
    assert end[3:] == ["chat-9", "end", device]
    assert query[0] == "query.time_secs"
    assert 0 <= float(query[1]) < 600


def test_the_page_on_billing_client(tmp_path: Path) -> None:
    go = project(tmp_path, "billing-client") / "sdks/go"
    module = re.search(r"^module (\S+)$", (go / "go.mod").read_text(), re.MULTILINE)
    assert module
    code = GO.format(module=module[1], code="\n".join(blocks("billing-client.md", "go")))
    (go / "billingusage/page_test.go").write_text(code, encoding="utf-8")
    found = run("go", "test", "-vet=off", "-v", "-run", "TestPage$", "./billingusage", cwd=go)
    assert found == [
        ["cluster", "container_time"],
        ["container_time", "1200", "report-7", '{"cluster":"c-1"}'],
        ["node_time", "60", "report-7", '{"cluster":"c-1"}'],
    ]


def test_the_page_on_meistrari_usage(tmp_path: Path) -> None:
    package = project(tmp_path, "meistrari") / "sdks/typescript"
    (package / "node_modules").symlink_to(ROOT / "sdks/typescript/node_modules")
    code = TYPESCRIPT.format(code="\n".join(blocks("meistrari-usage.md", "ts")))
    (package / "tests/page.test.ts").write_text(code, encoding="utf-8")
    [http] = blocks("meistrari-usage.md", "ts-http")
    port = free_port()
    http = http.replace("https://usage.example.com", f"http://127.0.0.1:{port}")
    http = http.replace("@eka-care/usage-sdk/http", "../src/http.js")
    (package / "tests/http.test.ts").write_text(HTTP.format(code=http, port=port), encoding="utf-8")
    vitest = ("node_modules/.bin/vitest", "run", "tests/http.test.ts")
    assert run(*vitest, cwd=package) == [["external.legal", 0.35, "canvas-api"]]
    vitest = ("node_modules/.bin/vitest", "run", "tests/page.test.ts")
    assert run(*vitest, cwd=package) == [
        ["input", "run-41", "0.00366", "acme-ai"],
        ["output", "run-41", "0.00848", "acme-ai"],
        ["legal", "search-8", "0.35", "jusbrasil"],
    ]


def test_each_page_is_in_the_list() -> None:
    listed = (PAGES / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in PAGES.glob("*.md") if page.name != "README.md"]
    assert len(pages) == 4
    assert [page for page in pages if f"({page})" not in listed] == []
