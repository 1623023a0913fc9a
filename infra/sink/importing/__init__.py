"""Imports events from a file, such as those of a former system."""
