"""The search for an allowed sentence in sound: constrained decoding, fusion, rejection."""
