"""Move usage events from Kafka into ClickHouse, and report on them there."""
