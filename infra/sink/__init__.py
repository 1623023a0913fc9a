"""The embedded sink: usage from Kafka into ClickHouse, and what is asked of it there."""
