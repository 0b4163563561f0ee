"""What the owner's own broker wants to see: a password, certificates, a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance_image import folder
from appliance_image.errors import Refused
from appliance_image.system import said_by

if TYPE_CHECKING:
    from pathlib import Path

    from appliance_image.system import System

CERTIFICATES = {"ca.pem": "mqtt.ca.pem", "client.pem": "mqtt.certificate.pem"}
KEY = "client.key"


def password(system: System, path: Path) -> str:
    """The password of a broker elsewhere: the first line, as it stands."""
    lines = folder.read_text(path).split("\n")
    if any(line.strip() for line in lines[1:]):
        raise Refused(f"{path.name} has more than one line")
    system.keep(system.etc / "mqtt.password", lines[0], 0o600)
    return "the password for your broker" if lines[0] else "no password, as the file is empty"


def certificates(system: System, path: Path) -> str:
    """ca.pem, and where the broker asks for it client.pem with client.key."""
    if not path.is_dir():
        raise Refused(f"{path.name} is a file; a folder is wanted")
    found = {name: folder.entry(path, name) for name in (*CERTIFICATES, KEY)}
    extra = folder.unknown(path, set(found))
    if extra:
        raise Refused(f"{path.name}: {extra[0]} is none of {', '.join(found)}")
    texts = {name: folder.read_text(file) if file else "" for name, file in found.items()}
    for name in CERTIFICATES:
        if texts[name] and not said_by("openssl", "x509", "-noout", given=texts[name])[0]:
            raise Refused(f"{path.name}: {name} is no certificate in PEM form")
    if bool(texts["client.pem"]) != bool(texts[KEY]):
        raise Refused(f"{path.name}: client.pem and {KEY} go together")
    if texts[KEY] and _public(texts[KEY], "pkey", "-passin", "pass:") != _public(
        texts["client.pem"], "x509", "-noout"
    ):
        raise Refused(f"{path.name}: {KEY} is not the unencrypted key of client.pem")
    for name, target in CERTIFICATES.items():
        system.keep(system.etc / target, texts[name])
    system.keep(system.etc / "mqtt.key", texts[KEY], 0o600)
    return ", ".join(name for name, text in texts.items() if text) or "none"


def _public(text: str, *how: str) -> str:
    flag = "-pubout" if how[0] == "pkey" else "-pubkey"
    fine, said = said_by("openssl", *how, flag, given=text)
    return said if fine else f"{how[0]} failed"
