"""From audio frames to an utterance: activation, voice activity, endpointing."""
