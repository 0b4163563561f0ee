"""The operator's sentence files: found, read, checked."""
