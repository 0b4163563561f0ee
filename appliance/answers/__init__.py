"""Answers from facts: clock, name, room, board, broker, and what was said before; no model."""
