"""The code of docs/metrics.md runs: what it exposes is scraped, and its events have their trace."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.broker import DevBroker
from tests.e2e.reader import read_events
from tests.environment import environment
from tests.guide.test_services import npm_project

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix) / "bin"
PAGE = ROOT / "docs/metrics.md"
IDS = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "00f067aa0ba902b7"}
EVENTS = "eka_usage_events_total"
ACCEPTED = {"outcome": "accepted", "product": "api", "metric_type": "api_call", "status": "ok"}

PYTHON = """
import json
from opentelemetry import context, metrics as otel, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import REGISTRY, generate_latest

reader = InMemoryMetricReader()
otel.set_meter_provider(MeterProvider([reader]))
{first}
from eka_usage.opentelemetry import register
register(client)
client.flush()
text = generate_latest(REGISTRY).decode()
found = {{
    metric.name: metric.data.data_points[0].value
    for metric in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    if metric.data.data_points
}}
client.shutdown()

class Tracer:
    def start_as_current_span(self, name):
        ids = trace.SpanContext(int("{trace_id}", 16), int("{span_id}", 16), is_remote=False)
        return trace.use_span(trace.NonRecordingSpan(ids))

tracer = Tracer()
{traced}
client.shutdown()
print(json.dumps({{"text": text, "otel": found, "instance": client.instance_id}}))
"""

GO = """package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/opentelemetry"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/prometheus"
	client_golang "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
)

func run() error {{
{first}
	defer client.Shutdown()
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	opentelemetry.MustRegister(client)
	if _, err := client.RecordMetric("ws-1", ekausage.MetricAPIAPICall, 3); err != nil {{
		return err
	}}
	traceID, _ := trace.TraceIDFromHex("{trace_id}")
	spanID, _ := trace.SpanIDFromHex("{span_id}")
	span := trace.NewSpanContext(trace.SpanContextConfig{{TraceID: traceID, SpanID: spanID}})
	ctx := trace.ContextWithSpanContext(context.Background(), span)
	{{
{traced}
		if err != nil {{
			return err
		}}
	}}
	if err := client.Flush(ctx); err != nil {{
		return err
	}}
	families, err := client_golang.DefaultGatherer.Gather()
	if err != nil {{
		return err
	}}
	var text bytes.Buffer
	for _, family := range families {{
		_, _ = expfmt.MetricFamilyToText(&text, family)
	}}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {{
		return err
	}}
	found := map[string]float64{{}}
	for _, one := range all.ScopeMetrics[0].Metrics {{
		if sum, ok := one.Data.(metricdata.Sum[float64]); ok && len(sum.DataPoints) > 0 {{
			found[one.Name] = sum.DataPoints[0].Value
		}}
	}}
	line, _ := json.Marshal(map[string]any{{
		"text": text.String(), "otel": found, "instance": client.InstanceID(),
	}})
	fmt.Println(string(line))
	return nil
}}

func main() {{
	if err := run(); err != nil {{
		panic(err)
	}}
}}
"""

TYPESCRIPT = """
import {{ context, metrics as otel, ROOT_CONTEXT, trace }} from "@opentelemetry/api";
import {{ MeterProvider, MetricReader }} from "@opentelemetry/sdk-metrics";
import {{ register as registerClient }} from "@eka-care/usage-sdk/opentelemetry";
import {{ metrics }} from "@eka-care/usage-sdk";
import client from "prom-client";
import {{ AsyncContextManager }} from "{support}";

class Reader extends MetricReader {{
  async onForceFlush() {{}}
  async onShutdown() {{}}
}}
const reader = new Reader();
otel.setGlobalMeterProvider(new MeterProvider({{ readers: [reader] }}));
{first}
registerClient(usage);
usage.record("ws-1", metrics.api.api_call, {{ quantity: 3 }});
await usage.flush();
const text = await client.register.metrics();
const {{ resourceMetrics }} = await reader.collect();
const found = Object.fromEntries(
  resourceMetrics.scopeMetrics[0].metrics
    .filter(({{ dataPoints }}) => dataPoints.length > 0)
    .map(({{ descriptor, dataPoints }}) => [descriptor.name, dataPoints[0].value]),
);
await usage.shutdown();

