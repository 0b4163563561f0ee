"""Recordings of what was said: the recent ones in memory, and the owner's examples on disk."""
