"""The targets of codegen: each turns the model into outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from codegen.model import Model
from codegen.render import Output
from codegen.targets import docs, go, infra, python, specifications, teams, typescript, vectors
from codegen.targets.installed import installed_targets

Target = Callable[[Model], Iterator[Output]]

_OWN: Mapping[str, Target] = {
    "python": python.outputs,
    "go": go.outputs,
    "typescript": typescript.outputs,
    "docs": docs.outputs,
    "specifications": specifications.outputs,
    "infra": infra.outputs,
    "teams": teams.outputs,
    "vectors": vectors.outputs,
}

TARGETS: Mapping[str, Target] = {**_OWN, **installed_targets(_OWN)}
