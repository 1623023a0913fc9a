"""The mutants of each SDK: one broken table or rule, and the check that has to detect it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """Replaces the second group of the first match of a pattern in a file of an SDK's package."""

    what: str
    file: str
    pattern: str
    replace: Callable[[str], str]
    check: str = "vectors"

    def applied(self, text: str) -> str:
        """Returns the mutated text."""
        match = re.search(self.pattern, text, re.DOTALL)
        if match is None:
            raise LookupError(f"{self.file}: nothing matches {self.pattern}; fix the mutation")
        return text[: match.start(2)] + self.replace(match[2]) + text[match.end(2) :]


def one_more(number: str) -> str:
    """Returns a limit that is off by one."""
    return str(int(number) + 1)


def misspelled(name: str) -> str:
    """Returns a name that no catalog has."""
    return f"{name}x"


def negated(value: str) -> str:
    """Returns the opposite."""
    return {"1": "0", "true": "false", "in": "not in", "==": "!=", "": "!"}[value]


def greatest(_: str) -> str:
    """Returns the greatest in place of the least."""
    return "max"


def half_up(_: str) -> str:
    """Rounds a half up, in place of to even."""
    return ">="


def _batches(limits: str, events: str, largest: str) -> Iterator[Mutation]:
    """Yields the limits of a call that records several events, in a file, by their names."""
    yield Mutation("a batch's events", limits, rf"({events}\W[^\n]*?= )(\d+)", one_more, "batches")
    yield Mutation("a batch's bytes", limits, rf"({largest}\W[^\n]*?= )(\d+)", one_more, "batches")


_PYTHON = "_generated/"
_ENCODE = "internal/encode/"
_GO = f"{_ENCODE}zz_generated_"
_TYPESCRIPT = "generated/"

MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    "python": (
        Mutation("a maximum length", f"{_PYTHON}limits.py", r"(_LENGTH: Final = )(\d+)", one_more),
        Mutation("a maximum size", f"{_PYTHON}limits.py", r"(_BYTES: Final = )(\d+)", one_more),
        Mutation("a time limit", f"{_PYTHON}limits.py", r"(_AHEAD_MS: Final = )(\d+)", one_more),
        Mutation("a field name", f"{_PYTHON}encoder.py", r'(,")(\w+)(?=":)', misspelled),
        Mutation(
            "a metric type",
            f"{_PYTHON}metrics.py",
            r'(\n\[")(\w+)(?=", "[^"]+", "[^"]+", ")',
            misspelled,
        ),
        Mutation("a billable status", f"{_PYTHON}catalog.py", r'(BILLABLE.*?": )(1)', negated),
        Mutation("an error's field", f"{_PYTHON}errors.py", r'(Text\("[^"]*", ")(\w+)', misspelled),
        Mutation(
            "a field's length", f"{_PYTHON}fields.py", r'("vendor".*?ax_l\w+=)(\d+)', one_more
        ),
        Mutation("a list's length", f"{_PYTHON}fields.py", r'("tags".*?ax_items=)(\d+)', one_more),
        Mutation("a number's digits", f"{_PYTHON}fields.py", r"( max_digits=)(\d+)", one_more),
        Mutation("an excluded field", f"{_PYTHON}fields.py", r'(excludes=\(")(\w+)', misspelled),
        Mutation(
            "a value of an enum",
            f"{_PYTHON}fields.py",
            r'(values=\(")(\w+)',
            misspelled,
            "sessions",
        ),
        Mutation(
            "a default", f"{_PYTHON}settings.py", r"( default=)(\d+)", one_more, "codegen check"
        ),
        *_batches(f"{_PYTHON}catalog.py", "BATCH_MAX_EVENTS", "BATCH_MAX_BYTES"),
        Mutation("an amount of zero", "_batches.py", r"(quantity\) == )(0)", one_more, "batches"),
        Mutation(
            "a metric given twice", "_batches.py", r"(metric )(in)(?= known)", negated, "batches"
        ),
        Mutation(
            "a void's status",
            f"{_PYTHON}catalog.py",
            r'(VOID_STATUS.*?")(\w+)',
            misspelled,
            "sessions",
        ),
        Mutation(
            "a void's reason",
            f"{_PYTHON}catalog.py",
            r"(REASON_KEPT.*?= )(\d+)",
            one_more,
            "sessions",
        ),
        Mutation(
            "a unit of time", f"{_PYTHON}catalog.py", r"(UNIT_NANO.*?: )(\d+)", one_more, "sessions"
        ),
        Mutation(
            "an amount's id",
            "_batches.py",
            r"(id_fault\()(shared\[3\])",
            lambda _: '"e"',
            "batches",
        ),
        Mutation(
            "a session's wall time", "_session.py", r"(in\()(min)(?=\(e)", greatest, "sessions"
        ),
        Mutation("a session's rounding", "_session.py", r"(2 \* rest )(>)", half_up, "sessions"),
        Mutation(
            "a reason that is blank",
            "_sessions.py",
            r"(if kept )(is)",
            lambda _: "is not",
            "sessions",
        ),
        Mutation("a hash", "_metadata.py", r'(\[name\] != ")(hash)', misspelled, "metadata"),
        Mutation("a key of a span", "_trace.py", r'(\{")(trace_id)', misspelled, "metadata"),
    ),
    "go": (
        Mutation("a maximum length", f"{_GO}limits.go", r"(MaxLength = )(\d+)", one_more),
        Mutation("a maximum size", f"{_GO}limits.go", r"(MaxBytes = )(\d+)", one_more),
        Mutation("a time limit", f"{_GO}limits.go", r"(AheadMs = )(\d+)", one_more),
        Mutation("a field name", f"{_GO}encoder.go", r'(\\",\\")(\w+)(?=\\":)', misspelled),
        Mutation("a metric type", f"{_GO}catalog.go", r'(\n\t\{"\w+", ")(\w+)', misspelled),
        Mutation("a lookup", f"{_GO}catalog.go", r'(\n\t\tcase ")(\w+)', misspelled),
        Mutation("a billable status", f"{_GO}catalog.go", r'(\n\t\{"\w+", )(true)', negated),
        Mutation(
            "an error's field",
            "zz_generated_errors.go",
            r'(\{Code\w+, "rejected", ")(\w+)',
            misspelled,
        ),
        Mutation("a field's length", f"{_GO}fields.go", r'("vendor".*?maxLength: )(\d+)', one_more),
        Mutation("a list's length", f"{_GO}fields.go", r'("tags".*?maxItems: )(\d+)', one_more),
        Mutation("a number's digits", f"{_GO}fields.go", r"(maxDigits: )(\d+)", one_more),
        Mutation("an excluded field", f"{_GO}fields.go", r'(excludes: .*?\{")(\w+)', misspelled),
        Mutation(
            "a value of an enum",
            f"{_GO}fields.go",
            r'(values: .*?\{")(\w+)',
            misspelled,
            "sessions",
        ),
        Mutation(
            "a default",
            "zz_generated_settings.go",
            r'("\w+", ")(\d+)(?=", )',
            one_more,
            "codegen check",
        ),
        *_batches(f"{_GO}limits.go", "const batchMaxEvents", "const batchMaxBytes"),
        Mutation(
            "an amount of zero", "batch.go", r"(if )(!)(?=amounts\[at\])", lambda _: "", "batches"
        ),
        Mutation(
            "a metric given twice", "batch.go", r"(if )()(?=seen\[eventType\])", negated, "batches"
        ),
        Mutation(
            "a void's status", f"{_GO}limits.go", r'(voidStatus = ")(\w+)', misspelled, "sessions"
        ),
        Mutation(
            "a void's reason", f"{_GO}limits.go", r"(voidReasonKept = )(\d+)", one_more, "sessions"
        ),
        Mutation("a unit of time", f"{_GO}catalog.go", r"(, )(60000000000)", one_more, "sessions"),
        Mutation(
            "an amount's id",
            "batch.go",
            r"(CheckEventID\(eventID\); rejection != )(nil)",
            lambda _: "rejection",
            "batches",
        ),
        Mutation(
            "a session's wall time", "session.go", r"(= )(min)(?=\(elapsed)", greatest, "sessions"
        ),
        Mutation(
            "a session's rounding",
            f"{_ENCODE}lifecycle.go",
            r"(left )(>)(?= half)",
            half_up,
            "rounding",
        ),
        Mutation(
            "a reason that is blank",
            f"{_ENCODE}lifecycle.go",
            r"(reason, \w+\) )(==)",
            negated,
            "sessions",
        ),
        Mutation("a hash", f"{_ENCODE}metadata_pii.go", r'("sha)(256)', one_more, "metadata"),
        Mutation(
            "a key of a span", f"{_ENCODE}trace.go", r'(= ")(trace_id)', misspelled, "metadata"
        ),
    ),
    "typescript": (
        Mutation("a maximum length", f"{_TYPESCRIPT}limits.ts", r"(maxLength: )(\d+)", one_more),
        Mutation("a maximum size", f"{_TYPESCRIPT}limits.ts", r"(maxBytes: )(\d+)", one_more),
        Mutation("a time limit", f"{_TYPESCRIPT}limits.ts", r"(aheadMs: )(\d+)", one_more),
        Mutation("a field name", f"{_TYPESCRIPT}encoder.ts", r'(,")(\w+)(?=":)', misspelled),
        Mutation("a metric type", f"{_TYPESCRIPT}metrics.ts", r'(\n  \w+: ")(\w+)', misspelled),
        Mutation("a billable status", f"{_TYPESCRIPT}catalog.ts", r"(billable: )(true)", negated),
        Mutation("an error's field", f"{_TYPESCRIPT}errors.ts", r'(field: ")(\w+)', misspelled),
        Mutation(
            "a field's length",
            f"{_TYPESCRIPT}fields.ts",
            r'("vendor".*?maxLength: )(\d+)',
            one_more,
        ),
        Mutation(
            "a list's length", f"{_TYPESCRIPT}fields.ts", r'("tags".*?maxItems: )(\d+)', one_more
        ),
        Mutation("a number's digits", f"{_TYPESCRIPT}fields.ts", r"(maxDigits: )(\d+)", one_more),
        Mutation(
            "an excluded field", f"{_TYPESCRIPT}fields.ts", r'(excludes: \[")(\w+)', misspelled
        ),
        Mutation(
            "a value of an enum",
            f"{_TYPESCRIPT}fields.ts",
            r'(values: \[")(\w+)',
            misspelled,
            "sessions",
        ),
        Mutation(
            "a default", f"{_TYPESCRIPT}settings.ts", r"(default: )(\d+)", one_more, "codegen check"
        ),
        *_batches(f"{_TYPESCRIPT}constants.ts", "const batchMaxEvents", "const batchMaxBytes"),
        Mutation("an amount of zero", "recorder.ts", r"(if \()()(?=isZero)", negated, "batches"),
        Mutation(
            "a metric given twice", "batch.ts", r"(if \()()(?=known\.has)", negated, "batches"
        ),
        Mutation(
            "a void's status",
            f"{_TYPESCRIPT}constants.ts",
            r'(voidStatus.*?")(\w+)',
            misspelled,
            "sessions",
        ),
        Mutation(
            "a void's reason",
            f"{_TYPESCRIPT}constants.ts",
            r"(voidReasonKept.*?= )(\d+)",
            one_more,
            "sessions",
        ),
        Mutation(
            "a unit of time",
            f"{_TYPESCRIPT}rules.ts",
            r"(unitNanoseconds.*?: )(\d+)",
            one_more,
            "sessions",
        ),
        Mutation(
            "an amount's id",
            "recorder.ts",
            r"(\n +)(checks\.eventId)(?=\(checks\.idText\(details)",
            lambda _: "String",
            "batches",
        ),
        Mutation("a session's wall time", "session.ts", r"(\? Math\.)(min)", greatest, "sessions"),
        Mutation(
            "a session's rounding", "session.ts", r"(twice )(>)(?= unit)", half_up, "sessions"
        ),
        Mutation(
            "a reason that is blank",
            "recorder.ts",
            r"(\|\| )()(?=checks\.isBlank\(rea)",
            negated,
            "sessions",
        ),
        Mutation("a hash", "jsonText.ts", r'(=== ")(hash)', misspelled, "metadata"),
        Mutation(
            "a span's id", "trace.ts", r"(span_id: span\.)(spanId)", lambda _: "traceId", "metadata"
        ),
    ),
}
