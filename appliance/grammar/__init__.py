"""What may be said: a grammar compiled from hassil sentences, and the search for it in sound."""
