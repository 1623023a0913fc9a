"""The dead-letter queue: what a dead letter is, and how it is written, read and replayed."""
