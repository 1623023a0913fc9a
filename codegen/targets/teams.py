"""Who approves changes of which schema file: .github/CODEOWNERS."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.model import Model
from codegen.render import NOTICE, File, Output

_PATH = ".github/CODEOWNERS"


def outputs(model: Model) -> Iterator[Output]:
    """Yields the file of code owners, if the catalog has teams with one."""
    owners = {team.name: team.code_owner for team in model.catalog.teams if team.code_owner}
    if not owners:
        return
    by_file: dict[str, set[str]] = {}
    for product in model.catalog.every_product:
        names = {product.owner, *(m.owner for m in (*product.metric_types, *product.removed))}
        by_file.setdefault(product.file, set()).update(owners[n] for n in names if n in owners)
    lines = [f"# {NOTICE}", "# Who approves a change of which part of the catalog."]
    lines += [f"/schema/{file} {' '.join(sorted(by_file[file]))}" for file in sorted(by_file)]
    yield File(_PATH, "\n".join([*(line.rstrip() for line in lines), ""]))
