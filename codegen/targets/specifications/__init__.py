"""Specifications for tools of others: AsyncAPI of the topics, OpenAPI components of events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from codegen.model import Model
from codegen.render import File, Output, header
from codegen.targets.specifications.asyncapi import asyncapi
from codegen.targets.specifications.openapi import openapi


def outputs(model: Model) -> Iterator[Output]:
    """Yields one document of each kind, that of the API also where the API is."""
    yield _document("docs/asyncapi.yaml", asyncapi(model))
    described = openapi(model)
    yield _document("docs/openapi.yaml", described)
    if "paths" in described:  # the API answers with it, also where it is installed without docs/
        yield _document("infra/api/_generated/openapi.yaml", described)


def _document(path: str, content: dict[str, Any]) -> File:
    text = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, line_break="\n"
    )
    return File(path, f"{header(path)}\n{text}")


class _Dumper(yaml.CSafeDumper):
    """Writes a value that occurs twice twice: readers of specifications seldom know anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
