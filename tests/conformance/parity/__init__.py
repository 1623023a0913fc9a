"""Compares the public names of the three SDKs, read from their source; a gap is an error."""
