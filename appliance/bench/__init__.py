"""Measurements on this board: speed, memory and heat."""
