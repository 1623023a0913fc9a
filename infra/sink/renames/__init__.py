"""Renames and merges workspaces: under which name usage is billed, whatever name was recorded.

`names` tells the name of a workspace in a month, and `billed` says so in SQL. `ledger` holds the
renames, `change` adds one, and `command` is that of `usage-sink workspace`. Events, roll-ups and
closes keep the name that was recorded: it is replaced where usage is read.
"""
