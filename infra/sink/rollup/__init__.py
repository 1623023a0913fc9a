"""Roll-ups: the usage of each day, computed again for what was touched since the last refresh."""
