"""`script/run` without a microphone or a broker: sample recordings and an embedded broker."""
