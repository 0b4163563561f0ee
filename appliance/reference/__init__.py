"""What is written down about MQTT for other programs and people, made from the payload types."""
