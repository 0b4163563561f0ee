"""Wi-Fi, keys for SSH and a time server from the owner's folder."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import TYPE_CHECKING

from appliance_image import folder
from appliance_image.errors import Refused
from appliance_image.system import said_by

if TYPE_CHECKING:
    from pathlib import Path

    from appliance_image.system import System

SSID_BYTES = 32
PASSPHRASE = range(8, 64)
WIFI_KEYS = ("name", "password", "country", "hidden")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def wifi(system: System, path: Path) -> str:
    """Lines `name: …` and `password: …`, taken as they stand: nothing is quoted or escaped."""
    text = folder.read_text(path)
    place = system.persistent / "network/wifi.conf"
    if not text.strip():
        place.unlink(missing_ok=True)
        return "no Wi-Fi, as the file is empty"
    told = _lines(path.name, text)
    name, password = told.get("name", ""), told.get("password", "")
    if not name:
        raise Refused(f"{path.name} wants a line `name: ` with the network's name")
    if len(name.encode()) > SSID_BYTES:
        raise Refused(f"{path.name}: a network's name has at most {SSID_BYTES} bytes")
    country = told.get("country", "").strip().upper()
    if country and not re.fullmatch("[A-Z]{2}", country):
        raise Refused(f"{path.name}: a country is two letters, like DE")
    network = [f"ssid={name.encode().hex()}", *secret_lines(path.name, name, password)]
    if told.get("hidden", "").strip().lower() in ("yes", "true", "1"):
        network.append("scan_ssid=1")
    lines = ["ctrl_interface=/run/wpa_supplicant", "update_config=0"]
    lines += [f"country={country}"] if country else []
    lines += ["network={", *(f"\t{line}" for line in network), "}", ""]
    system.keep(place, "\n".join(lines), 0o600)
    odd = " (the password ends with a space)" if password != password.strip() else ""
    return f"the network {name}{odd}"


def ssh_keys(system: System, path: Path) -> str:
    """Public keys, one a line; with none, nobody comes in by SSH."""
    text = folder.read_text(path)
    if "PRIVATE KEY" in text or "PuTTY-User-Key-File" in text:
        raise Refused(f"{path.name} holds a private key: keep that, and put the .pub file here")
    good: list[str] = []
    bad: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            fine, _ = said_by("ssh-keygen", "-l", "-f", "-", given=line.strip() + "\n")
            (good if fine else bad).append(line.strip() if fine else f"{number}")
    if bad:
        raise Refused(f"{path.name}, line {', '.join(bad)}: no public key of SSH")
    place, rule = system.persistent / "ssh/authorized_keys", system.persistent / "network/ssh.nft"
    if not good:
        place.unlink(missing_ok=True)
        rule.unlink(missing_ok=True)
        return "no SSH, as there is no key in it"
    system.keep(place, "\n".join([*good, ""]), 0o600)
    system.keep(rule, "tcp dport 22 accept\n")
    return f"{len(good)} key{'' if len(good) == 1 else 's'} may come in by SSH"


def time_server(system: System, path: Path) -> str:
    """The name or address of a time server; with none the clock is whatever the network tells."""
    words = folder.read_text(path).split()
    place, rule = system.persistent / "network/time.conf", system.persistent / "network/time.nft"
    if not words:
        place.unlink(missing_ok=True)
        rule.unlink(missing_ok=True)
        return "no time server, as the file is empty"
    wrong = [word for word in words if not _is_host(word)]
    if wrong:
        raise Refused(f"{path.name}: {wrong[0]} is neither a name nor an address")
    system.keep(place, f"[Time]\nNTP={' '.join(words)}\n")
    system.keep(rule, "udp dport 123 accept\n")
    return f"the time of {', '.join(words)}"


def _lines(name: str, text: str) -> dict[str, str]:
    told: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, colon, value = line.partition(":")
        key = key.strip().lower()
        if not colon or key not in WIFI_KEYS:
            known = ", ".join(f"`{one}:`" for one in WIFI_KEYS)
            raise Refused(f"{name}, line {number}: a line begins with {known}")
        if key in told:
            raise Refused(f"{name}, line {number}: `{key}:` is there twice")
        told[key] = value.removeprefix(" ")
    return told


def secret_lines(file: str, name: str, password: str) -> list[str]:
    if not password:
        return ["key_mgmt=NONE"]
    if re.fullmatch("[0-9A-Fa-f]{64}", password):
        return ["key_mgmt=WPA-PSK WPA-PSK-SHA256", f"psk={password.lower()}"]
    if not password.isascii() or not password.isprintable() or len(password) not in PASSPHRASE:
        raise Refused(f"{file}: a Wi-Fi password has 8 to 63 letters, digits or signs of ASCII")
    # WPA2 wants the key made of both (IEEE 802.11i, H.4); WPA3 the password itself, here in hex.
    key = hashlib.pbkdf2_hmac("sha1", password.encode(), name.encode(), 4096, 32).hex()
    escaped = "".join(f"\\x{byte:02x}" for byte in password.encode())
    return [
        "key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE",
        "ieee80211w=1",
        f"psk={key}",
        f'sae_password=P"{escaped}"',
    ]


def _is_host(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return HOST.fullmatch(word) is not None
    return True
