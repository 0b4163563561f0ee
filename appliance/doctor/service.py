"""Which files the systemd service can read: fewer than the caller, due to its user and sandbox."""

from __future__ import annotations

import grp
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.doctor.check_result import CheckContext, CheckResult, error, not_here, ok, warning
from appliance.models.store import is_path
from appliance.system import service_unit

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from appliance.config import Config
    from appliance.system.service_unit import ServiceUnit

HIDDEN_BY = {
    "ProtectHome": ("/home", "/root", "/run/user"),
    "PrivateTmp": ("/tmp", "/var/tmp"),  # noqa: S108 (they are refused)
}
"""Folders that a setting of the unit hides from the service."""

MOVE = "move it to /etc/appliance or /var/lib/appliance"


@dataclass(frozen=True, slots=True)
class Account:
    """The user and groups whose permissions count; a dynamic user of systemd owns no file."""

    user: int | None
    groups: frozenset[int]

    def may(self, status: os.stat_result, mode: int) -> bool:
        """Whether all bits of `mode` (4 read, 1 enter) are granted."""
        if self.user == 0:
            return True
        if status.st_uid == self.user:
            return (status.st_mode >> 6) & mode == mode
        if status.st_gid in self.groups:
            return (status.st_mode >> 3) & mode == mode
        return status.st_mode & mode == mode


def service(context: CheckContext) -> Iterator[CheckResult]:
    """Problems that prevent the service from starting with this configuration, or from working."""
    if context.config_path is None:  # the running service asks, and has read everything
        return
    unit = service_unit.read(context.root)
    if unit is None:
        yield not_here("service", "not installed as a service")
        return
    if unit.config_path != context.config_path.absolute():
        yield not_here("service", f"it uses another configuration: {unit.config_path}")
        return
    problems = [
        *_missing_groups(unit),
        *_unreadable(context.config_path, context.config, unit),
        *_unwritable(context.config, unit),
        *_embedded_broker(context.config),
    ]
    yield from problems or [ok("service", "it can read everything that the configuration names")]


def _missing_groups(unit: ServiceUnit) -> Iterator[CheckResult]:
    for name in unit.words("SupplementaryGroups"):
        try:
            grp.getgrnam(name)
        except KeyError:
            found = f"the group {name} does not exist, so systemd cannot start the service"
            yield error("service", found, f"run: sudo groupadd --system {name}")


def _unreadable(config_path: Path, config: Config, unit: ServiceUnit) -> Iterator[CheckResult]:
    account = _account_of(unit)
    for key, name in _named_files(config_path, config):
        if name.startswith("~"):
            yield error("service", f"{key}: the service has no home directory for {name}", MOVE)
        elif not Path(name).is_absolute():
            yield from _credential(key, name, unit)
        elif hider := _hidden(Path(name), unit):
            yield error("service", f"{key}: the service cannot see {name} ({hider}=)", MOVE)
        elif reason := _denied(Path(name), account):
            yield error("service", f"{key}: the service may not read {name}: {reason}")


def _named_files(config_path: Path, config: Config) -> Iterator[tuple[str, str]]:
    """Keys and the files or folders that they name."""
    yield "config", str(config_path.absolute())
    mqtt, model = config.mqtt, config.language_model
    names = [
        ("sentences.folder", config.sentences.folder),
        ("device.models_directory", config.device.models_directory),
        ("language_model.adapter", model.adapter if model.enabled else ""),
        ("mqtt.ca_file", mqtt.ca_file),
        ("mqtt.certificate_file", mqtt.certificate_file),
        ("mqtt.key_file", mqtt.key_file),
        ("mqtt.password_file", mqtt.password_file),
        *(
            (f"{server}.{key}", getattr(site, key))
            for server, site in (("http", config.http), ("page", config.page))
            for key in ("certificate_file", "key_file")
        ),
        *(("model", name) for name in config.models if is_path(name)),
        *(("wake_word.words", word) for word in config.wake_word.words if is_path(word)),
    ]
    yield from ((key, name) for key, name in names if name)


def _credential(key: str, name: str, unit: ServiceUnit) -> Iterator[CheckResult]:
    """A relative name is a credential, which the unit must hand over."""
    if name in unit.credentials:
        return
    found = f"{key}: the service has no credential {name}"
    line = f"LoadCredential={name}:/etc/appliance/{name}"
    yield error("service", found, f"run: sudo systemctl edit appliance, and add [Service] {line}")


def _hidden(path: Path, unit: ServiceUnit) -> str | None:
    """The setting that hides a path."""
    for setting, folders in HIDDEN_BY.items():
        if unit.is_on(setting) and any(path.is_relative_to(folder) for folder in folders):
            return setting
    return None


def _denied(path: Path, account: Account) -> str | None:
    """Why an account cannot read a file, or a folder with the files in it; None if it can.

    What does not exist is reported by the other questions.
    """
    for folder in reversed(path.parents):
        if folder.exists() and not account.may(folder.stat(), 1):
            return f"it may not enter {folder}; run: sudo chmod o+x {folder}"
    inside = sorted(path.iterdir()) if path.is_dir() else []
    for one in (path, *inside):
        if not one.exists():
            continue
        status = one.stat()
        if not account.may(status, 5 if stat.S_ISDIR(status.st_mode) else 4):
            rights = "o+rx" if stat.S_ISDIR(status.st_mode) else "o+r"
            advice = f"run: sudo chmod {rights} {one}, or for a secret use LoadCredential="
            return f"mode {stat.S_IMODE(status.st_mode):o} of {one}; {advice}"
    return None


def _unwritable(config: Config, unit: ServiceUnit) -> Iterator[CheckResult]:
    folder = config.device.state_directory
    states = [f"/var/lib/{name}" for name in unit.words("StateDirectory")]
    writable = [*states, *(name.lstrip("-+") for name in unit.words("ReadWritePaths"))]
    strict = "strict" in unit.words("ProtectSystem")
    if folder and strict and not any(Path(folder).is_relative_to(each) for each in writable):
        found = f"device.state_directory: the service cannot write to {folder}"
        yield error("service", found, "leave it empty, for /var/lib/appliance")


def _embedded_broker(config: Config) -> Iterator[CheckResult]:
    if not config.mqtt.host:
        found = "mqtt.host is empty: the service starts the embedded broker, which keeps nothing"
        yield warning("service", found, "set mqtt.host to your broker")


def _account_of(unit: ServiceUnit) -> Account:
    groups = set()
    for name in (*unit.words("SupplementaryGroups"), *unit.words("Group")):
        try:
            groups.add(grp.getgrnam(name).gr_gid)
        except KeyError:
            continue
    names = unit.words("User")
    if unit.is_on("DynamicUser"):
        return Account(None, frozenset(groups))
    try:
        entry = pwd.getpwnam(names[0] if names else "root")
    except KeyError:
        return Account(None, frozenset(groups))
    return Account(entry.pw_uid, frozenset({*groups, entry.pw_gid}))
