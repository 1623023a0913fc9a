"""Closes months: what was billed, kept permanently, and what has changed since.

`ledger` holds the closes in order, `make` makes one, `changes` tells what differs from what closes
hold, `checks` what is missing before a month can be closed, and the rest are the commands.
"""
