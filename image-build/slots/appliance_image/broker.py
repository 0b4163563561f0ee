"""The broker's passwords, made at the first start, its certificate, and its access list."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from typing import TYPE_CHECKING

from appliance_image import device_certificates, toml_text
from appliance_image.errors import Failed
from appliance_image.system import said_by

if TYPE_CHECKING:
    from appliance_image.system import System

ROLES = ("homeassistant", "lamp", "worker", "operator")
"""Users of the access list beside the device itself."""

DEVICE_IN_EXAMPLE = "kitchen"
"""What the access list calls an appliance; docs/examples/mosquitto/acl is the one definition."""


def furnish(system: System, name: str) -> None:
    """Make what is not there yet, and put all of it where mosquitto and the appliance look.

    Raises:
        Failed: a key or a password file could not be made.

    """
    kept, etc = system.persistent / "broker", system.root / "etc/mosquitto"
    passwords = _passwords(system, name)
    device_certificates.make_broker_certificate(system, name)
    plain = "".join(f"{user}:{password}\n" for user, password in passwords.items())
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "passwords").unlink(missing_ok=True)
    system.keep(etc / "passwords", plain, 0o600)
    fine, said = said_by("mosquitto_passwd", "-U", etc / "passwords")
    if not fine:
        raise Failed(f"the broker's passwords: {said}")
    system.keep(etc / "acl", access_list(system, name), 0o600)
    for file in ("ca.pem", "server.pem", "server.key"):
        system.keep(etc / "certs" / file, (kept / file).read_bytes(), 0o600)
    for path in (etc / "passwords", etc / "acl", etc / "certs", *(etc / "certs").iterdir()):
        with contextlib.suppress(LookupError, PermissionError):  # a broker that runs as nobody else
            shutil.chown(path, "mosquitto", "mosquitto")
    system.keep(system.etc / "broker.password", passwords[name], 0o600)
    for file in ("mqtt.password", "mqtt.key"):
        if not (system.etc / file).exists():  # the unit hands both over, used or not
            system.keep(system.etc / file, "", 0o600)


def access_list(system: System, name: str) -> str:
    """The rights of each user, for this device and the topics that it uses."""
    text = (system.shipped / "mosquitto/acl").read_text()
    text = text.replace(f"user {DEVICE_IN_EXAMPLE}\n", f"user {name}\n")
    text = text.replace(f"appliance_{DEVICE_IN_EXAMPLE}/", f"appliance_{name}/")
    root = toml_text.read(system.config).get("mqtt", {}).get("root", "appliance/{device}")
    above, device, below = f"{root}".partition("/{device}")
    if device and not below:
        return text.replace(" appliance/", f" {above}/")
    topic = f"{root}".replace("{device}", name)
    more = (f"\nuser {user}\ntopic readwrite {topic}/#\n" for user in (name, "operator"))
    return text + "".join(more) + f"\nuser homeassistant\ntopic read {topic}/#\n"


def access_page(system: System, name: str, host: str) -> str:
    """What the owner gives to other programs; shown on the card, which holds it anyway."""
    lines = [
        "How other programs reach this appliance's broker (MQTT, TLS)",
        "",
        f"  host         {host}.local",
        "  port         8883",
        "  certificate  broker-ca.pem, in this folder",
        "",
        "  user           password",
        *(f"  {user:<14} {word}" for user, word in _passwords(system, name).items()),
        "",
        "operator may do everything; homeassistant is for Home Assistant; lamp reads what was",
        "understood; worker sends work. The device's own user is in use already. Whoever holds",
        "this card can read this page: keep both where nobody else comes.",
        "",
    ]
    return "\n".join(lines)


def _passwords(system: System, name: str) -> dict[str, str]:
    place = system.persistent / "broker/passwords.json"
    try:
        known = json.loads(place.read_bytes())
    except (OSError, ValueError):
        known = {}
    roles = {role: known.get(role) or secrets.token_urlsafe(15) for role in ("device", *ROLES)}
    if roles != known:
        system.keep(place, json.dumps(roles, indent=1), 0o600)
    return {name: roles["device"], **{role: roles[role] for role in ROLES if role != name}}
