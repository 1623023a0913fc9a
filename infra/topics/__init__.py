"""Creates the catalog's topics with the Kafka client where kafka-topics.sh is not installed."""
