"""Recordings with what is expected of each, and how many results were right."""
