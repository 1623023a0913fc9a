"""Imports catalogs of other systems, as far as this catalog can say them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from codegen.imports import glean, lago, openmeter
from codegen.imports.entry import Imported

__all__ = ["READERS", "Imported", "as_yaml"]

READERS: Mapping[str, Callable[[Mapping[str, Any], str], Imported]] = {
    "glean": glean.read,
    "lago": lago.read,
    "openmeter": openmeter.read,
}

_HEAD = "# yaml-language-server: $schema=../products.schema.json\n"


def as_yaml(imported: Imported) -> str:
    """Returns a file for `include:`; every text is in quotes, so that no reader mistakes it."""
    content = {"units": imported.units, "products": imported.products}
    return _HEAD + yaml.dump(
        content,
        Dumper=_Quoting,
        sort_keys=False,
        allow_unicode=True,
        width=120,
    )


class _Quoting(yaml.SafeDumper):
    """Quotes values, and leaves keys that are plain names as they are."""

    def represent_mapping(
        self, tag: str, mapping: Any, flow_style: bool | None = None
    ) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        for name, value in node.value:
            name.style = None
            if isinstance(value, yaml.ScalarNode) and value.tag == "tag:yaml.org,2002:str":
                value.style = '"'
        return node

    def represent_sequence(
        self, tag: str, sequence: Any, flow_style: bool | None = None
    ) -> yaml.SequenceNode:
        node = super().represent_sequence(tag, sequence, flow_style)
        for value in node.value:
            if isinstance(value, yaml.ScalarNode) and value.tag == "tag:yaml.org,2002:str":
                value.style = '"'
        return node

    def ignore_aliases(self, data: Any) -> bool:
        """Writes repeated values out, since this catalog allows no aliases."""
        return True
