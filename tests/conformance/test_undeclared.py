"""Event types that the catalog lacks, where it accepts them: said apart, stored, and never billed.

By default the call does not exist.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import eka_usage
import pytest
from confluent_kafka import Message

from infra.sink.batch import Batch, Limits, _declared
from infra.sink.counts import Counts
from infra.sink.decode import Row
from infra.sink.progress import line
from tests.conformance.mutations import ROOT, copy_project

GONE = """
  gone:
    title: Gone
    owner: platform
    description: Facsimiles.
    metric_types:
      fax:
        unit: call
        removed: {in: 0.1.0, replaced_by: api/api_call}
undeclared: accept
"""
REFUSED = ["nodot", "Chat.sent", ".sent", "chat.", "chat.a b", "gone.fax", f"a.{'b' * 129}"]
PYTHON = """
import json, sys
from eka_usage import EkaClient, metrics
sent, errors = [], []
class Producer:
    def produce(self, topic, **message):
        sent.append(json.loads(message["value"]))
    def poll(self, timeout=0):
        return 0
    def flush(self, timeout=0):
        return 0
with EkaClient("s", producer=Producer(), on_error=lambda error, _: errors.append(error.code)) as c:
    c.record_metric("w", metrics.undeclared("chat.message.sent"), 2, metadata={"a": 1}, vendor="v")
    c.record("w", "chat", "message.sent")
    c.record_metric("w", metrics.undeclared("api.api_call"))
    for name in json.loads(sys.argv[1]):
        c.record_metric("w", metrics.undeclared(name))
print(json.dumps([sent, errors]))
"""
GO = """package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

func main() {
	producer := new(ekausagetest.Producer)
	errs := []string{}
	client, err := ekausage.New("s", ekausage.WithProducer(producer),
		ekausage.WithOnError(func(_ error, context map[string]any) {
			errs = append(errs, fmt.Sprint(context["code"]))
		}))
	if err != nil {
		panic(err)
	}
	client.RecordMetric("w", ekausage.Undeclared("chat.message.sent"), 2,
		ekausage.WithMetadata(map[string]any{"a": 1}), ekausage.WithVendor("v"))
	client.Record("w", "chat", "message.sent", 1, "", nil, nil)
	client.RecordMetric("w", ekausage.Undeclared("api.api_call"), 1)
	var names []string
	if err := json.Unmarshal([]byte(os.Args[1]), &names); err != nil {
		panic(err)
	}
	for _, name := range names {
		client.RecordMetric("w", ekausage.Undeclared(name), 1)
	}
	client.Shutdown()
	sent := []any{}
	for _, event := range producer.Events() {
		sent = append(sent, event)
	}
	text, _ := json.Marshal([]any{sent, errs})
	fmt.Println(string(text))
}
"""
TYPESCRIPT = """
import { writeFileSync } from "node:fs";
import { test } from "vitest";
import { EkaClient, metrics } from "../src/index.js";
import { InMemoryProducer } from "../src/testing/index.js";

test("undeclared event types are recorded apart", async () => {
  const producer = new InMemoryProducer();
  const errors: unknown[] = [];
  const onError = (error: { code: string }) => errors.push(error.code);
  const client = new EkaClient({ serviceName: "s", producer, onError });
  const metric = metrics.undeclared("chat.message.sent");
  client.record("w", metric, { quantity: 2, metadata: { a: 1 }, vendor: "v" });
  (client as any).record("w", "chat", "message.sent");
  client.record("w", metrics.undeclared("api.api_call"));
  for (const name of JSON.parse(process.env.NAMES ?? "")) {
    client.record("w", metrics.undeclared(name));
  }
  await client.shutdown();
  writeFileSync("undeclared.json", JSON.stringify([producer.events, errors]));
});
"""
KEPT = ("product", "metric_type", "status", "quantity", "is_billable", "metadata", "vendor")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that accepts undeclared event types."""
    copy = tmp_path_factory.mktemp("undeclared")
    copy_project(copy)
    catalog = copy / "schema/catalog.yaml"
    catalog.write_text(catalog.read_text(encoding="utf-8").rstrip("\n") + GONE, encoding="utf-8")
    run([sys.executable, "-m", "codegen", "generate"], copy)
    return copy


def run(command: list[str], folder: Path, **environment: str) -> str:
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def recorded(language: str, project: Path) -> tuple[list[dict[str, object]], list[str]]:
    """Runs the same calls in a language; returns the events and the codes of rejections."""
    names = json.dumps(REFUSED)
    if language == "python":
        path = {"PYTHONPATH": str(project / "sdks/python/src")}
        printed = run([sys.executable, "-c", PYTHON, names], project, **path)
    elif language == "go":
        folder = project / "sdks/go/ekausage/testdata/undeclared"
        folder.mkdir()
        (folder / "main.go").write_text(GO, encoding="utf-8")
        printed = run(["go", "run", "./ekausage/testdata/undeclared", names], project / "sdks/go")
    else:
        folder = project / "sdks/typescript"
        (folder / "tests/undeclared.test.ts").write_text(TYPESCRIPT, encoding="utf-8")
        command = ["node_modules/.bin/vitest", "run", "tests/undeclared.test.ts"]
        run(command, folder, NAMES=names)
        printed = (folder / "undeclared.json").read_text(encoding="utf-8")
    events, codes = json.loads(printed)
    return events, codes


@pytest.mark.parametrize("language", ["python", "go", "typescript"])
def test_undeclared_event_types_are_recorded_apart_and_not_billed(
    language: str, project: Path
) -> None:
    events, codes = recorded(language, project)
    known = [{name: event[name] for name in KEPT if event.get(name)} for event in events]
    assert known == [
        {
            "product": "chat",
            "metric_type": "message.sent",
            "status": "ok",
            "quantity": 2,
            "metadata": '{"a":1}',
            "vendor": "v",
        },
        {
            "product": "api",
            "metric_type": "api_call",
            "status": "ok",
            "quantity": 1,
            "is_billable": 1,
            "metadata": "{}",
        },
    ]
    assert codes == ["product.unknown", *["metric_type.unknown"] * len(REFUSED)]


def test_a_catalog_that_does_not_accept_them_has_no_such_call() -> None:
    assert not hasattr(eka_usage.metrics, "undeclared")
    go = (ROOT / "sdks/go/ekausage/zz_generated_metrics.go").read_text(encoding="utf-8")
    assert "func Undeclared" not in go
    typescript = (ROOT / "sdks/typescript/src/generated/metrics.ts").read_text(encoding="utf-8")
    assert "undeclared" not in typescript


@pytest.mark.parametrize("accepts", [False, True])
def test_a_sink_counts_them_apart_if_the_catalog_accepts_them(
    accepts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.sink.batch.ACCEPTS_UNDECLARED", accepts)
    batch = Batch(Limits(9, 9, 9), strict=True)
    row = Row(b"{}", "chat", "message.sent", "ok", "", "", 0)
    for each in (row, row._replace(is_billable=1), Row(b"{}", "api", "api_call", "ok", "", "")):
        batch.rows.append((each, cast("Message", None)))
    unknown, undeclared = batch.unknown(())
    counts = Counts(lag=0, undeclared=undeclared, unknown=unknown.total())
    assert (counts.undeclared, counts.unknown) == ((1, 1) if accepts else (0, 2))
    assert ("undeclared 1" in line(counts, 1)) is accepts
    kept = [isinstance(_declared(each), Row) for each, _ in batch.rows]
    assert kept == [accepts, False, True]
