"""Where a sentence begins and ends: voice activity, pauses, and early verdicts on what was said."""
