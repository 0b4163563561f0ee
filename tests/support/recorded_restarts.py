"""A board that is not restarted."""

from __future__ import annotations


class RecordedRestarts:
    """Keeps the restarts that the image's scripts ask for: `restart`, or `try` the other slot."""

    def __init__(self, orders: list[str] | None = None) -> None:
        self.orders = [] if orders is None else orders

    def restart(self) -> None:
        self.orders.append("restart")

    def restart_into_trial(self) -> None:
        self.orders.append("try")
