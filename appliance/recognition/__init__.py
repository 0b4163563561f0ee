"""From sound to a declared sentence, or to free text."""
