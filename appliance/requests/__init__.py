"""Requests over MQTT: parsing, intake, dispatch, and the thread that does this."""
