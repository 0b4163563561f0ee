"""TELL: a result to disk to MQTT, and requests in."""
