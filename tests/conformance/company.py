"""The catalog of another company, with what ours does not have and without some of what it has."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FREIGHT = ROOT / "schema/examples/freight"
AFTER_FIELDS = "\n# Where events are stored"
ADDED = """
  api:
    title: API
    owner: data
    description: Direct calls.
    metric_types:
      api_call:
        unit: lookup
        description: Calls that were answered.
      class:
        unit: lookup
        identifier: grade
        description: A name that events have and Python reserves.
      api_signup:
        unit: lookup
        description: Accounts that were made.
        metadata:
          required: [plan, email, birthday]
          properties: {plan: {enum: [basic, large]}, email: {type: string}}
          pii: {email: hash, phone: hash, birthday: drop, address: drop}
      api_ping:
        title: Pings
        unit: lookup
        removed: {in: 0.2.0, replaced_by: api_call}
"""
ODD = """
      odd_value:
        unit: lookup
        aliases: [odd-values, odd.values]
        description: Rules on values that languages write and compare differently.
        metadata:
          required: [KEYS]
          properties:
VALUES
"""
VALUES = (
    *("0.00005", "0.000001", "0.0000001", "0.00000015", "0.1", "1", "0", "-1", "100.5"),
    *("1000000", "9007199254740991", "100000000000000000000", "1000000000000000000000"),
    *("true", "false", "'1'", "'true'", "'<&>'", '"\\u2028"'),
)
KEYS = (
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "length",
    "__class__",
    "a.b",
    "A-b",
)
GONE = """
  fax:
    title: Fax
    owner: data
    description: Facsimiles sent to ships.
    metric_types:
      fax_page:
        unit: tonne-km
        aggregation: max
        removed: {in: 0.1.0}
"""


FIELDS = """
  outer_api:
    title: Other APIs
    owner: data
    description: Work that others are paid for.
    fields: {required: [vendor], properties: {model: {enum: [small, 'large "é"']}}}
    metric_types:
      search: {unit: lookup, description: Searches by any vendor.}
      legal:
        unit: lookup
        description: Court files read.
        metadata: {required: [court]}
        fields:
          required: [model]
          properties: {vendor: {const: jusbrasil}, cost: {enum: [0, 0.00005, 1000000]}}
      many:
        unit: lookup
        description: Calls that sum up others.
        fields: {required: [tags, child_event_ids]}
"""


def _odd_values() -> str:
    """Returns a metric type with a required key for each odd value and each odd name."""
    rules = {f"value_{index}": f"{{const: {value}}}" for index, value in enumerate(VALUES)}
    rules |= dict.fromkeys(KEYS, "{const: 7}")
    rules |= {"any_integer": "{type: integer}", "any_number": "{type: number}"}
    lines = [f"            {key}: {rule}" for key, rule in rules.items()]
    return ODD[1:].replace("KEYS", ", ".join(rules)).replace("VALUES\n", "\n".join([*lines, ""]))


def _optional_fields() -> str:
    """Returns the fields of our event that an event may lack, which the freight example has not."""
    fields = (ROOT / "schema/event.yaml").read_text(encoding="utf-8").partition(AFTER_FIELDS)[0]
    return fields[fields.index("  environment:\n") :]


def write_schema(schema: Path) -> None:
    """Writes the freight example, with further metric types and with our optional fields."""
    shutil.copytree(FREIGHT, schema)
    with (schema / "catalog.yaml").open("a", encoding="utf-8") as catalog:
        catalog.write(ADDED + _odd_values() + GONE + FIELDS)
    event = schema / "event.yaml"
    own = event.read_text(encoding="utf-8")
    event.write_text(own.replace(AFTER_FIELDS, _optional_fields() + AFTER_FIELDS), encoding="utf-8")


# Tests that are added to the copy of each SDK, by language.
TESTS = {
    "python": (
        "sdks/python/tests/test_company.py",
        """
