"""Generates what three SDKs, documents and infrastructure share from schema/."""
