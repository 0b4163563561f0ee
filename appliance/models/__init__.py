"""The catalogue of models, and the files on disk."""
