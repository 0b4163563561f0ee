"""THINK: a job to a result."""
