"""What the image does for itself: its two slots, the owner's folder, its broker's secrets."""
