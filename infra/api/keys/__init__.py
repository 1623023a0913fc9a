"""API keys: who may write as which service, and for which workspaces."""
