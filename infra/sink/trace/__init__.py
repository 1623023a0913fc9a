"""Tells what became of an event: `trace` in the store, `find` in Kafka; `command` prints both."""
