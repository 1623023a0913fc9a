import { compatibilityPartitioner } from "@platformatic/kafka";
import { describe, expect, test } from "vitest";
import { parseTime } from "../src/clock.js";
import { describeValue, nearest } from "../src/describe.js";
import { EventIds } from "../src/ids.js";
import {
  decimal,
  findEventType,
  findMetric,
  isMetricType,
  isProduct,
  metrics,
  products,
} from "../src/index.js";
import { murmur2 } from "../src/murmur2.js";
import { amountText, numberText } from "../src/number.js";

describe("murmur2", () => {
  test("murmur2 equals the library's Java-compatible partitioner, for keys of every length", () => {
    for (let number = 0; number < 2000; number += 1) {
      const key = Buffer.from(`${"é😀x".repeat(number % 7)}${number ** 3}`.slice(number % 5));
      expect(murmur2(key)).toBe(compatibilityPartitioner({} as never, key));
    }
  });
});

describe("event ids", () => {
  const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

  test("event ids are UUIDs of version 7, at any time", () => {
    for (const milliseconds of [0, 1, Date.now(), 2 ** 48 - 1]) {
      expect(new EventIds().mint(milliseconds, 1)).toMatch(uuid7);
    }
  });

  test("event ids begin with their time, so that they sort by it", () => {
    const ids = new EventIds();
    const minted = [1, 2 ** 20, Date.now(), Date.now() + 1].map((time) => ids.mint(time, 5));
    expect([...minted].sort()).toEqual(minted);
    expect(Number.parseInt(ids.mint(1_700_000_000_000, 1).replace("-", "").slice(0, 12), 16)).toBe(
      1_700_000_000_000,
    );
  });

  test("event ids differ between events and between clients", () => {
    const [one, other] = [new EventIds(), new EventIds()];
    const all = Array.from({ length: 1000 }, (_, seq) => [one.mint(7, seq), other.mint(7, seq)]);
    expect(new Set(all.flat()).size).toBe(2000);
  });
});

describe("decimals", () => {
  const bounds = { minimum: -5, maximum: 1e18, maxDigits: 38, integer: false };

  test.each([
    ["00.10", "0.1"],
    [".5", "0.5"],
    ["5.", "5"],
    [" +1.50e1 ", "15"],
    ["-5.000", "-5"],
    ["12345.678e-10", "0.0000012345678"],
    ["1e-7", "1e-7"],
    ["0e99999999999999999999", "0"],
  ])("the decimal %s is formatted as %s", (text, expected) => {
    expect(amountText(decimal(text), bounds)).toBe(expected);
  });

  test.each(["-5.0000000001", "-6", "1e19", "1e99999999999999999999", "", ".", "1e", "0x1", "1_0"])(
    "the decimal '%s' is out of bounds, or no number",
    (text) => expect(amountText(decimal(text), bounds)).toBeUndefined(),
  );

  test("a decimal is an integer if all behind its point are zeros", () => {
    const integers = { ...bounds, integer: true };
    expect(amountText(decimal("120.0"), integers)).toBe("120");
    expect(amountText(decimal("0.0"), integers)).toBe("0");
    expect(amountText(decimal("120.5"), integers)).toBeUndefined();
    expect(amountText(decimal("0.12e1"), integers)).toBeUndefined();
  });

  test("a decimal comes from any object whose text is a number, and never throws", () => {
    expect(String(decimal(new URL("a:0.1").pathname))).toBe("0.1");
    expect(String(decimal({ toString: () => "0.30" }))).toBe("0.30");
    expect(JSON.stringify({ cost: decimal("0.30") })).toBe('{"cost":"0.30"}');
    const broken = decimal({
      toString: () => {
        throw new Error("broken");
      },
    });
    expect(amountText(broken, bounds)).toBeUndefined();
    expect(amountText(decimal("1".repeat(100_000)), bounds)).toBeUndefined();
  });
});