context.setGlobalContextManager(new AsyncContextManager());
const tracer = trace.getTracer("page"); // without a provider, its spans are those around them
const ids = {{ traceId: "{trace_id}", spanId: "{span_id}", traceFlags: 1 }};
const instance = await context.with(trace.setSpanContext(ROOT_CONTEXT, ids), async () => {{
{traced}
  await usage.shutdown();
  return usage.instanceId;
}});
console.log(JSON.stringify({{ text, otel: found, instance }}));
"""


def program(language: str, template: str, **more: str) -> str:
    """Returns a program around the first block of the page and the one on traces."""
    text = PAGE.read_text(encoding="utf-8")
    first, traced = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return template.format(first=first, traced=traced, **IDS, **more)


def python_program(folder: Path) -> tuple[str, ...]:
    """Writes the program in Python; returns the command that runs it."""
    (folder / "page.py").write_text(program("python", PYTHON), encoding="utf-8")
    return (sys.executable, "page.py")


def go_program(folder: Path) -> tuple[str, ...]:
    """Builds the program in Go, in a module that requires the SDK's from this clone."""
    sdk = ROOT / "sdks/go"
    modules = {"": sdk} | {
        name: sdk / "ekausage" / name for name in ("prometheus", "opentelemetry")
    }
    required, sums = dict[str, str](), set[str]()
    for module in (*modules.values(), sdk / "internal/driver"):
        text = (module / "go.mod").read_text(encoding="utf-8")
        required |= dict(re.findall(r"^\t?(?:require )?(\S+\.\S+/\S+) (v\S+)", text, re.MULTILINE))
        sums |= set((module / "go.sum").read_text(encoding="utf-8").splitlines())
    ours = "github.com/eka-care/eka-usage-sdk/sdks/go"
    replaced = [
        f"replace {ours}{name and '/ekausage/'}{name} => {path}" for name, path in modules.items()
    ]
    version = re.search(r"^go \S+$", (sdk / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    needs = [f"require {name} {number}" for name, number in required.items()]
    (folder / "go.mod").write_text("\n".join(["module page", version[0], *needs, *replaced, ""]))
    (folder / "go.sum").write_text("\n".join([*sorted(sums), ""]))
    (folder / "main.go").write_text(program("go", GO), encoding="utf-8")
    subprocess.run((str(BIN / "go"), "build", "-o", "page", "."), cwd=folder, check=True)
    return (str(folder / "page"),)


def typescript_program(folder: Path) -> tuple[str, ...]:
    """Writes the program in TypeScript, beside the SDK and the libraries that it exposes."""
    npm_project(folder)
    sdk = ROOT / "sdks/typescript"
    for name in ("@opentelemetry", "prom-client"):
        (folder / "node_modules" / name).symlink_to(sdk / "node_modules" / name)
    support = str(sdk / "tests/support/contextManager.ts")
    (folder / "page.ts").write_text(program("ts", TYPESCRIPT, support=support), encoding="utf-8")
    return (str(BIN / "node"), "page.ts")


@pytest.mark.parametrize("write", [python_program, go_program, typescript_program])
def test_the_page_exposes_its_event_and_traces_the_other(
    write: Any, tmp_path: Path, broker: DevBroker
) -> None:
    done = subprocess.run(
        write(tmp_path),
        cwd=tmp_path,
        env=environment(
            kafka_brokers=broker.bootstrap,
            spool_dir=str(tmp_path / "spool"),
            # In Go one client of the program has both.
            **({"trace_metadata": "true"} if write is go_program else {}),
        ),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    samples = [
        sample
        for family in text_string_to_metric_families(found["text"])
        for sample in family.samples
        if sample.name == EVENTS
    ]
    recorded = 2 if write is go_program else 1
    assert [(dict(sample.labels), sample.value) for sample in samples] == [(ACCEPTED, recorded)]
    assert found["otel"]["eka_usage.delivered"] == recorded
    events = [
        event
        for event in read_events(broker.bootstrap)
        if event.instance_id == found["instance"] and json.loads(event.metadata) == IDS
    ]
    assert [event.metric_type for event in events] == ["api_call"]
