"""The targets of codegen: each turns the model into outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from codegen.model import Model
from codegen.render import Output
from codegen.targets import docs, go, infra, python, specifications, teams, typescript, vectors

Target = Callable[[Model], Iterator[Output]]

TARGETS: Mapping[str, Target] = {
    "python": python.outputs,
    "go": go.outputs,
    "typescript": typescript.outputs,
    "docs": docs.outputs,
    "specifications": specifications.outputs,
    "infra": infra.outputs,
    "teams": teams.outputs,
    "vectors": vectors.outputs,
}
