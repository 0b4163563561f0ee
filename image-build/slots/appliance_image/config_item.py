"""config.toml: the owner's keys over the image's; what is left empty fits this image."""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import TYPE_CHECKING

from appliance_image import folder, toml_text
from appliance_image.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from appliance_image.system import System
    from appliance_image.toml_text import Tables

LOCAL_BROKER = "127.0.0.1"
LOCAL = (LOCAL_BROKER, "localhost", "::1")
MODELS = "/opt/appliance/models"
"""Those of the image."""

PAGE = "0.0.0.0:443"
"""Where the page for browsers is unless the owner says otherwise; the firewall opens this port."""

LOCAL_NETWORKS = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
    *("fc00::/7", "fe80::/10"),
)
PAGE_CERTIFICATE, PAGE_KEY = "page.pem", "page.key"
"""Files in /etc/appliance; the service has the key as a credential."""

MAY_HINDER = ("speech", "wake_word", "speaking", "language_model", "cascade", "sentences")
"""Sections that name files, without which the appliance may not start."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


def apply(system: System, path: Path) -> str:
    """Take the owner's configuration, if the appliance finds nothing wrong with it."""
    owners = _owners(path)
    candidate = system.run / "candidate.toml"
    system.keep(candidate, toml_text.write(merged(system, owners)), 0o600)
    problems = system.appliance.config_problems(candidate)
    if problems:
        raise Refused("; ".join(problem.replace(f"{candidate}", path.name) for problem in problems))
    system.keep(system.etc / "owner.toml", toml_text.write(owners))
    count = sum(map(len, owners.values()))
    return f"{count} key{'' if count == 1 else 's'} of yours"


def put_in_force(system: System, without: Collection[str] = ()) -> None:
    """Make the configuration of the image's and the owner's last good one."""
    owners = {name: table for name, table in kept(system).items() if name not in without}
    system.keep(system.config, toml_text.write(merged(system, owners)))


def kept(system: System) -> Tables:
    """The owner's last good keys."""
    try:
        return toml_text.read(system.etc / "owner.toml")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def merged(system: System, owners: Tables) -> Tables:
    """The image's configuration, the owner's keys over it, and then what follows from this card."""
    tables = toml_text.read(system.shipped / "config.toml")
    for name, table in owners.items():
        tables[name] = {**tables.get(name, {}), **table}
    name = device_name(system, tables)
    _fill_device(tables.setdefault("device", {}), name)
    _fill_sentences(system, tables.setdefault("sentences", {}))
    _fill_mqtt(system, tables.setdefault("mqtt", {}), name)
    _fill_page(system, tables.setdefault("page", {}), owners.get("page", {}))
    _find_models(system, tables)
    return tables


def device_name(system: System, owners: Tables | None = None) -> str:
    """What appliance and broker call the device: as the owner says, else by its machine id."""
    found = (kept(system) if owners is None else owners).get("device", {}).get("name")
    if isinstance(found, str) and NAME.fullmatch(found):
        return found
    try:
        identity = (system.root / "etc/machine-id").read_bytes().strip()
    except OSError:
        identity = b""
    return f"appliance-{hashlib.sha256(identity).hexdigest()[:4]}"


def host_name(name: str) -> str:
    """The device's name as networks allow it."""
    return name.lower().replace("_", "-").strip("-") or "appliance"


def uses_own_broker(system: System) -> bool:
    """Whether the broker of this image is the one that the appliance talks to."""
    host = toml_text.read(system.config).get("mqtt", {}).get("host", LOCAL_BROKER)
    return host in LOCAL


def _owners(path: Path) -> Tables:
    text = folder.read_text(path)
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = "; a Windows path wants 'single' quotes" if "\\" in text else ""
        raise Refused(f"{path.name}: {error}{hint}") from error
    loose = [name for name, value in found.items() if not isinstance(value, dict)]
    if loose:
        raise Refused(f"{path.name}: {loose[0]} stands above the first [section]")
    return found


def _fill_device(device: dict[str, object], name: str) -> None:
    device["name"] = device.get("name") or name  # a wrong one is named by the appliance's check
    device["models_directory"] = device.get("models_directory") or MODELS
    device.pop("state_directory", None)  # systemd's; another one would not be kept


def _fill_sentences(system: System, sentences: dict[str, object]) -> None:
    if sentences.get("folder"):
        return
    for place in (system.etc / "sentences", system.shipped / "sentences"):
        if any(place.rglob("*.y*ml")):
            sentences["folder"] = "/" + f"{place.relative_to(system.root)}"
            return


def _fill_mqtt(system: System, mqtt: dict[str, object], name: str) -> None:
    if mqtt.get("host") in (None, "", *LOCAL):
        mqtt.update(host=LOCAL_BROKER, port=1883, tls=False)
        mqtt["username"] = name
        mqtt["password_file"] = "broker.password"  # noqa: S105, a file
        return
    for key, file in (
        ("password_file", "mqtt.password"),
        ("ca_file", "mqtt.ca.pem"),
        ("certificate_file", "mqtt.certificate.pem"),
        ("key_file", "mqtt.key"),
    ):
        place = system.etc / file
        if not mqtt.get(key) and place.exists() and place.stat().st_size:
            mqtt[key] = f"/etc/appliance/{file}" if file.endswith(".pem") else file


def _fill_page(system: System, page: dict[str, object], owners: dict[str, object]) -> None:
    """HTTPS for the local network; an owner's own `listen`, even an empty one, is left as it is."""
    certificate = system.etc / PAGE_CERTIFICATE
    if not certificate.exists():
        return
    if not page.get("listen") and "listen" not in owners:
        page["listen"] = PAGE
        page["allow"] = page.get("allow") or list(LOCAL_NETWORKS)
    host = f"{page.get('listen', '')}".rpartition(":")[0].strip("[]")
    if host and host not in LOCAL and not page.get("certificate_file") and not page.get("key_file"):
        page.update(certificate_file=f"/etc/appliance/{PAGE_CERTIFICATE}", key_file=PAGE_KEY)


def _find_models(system: System, tables: Tables) -> None:
    """A model that the owner has put into the folder may be called by its bare name."""
    places = {path.name.lower(): path.name for path in (system.persistent / "models").glob("*")}

    def found(value: object) -> object:
        name = places.get(f"{value}".lower())
        return f"/persistent/models/{name}" if name else value

    for section, key in (
        ("speech", "model"),
        ("speech", "second_model"),
        ("language_model", "model"),
        ("speaking", "voice"),
    ):
        if key in tables.get(section, {}):
            tables[section][key] = found(tables[section][key])
    words = tables.get("wake_word", {}).get("words")
    if isinstance(words, list):
        tables["wake_word"]["words"] = [found(word) for word in words]
