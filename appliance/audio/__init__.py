"""Sound in and out: microphone, loudspeaker, recordings, resampling and level."""
