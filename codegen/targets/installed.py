"""Targets of other packages, such as one for Kotlin: entry points of a group of their own.

[project.entry-points."usage_codegen.targets"]
kotlin = "acme_kotlin:outputs"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from codegen.model import Model
from codegen.plan import RefusedError
from codegen.render import Output

GROUP = "usage_codegen.targets"


@dataclass(frozen=True, slots=True)
class InstalledTarget:
    """A target that is imported when it generates, so that its faults concern nobody else."""

    point: EntryPoint

    def __call__(self, model: Model) -> Iterator[Output]:
        """Yields its outputs; raises RefusedError if its package cannot be imported."""
        try:
            outputs = self.point.load()
        except (ImportError, AttributeError) as error:
            raise RefusedError(
                f"{self.point.value}: the target {self.point.name} cannot be loaded: {error}"
            ) from error
        yield from outputs(model)


def installed_targets(own: Mapping[str, object]) -> Mapping[str, InstalledTarget]:
    """Returns the targets of other packages by name; the names of own ones are taken."""
    points = entry_points(group=GROUP)
    return {point.name: InstalledTarget(point) for point in points if point.name not in own}
