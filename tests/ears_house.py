"""An appliance that hears a room: broker, home system, virtual microphone and daemon together."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from brokers import Client, Mosquitto
from owner import Owner
from sound import Room, room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def house(
    folder: Path, models: Path, *topics: str, **sections: dict[str, Any]
) -> Iterator[tuple[Room, Client, Owner]]:
    """All of it in one folder; the daemon is configured by `sections`, and not started yet."""
    with (
        Mosquitto(folder / "broker") as broker,
        room(folder) as place,
        Client(broker.port, *topics) as home,
        Owner(folder, models, mqtt={"host": "127.0.0.1", "port": broker.port}, **sections) as owner,
    ):
        owner.environment = dict(place.environment)
        yield place, home, owner
