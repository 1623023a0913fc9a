"""Takes events by Fluentd's forward protocol."""
