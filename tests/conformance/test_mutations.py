"""The mutations match the generated files; `make mutations` runs them."""

from __future__ import annotations

import pytest

from tests.conformance.mutations import MUTATIONS, Mutation, generated


@pytest.mark.parametrize(
    ("language", "mutation"),
    [(language, mutation) for language, mutations in MUTATIONS.items() for mutation in mutations],
    ids=lambda value: value if isinstance(value, str) else value.what,
)
def test_every_mutation_changes_its_file(language: str, mutation: Mutation) -> None:
    text = generated(language, mutation.file).read_text(encoding="utf-8")
    assert mutation.applied(text) != text
