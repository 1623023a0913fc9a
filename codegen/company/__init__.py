"""Makes a project of another company's from this one: the same code under its names."""
