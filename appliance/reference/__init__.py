"""The reference of the MQTT interface, generated from the payload types."""
