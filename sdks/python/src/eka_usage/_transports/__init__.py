"""How encoded events leave the process."""