describe("numbers", () => {
  test.each([
    [1, "1"],
    [-0, "0"],
    [0.1 + 0.2, "0.30000000000000004"],
    [1e21, "1e+21"],
    [5e-324, "5e-324"],
    [9007199254740993n, "9007199254740993"],
    [-(10n ** 21n), "-1e+21"],
    [10n ** 21n + 1n, "1.000000000000000000001e+21"],
    [999_999_999_999_999_999_999n, "999999999999999999999"],
  ])("the number %s is formatted as %s", (value, text) => expect(numberText(value)).toBe(text));

  test.each([Number.NaN, Number.POSITIVE_INFINITY, "1", true, null, undefined, {}])(
    "%s is not a number",
    (value) => expect(numberText(value)).toBeUndefined(),
  );
});

describe("times", () => {
  test("a Date is read by its instant, whatever its class overrides", () => {
    class Odd extends Date {
      override getTime(): number {
        throw new Error("no");
      }
    }
    expect(parseTime(new Odd(1234))).toBe(1234);
    expect(parseTime(new Date(Number.NaN))).toBeUndefined();
  });

  test.each([
    "2026-02-30T00:00:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T09:30:60Z",
    "2026-01-31T09:30Z",
    "2026-01-31T09:30:00",
    "2026-01-31T09:30:00Z\n",
    "٢٠٢٦-01-31T09:30:00Z",
  ])("%j is not a time", (text) => expect(parseTime(text)).toBeUndefined());
});

describe("look-up", () => {
  test("names are looked up, whatever their type", () => {
    expect(isProduct("api")).toBe(true);
    expect(["toString", "__proto__", "", 1, null, undefined, {}].some(isProduct)).toBe(false);
    expect(isMetricType("api", "api_call")).toBe(true);
    expect(isMetricType("api", "sms")).toBe(false);
    expect(isMetricType("nope" as "api", "api_call")).toBe(false);
  });

  test("findMetric() returns the constant", () => {
    expect(findMetric("api", "api_call")).toBe(metrics.api.api_call);
    expect(findMetric("api", "constructor")).toBeUndefined();
  });

  test("metrics has a constant for each metric type of the catalog", () => {
    const key = (name: string) => name.replaceAll(/[.-]/g, "_");
    const constants = metrics as unknown as Record<string, Record<string, unknown>>;
    expect(Object.keys(metrics)).toEqual(Object.keys(products).map(key));
    for (const [product, { metricTypes }] of Object.entries(products)) {
      for (const metricType of Object.keys(metricTypes)) {
        const constant = constants[key(product)]?.[key(metricType)];
        expect(constant).toEqual({ product, metricType });
        expect(findMetric(product, metricType)).toBe(constant);
      }
    }
  });

  test("findEventType() returns the constant", () => {
    expect(findEventType("api.api_call")).toBe(metrics.api.api_call);
    for (const name of ["api", "api.sms", "api/api_call", "", "__proto__", 1, undefined]) {
      expect(findEventType(name)).toBeUndefined();
    }
  });
});

describe("describe", () => {
  test("a value is described on one line, and cut", () => {
    expect(describeValue("a'b\n")).toBe(String.raw`'a\'b\n'`);
    expect(describeValue("x".repeat(200))).toHaveLength(83);
    expect(describeValue(10n ** 200n)).toBe("of type bigint");
    expect(describeValue(Object.create(null))).toBe("of type object");
    expect(describeValue(new Date())).toBe("of type Date");
    expect(describeValue(Symbol("s"))).toBe("of type symbol");
  });

  test("a suggestion is a name that the caller may have meant", () => {
    const names = ["api_call", "api_error", "sms"];
    expect(nearest("api_cal", names)).toBe("did you mean 'api_call'?");
    expect(nearest("API_CALL", names)).toBe("did you mean 'api_call'?");
    expect(nearest("zzzz", names)).toBe("expected one of 'api_call', 'api_error', 'sms'");
    expect(nearest(7, names)).toContain("expected one of");
  });
});
