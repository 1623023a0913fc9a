"""Brings the store's tables and views up to date."""

from __future__ import annotations

import argparse

from infra.sink import store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    store.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Opens the store."""
    with store.open_store(arguments.dsn):
        return 0
