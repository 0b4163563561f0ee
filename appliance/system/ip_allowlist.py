"""Narrows whom the service may talk to, from the local networks to the broker alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system.systemd_unit import address_of

if TYPE_CHECKING:
    from pathlib import Path

DROP_IN = "run/systemd/system/appliance.service.d/broker.conf"
"""Before the owner's own `override.conf` by name, so that theirs has the last word."""

TEXT = """\
# Made at the start of the service, from mqtt.host: {why}.
[Service]
IPAddressAllow=
IPAddressAllow={allowed}
"""


def drop_in(host: str) -> str | None:
    """What narrows the unit's rules for a broker; None where they stay as they are.

    `host` is mqtt.host: an address, a name (whom it stands for is not known before it is looked
    up), or nothing, for a broker of our own on loopback.
    """
    here = TEXT.format(why="the broker is on this machine", allowed="localhost")
    if host in ("", "localhost"):
        return here
    address = address_of(host)
    if address is None:
        return None
    if address.is_loopback:
        return here
    return TEXT.format(why="the broker's address", allowed=f"localhost {address}")


def lay(text: str | None, root: Path) -> bool:
    """Put the drop-in where systemd finds it, or take it away; whether that changed anything.

    Raises:
        OSError: it cannot be written.

    """
    path = root / DROP_IN
    try:
        there = path.read_text("utf-8")
    except FileNotFoundError:
        there = None
    if there == text:
        return False
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(
            0o755
        )  # the service's umask hides what it makes; `systemctl cat` is anybody's
        path.write_text(text, "utf-8")
        path.chmod(0o644)
    return True
