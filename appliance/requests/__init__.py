"""Requests from MQTT: intake, parsing, and the commit of their results."""
