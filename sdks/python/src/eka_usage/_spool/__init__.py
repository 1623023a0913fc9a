"""Accepted events on disk: see docs/spool-format.md and docs/durability.md."""
