"""Generates what the SDKs, the documents and the infrastructure share, from schema/."""
