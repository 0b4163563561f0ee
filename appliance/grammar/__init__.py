"""What may be said: sentences compiled to an automaton, and text parsed with it."""
