"""Sound in and out: microphone, loudspeaker, files, resampling, level."""
