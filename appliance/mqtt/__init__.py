"""The broker connection: packets, retries, publishing."""
