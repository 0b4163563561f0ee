"""Adapters to other people's models, one library per file."""
