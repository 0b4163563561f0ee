"""A server for the Wyoming protocol: other voice systems use the recognition of this board."""
