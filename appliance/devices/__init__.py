"""Devices on the broker: found by MQTT discovery, told what to do, asked for their states."""
