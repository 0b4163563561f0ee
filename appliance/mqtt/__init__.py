"""The connection to the broker, and what is published over it."""
