"""The mutations still fit the files that they break; `make mutations` runs them."""

from __future__ import annotations

import pytest

from tests.conformance.mutations import MUTATIONS, Mutation, generated


@pytest.mark.parametrize(
    ("language", "mutation"),
    [(language, mutation) for language, all_of_it in MUTATIONS.items() for mutation in all_of_it],
    ids=lambda value: value if isinstance(value, str) else value.what,
)
def test_every_mutation_changes_the_file_that_it_names(language: str, mutation: Mutation) -> None:
    text = generated(language, mutation.file).read_text(encoding="utf-8")
    assert mutation.applied(text) != text
