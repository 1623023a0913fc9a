"""Ways for an encoded event to leave the process."""
