"""What can go wrong here, said so that the owner knows what to do next."""


class Refused(Exception):
    """Nothing was changed, and the message says why."""


class Failed(Exception):
    """It was begun and could not be finished; the running slot is as it was."""
