"""The catalogue of models, the model files on disk, and the download."""
