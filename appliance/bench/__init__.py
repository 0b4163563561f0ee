"""Measurements on this board: speed, memory, heat, accuracy."""
