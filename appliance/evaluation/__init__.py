"""Recordings with the expected result of each, and the figures of an evaluation."""
