"""Boards with microphone and loudspeaker only, and the appliance that recognises for them."""
