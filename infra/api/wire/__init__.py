"""What every endpoint needs of HTTP: bodies within limits, JSON, answers."""
