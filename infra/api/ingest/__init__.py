"""Takes events in the forms in which clients send them."""
