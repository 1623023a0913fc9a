"""Erases workspaces and metadata keys for good.

`ledger` holds what is erased, by which views hide it, `stored` deletes it from the tables, `copies`
tells what Kafka still has and marks it there, `sweep` deletes what arrived later.
"""
