"""Answers what was used: `Query` is what is asked, `ask` answers it, and `command` prints it."""
