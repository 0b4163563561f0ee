"""When an utterance begins and ends: speech detection, pauses, early verdicts on what was said."""
