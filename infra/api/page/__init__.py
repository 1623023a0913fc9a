"""The pages at `/` for people: rendered here, without a request to any other host."""