import hashlib, json
import tidal_usage
def test_api_aliases_are_found():
    wanted = tidal_usage.metrics.api.odd_value
    for name in ("odd-values", "odd.values", "api.odd_value"):
        assert tidal_usage.find_event_type(name) is wanted
    assert tidal_usage.find_event_type("api.api_ping") is None
    assert tidal_usage.find_event_type("api.class") is tidal_usage.metrics.api.grade
def test_api_keys_about_persons_are_replaced_after_before_send_and_in_batches():
    class Kept:
        sent = []
        def produce(self, topic, value=None, **_):
            self.sent.append(json.loads(json.loads(value)["metadata"]))
        def poll(self, timeout=0): return 0
        def flush(self, timeout=0): return 0
        def __len__(self): return 0
    metric, errors = tidal_usage.metrics.api.api_signup, []
    given = {"birthday": "b", "email": "e", "plan": "basic"}
    kept = {"email": "sha256:" + hashlib.sha256(b'"f"').hexdigest(), "plan": "basic"}
    with tidal_usage.TidalClient(
        "desk", producer=Kept(), on_error=lambda error, context: errors.append(str(error)),
        before_send=lambda metadata: metadata | {"email": "f"},
    ) as client:
        client.record_metric("desk-1", metric, metadata=given)
        call = tidal_usage.Usage("desk-1", metric.product, metric.metric_type, metadata=given)
        assert client.record_many([call])
        client.log("desk-1", metric.product, metric.metric_type, "m", metadata=given | {"phone": 1})
    with tidal_usage.TidalClient(
        "desk", producer=Kept(), on_error=lambda error, context: errors.append(str(error))
    ) as client:
        assert client.record_metric("desk-1", metric, metadata=given | {"email": 49170}) is None
    logged = kept | {"severity": "notice", "note": "m"}
    logged["phone"] = "sha256:" + hashlib.sha256(b"1").hexdigest()
    assert Kept.sent == [kept, kept, logged]
    [error] = errors
    assert "a value that is not shown" in error and "49170" not in error
def test_api_lacks_voids_and_sessions():
    errors = []
    on_error = lambda error, context: errors.append(error)
    with tidal_usage.TidalClient("desk", disabled=True, on_error=on_error) as client:
        metric = tidal_usage.metrics.api.odd_value
        assert client.void("desk-1", metric, "e-1", "sent twice") is None
        assert client.session_start("desk-1", metric, "s-1") is None
        assert client.record_amounts("desk-1", [(metric, 1, 2)], event_id="e-1") is None
    found = [(error.code, str(error).partition(": ")[2]) for error in errors]
    assert found == [
        ("status.unknown", "the catalog has no voids"),
        ("session.invalid", "the catalog has no sessions"),
        ("batch.invalid", "the catalog has no field for their cost"),
    ]
""",
    ),
    "go": (
        "sdks/go/tidalusage/company_test.go",
        """package tidalusage_test
