"""The mutations match the files of the SDKs; `make mutations` runs them."""

from __future__ import annotations

import pytest

from tests.conformance.mutants import MUTATIONS, Mutation
from tests.conformance.mutations import CHECKS, source


@pytest.mark.parametrize(
    ("language", "mutation"),
    [(language, mutation) for language, mutations in MUTATIONS.items() for mutation in mutations],
    ids=lambda value: value if isinstance(value, str) else value.what,
)
def test_every_mutation_changes_its_file(language: str, mutation: Mutation) -> None:
    text = source(language, mutation).read_text(encoding="utf-8")
    assert mutation.applied(text) != text
    assert mutation.check in {*CHECKS[language], "codegen check"}
