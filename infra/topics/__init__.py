"""The catalog's topics, made through the Kafka client where kafka-topics.sh is absent."""