import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	. "git.tidal.example/metering/usage/sdks/go/tidalusage"
	"git.tidal.example/metering/usage/sdks/go/tidalusage/tidalusagetest"
)
func TestVectorsOfPersonsAfterBeforeSend(t *testing.T) {
	edit := func(given map[string]any) map[string]any {
		given["email"] = "f"
		return given
	}
	client, producer := tidalusagetest.New(t, WithBeforeSend(edit))
	given := map[string]any{"birthday": "b", "email": "e", "plan": "basic"}
	usage := Usage{WorkspaceID: "desk-1", Metric: MetricAPIAPISignup, Metadata: given}
	_, one := client.RecordMetric("desk-1", usage.Metric, 1, WithMetadata(given))
	_, many := client.RecordMany([]Usage{usage})
	if one != nil || many != nil {
		t.Fatal(one, many)
	}
	want := fmt.Sprintf(`{"email":"sha256:%x","plan":"basic"}`, sha256.Sum256([]byte(`"f"`)))
	for _, event := range producer.Events() {
		if event.Metadata != want {
			t.Errorf("%s, want %s", event.Metadata, want)
		}
	}
	if len(producer.Events()) != 2 {
		t.Error(producer.Events())
	}
}
func TestVectorsOfMissingCalls(t *testing.T) {
	client, err := New("desk", WithDisabled(true), WithOnError(func(error, map[string]any) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Shutdown()
	_, void := client.Void("desk-1", MetricAPIOddValue, "e-1", "sent twice")
	_, session := client.SessionStart("desk-1", MetricAPIOddValue, "s-1")
	amount := []MetricAmount{{Metric: MetricAPIOddValue, Quantity: AmountOf(1), Cost: AmountOf(2)}}
	_, amounts := client.RecordAmounts("desk-1", amount, "e-1")
	if amounts == nil || !strings.HasSuffix(amounts.Error(), "no field for their cost") {
		t.Error(amounts)
	}
	if void == nil || !strings.HasSuffix(void.Error(), ": the catalog has no voids") {
		t.Error(void)
	}
	if session == nil || !strings.HasSuffix(session.Error(), ": the catalog has no sessions") {
		t.Error(session)
	}
}
func TestVectorsOfAliases(t *testing.T) {
	for _, name := range []string{"odd-values", "odd.values", "api.odd_value"} {
		if metric, ok := FindEventType(name); !ok || metric != MetricAPIOddValue {
			t.Errorf("%s is %v", name, metric)
		}
	}
	if metric, ok := FindEventType("api.class"); !ok || metric != MetricAPIGrade {
		t.Errorf("api.class is %v", metric)
	}
	if metric, ok := FindEventType("api.api_ping"); ok {
		t.Errorf("a removed metric type is %v", metric)
	}
}
""",
    ),
    "typescript": (
        "sdks/typescript/tests/company.test.ts",
        """
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { TidalClient, findEventType, metrics } from "../src/index.js";
import { Collector } from "./support/collector.js";
test("a catalog without voids and sessions rejects both", async () => {
  const found: string[] = [];
  const onError = (error: Error) => found.push(error.message.replace(/^.*?: /, ""));
  const client = new TidalClient({ serviceName: "desk", disabled: true, onError });
  const metric = (metrics.api as any).odd_value;
  expect(client.void("desk-1", metric, "e-1", "sent twice")).toBeUndefined();
  expect(client.sessionStart("desk-1", metric, "s-1")).toBeUndefined();
  expect(client.recordAmounts("desk-1", [[metric, 1, 2]], { eventId: "e-1" })).toBeUndefined();
  await client.shutdown();
  expect(found).toEqual([
    "the catalog has no voids",
    "the catalog has no sessions",
    expect.stringContaining("the catalog has no field for their cost"),
  ]);
});
test("keys about persons are replaced after beforeSend, and in batches", async () => {
  const producer = new Collector();
  const found: string[] = [];
  const client = new TidalClient({
    serviceName: "desk",
    producer,
    onError: (error) => found.push(error.message),
    beforeSend: (metadata) => ({ ...metadata, email: metadata["email"] === 49170 ? 49170 : "f" }),
  });
  const metric = (metrics.api as any).api_signup;
  const metadata = { birthday: "b", email: "e", plan: "basic" };
  client.record("desk-1", metric, { metadata } as any);
  client.recordMany([{ workspaceId: "desk-1", ...metric, metadata }]);
  const phone = { b: 1, a: undefined };
  client.record("desk-1", metric, { metadata: { ...metadata, phone } } as any);
  client.record("desk-1", metric, { metadata: { ...metadata, email: 49170 } } as any);
  await client.shutdown();
  const digest = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const kept = { email: digest('"f"'), plan: "basic" };
  const sent = producer.events.map((event) => JSON.parse(String(event["metadata"])));
  expect(sent).toEqual([kept, kept, { ...kept, phone: digest('{"b":1}') }]);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain("a value that is not shown");
  expect(found[0]).not.toContain("49170");
});
test("aliases are found", () => {
  for (const name of ["odd-values", "odd.values", "api.odd_value"]) {
    expect(findEventType(name)).toEqual((metrics.api as any).odd_value);
  }
  expect(findEventType("api.class")).toBe((metrics.api as any).grade);
  expect(findEventType("api.api_ping")).toBeUndefined();
});
""",
    ),
}
