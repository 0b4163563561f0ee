"""HEAR: sound to utterances."""
