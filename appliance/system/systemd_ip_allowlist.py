"""Writes the systemd drop-in that limits the service's IP addresses to broker and clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system import local_addresses

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DROP_IN = "run/systemd/system/appliance.service.d/broker.conf"
"""Name of the drop-in. It sorts before the owner's `override.conf`, which has precedence."""

TEXT = """\
# Made at the start of the service, from mqtt.host ({why}) and wyoming.allow.
[Service]
IPAddressAllow=
IPAddressAllow={allowed}
"""


def drop_in(host: str, clients: Sequence[str] = ()) -> str | None:
    """The drop-in for `host`, which is mqtt.host; None if the unit's own rules apply.

    `clients` are the addresses and networks from which clients with a connection of their own come.
    They apply to a name, because its address is not known before it is resolved. Without a host
    the embedded broker is used, on localhost.
    """
    local = TEXT.format(
        why="the broker is on this machine", allowed=" ".join(("localhost", *clients))
    )
    if host in ("", "localhost"):
        return local
    address = local_addresses.parse(host)
    if address is None:
        return None
    if address.is_loopback:
        return local
    allowed = " ".join(("localhost", str(address), *clients))
    return TEXT.format(why="the broker's address", allowed=allowed)


def write_drop_in(text: str | None, root: Path) -> bool:
    """Write the drop-in, or remove it if `text` is None; returns whether that changed anything.

    Raises:
        OSError: it cannot be written.

    """
    path = root / DROP_IN
    try:
        current = path.read_text("utf-8")
    except FileNotFoundError:
        current = None
    if current == text:
        return False
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)  # despite the service's umask: `systemctl cat` must read it
        path.write_text(text, "utf-8")
        path.chmod(0o644)
    return True
