"""Accepted events on disk: `docs/spool-format.md` says how, `docs/durability.md` what for.

This room knows bytes and keys, not events.
"""
