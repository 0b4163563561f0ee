"""Topics and payloads: the JSON on the wire, as types."""
