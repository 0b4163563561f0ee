"""The owner's folder, item by item: what is in order comes into force, the rest is refused."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from appliance_image import (
    config_item,
    content_items,
    folder,
    network_items,
    secret_items,
)
from appliance_image.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from appliance_image.system import System

STATE = "settings.json"


@dataclass(frozen=True)
class Item:
    """One file or folder that the owner may put there."""

    names: tuple[str, ...]
    apply: Callable[[System, Path], str]
    """Brings it into force and says what that is, or raises Refused and changes nothing."""
    by_content: bool = True


ITEMS = (
    Item(("models",), content_items.models, by_content=False),
    Item(("certificates",), secret_items.certificates),
    Item(("broker_password.txt",), secret_items.password),
    Item(("config.toml",), config_item.apply),
    Item(("sentences", "intents"), content_items.sentences),
    Item(("wifi.txt",), network_items.wifi),
    Item(("ssh_keys.txt", "authorized_keys"), network_items.ssh_keys),
    Item(("time_server.txt",), network_items.time_server),
)
"""In this order: the configuration names models and certificates, and says the language."""

OUR_OWN = {"status.txt", "access.txt", "broker-ca.pem", "readme.txt"}
"""What the device writes there."""


@dataclass(frozen=True)
class Outcome:
    """How it went with one item."""

    item: str
    applied: bool
    said: str
    mark: str = ""
    """Of what was looked at; the same mark is not looked at again."""


def apply_all(system: System, *, image: str) -> list[Outcome]:
    """Look at what is new since the last time; one mistake does not hold up the rest.

    Args:
        system: where to put things.
        image: tells one image from another; under a new one everything is looked at again.

    """
    before = _before(system)
    outcomes = [one for item in ITEMS if (one := _one(system, item, before, image)) is not None]
    outcomes += _strangers(system)
    config_item.put_in_force(system)
    record = {one.item: asdict(one) for one in outcomes if one.mark}
    system.keep(system.persistent / STATE, json.dumps(record, indent=1), 0o600)
    return outcomes


def refuse(system: System, item: str, why: str) -> None:
    """Write down that what was taken did not work after all; the same is not tried again."""
    record = _before(system)
    if item in record:
        record[item].update(applied=False, said=why)
        system.keep(system.persistent / STATE, json.dumps(record, indent=1), 0o600)


def last_outcomes(system: System) -> list[Outcome]:
    """How it went with what is known."""
    return [Outcome(**facts) for facts in _before(system).values()]


def _one(
    system: System, item: Item, before: dict[str, dict[str, Any]], image: str
) -> Outcome | None:
    name, mark = item.names[0], ""
    try:
        path = folder.entry(system.owner, *item.names)
        if path is None:
            return None
        mark = f"{image} {folder.fingerprint(path, by_content=item.by_content)}"
        known = before.get(name, {})
        if known.get("mark") == mark:
            return Outcome(**known)
        return Outcome(name, applied=True, said=item.apply(system, path), mark=mark)
    except Refused as refusal:
        said = f"{refusal}".removeprefix(f"{name}: ")
        return Outcome(name, applied=False, said=said, mark=mark)
    except OSError as error:  # a full or a dying card: the rest may still go
        what = error.strerror or type(error).__name__
        return Outcome(name, applied=False, said=f"it cannot be taken over: {what}")
    except Exception as fault:  # noqa: BLE001, a number of 5,000 digits, brackets in brackets in ...
        said = f"it cannot be read: {type(fault).__name__}"
        return Outcome(name, applied=False, said=said, mark=mark)


def _strangers(system: System) -> list[Outcome]:
    names = {name for item in ITEMS for name in item.names}
    return [
        Outcome(stranger, applied=False, said=f"nobody reads this{_nearest(stranger, names)}")
        for stranger in folder.unknown(system.owner, names | OUR_OWN)
    ]


def _nearest(stranger: str, names: set[str]) -> str:
    near = difflib.get_close_matches(stranger.lower(), sorted(names), n=1)
    return f"; is it meant to be {near[0]}?" if near else ""


def _before(system: System) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads((system.persistent / STATE).read_bytes())
        return {name: asdict(Outcome(**facts)) for name, facts in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
