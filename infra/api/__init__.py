"""Take usage events by HTTP, and write them to Kafka through the SDK."""
