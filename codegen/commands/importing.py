"""`import`: a catalog of another system, as a file that catalog.yaml includes."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from codegen.commands import PROBLEMS, SUCCESS
from codegen.imports import READERS, as_yaml
from codegen.output import Printer, count


def import_(printer: Printer, *, path: Path, system: str, product: str) -> int:
    """Prints the products and units to stdout, and what cannot be said to stderr."""
    try:
        data = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        reason = " ".join(str(problem).split())
        printer.failure(f"{path}: is neither YAML nor JSON: {reason}")
        return PROBLEMS
    if not isinstance(data, dict):
        printer.failure(f"{path}: expected a mapping, as {system} has it")
        return PROBLEMS
    imported = READERS[system](data, product)
    metric_types = sum(len(p["metric_types"]) for p in imported.products.values())
    if metric_types:
        sys.stdout.write(as_yaml(imported))
    for what, reason in imported.left_out:
        printer.detail(f"left out: {what}: {reason}\n")
    printer.failure(
        f"{count(metric_types, 'metric type')} imported, {len(imported.left_out)} left out"
    )
    return SUCCESS if metric_types else PROBLEMS
