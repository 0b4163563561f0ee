"""What happens at each start: before the appliance its settings, after it the verdict."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance_image import (
    broker,
    config_item,
    device_certificates,
    folder,
    page_login,
    report,
    settings,
)
from appliance_image.appliance_calls import restart_service, service_state
from appliance_image.errors import Failed, Refused
from appliance_image.mounts import writable
from appliance_image.report import Report
from appliance_image.update import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from appliance_image.health import Health
    from appliance_image.system import System
    from appliance_image.update import Slots

UNPROVEN = {"config.toml": "owner.toml", "sentences": "sentences"}
"""What a start may founder on; what the appliance has started with is kept beside it."""

FOREIGN = "foreign-broker"
"""Its being there keeps the broker of the image from starting."""


def name_the_host(name: str) -> None:
    """Let the network know the device by its name."""
    subprocess.run(["hostname", name], check=False, capture_output=True)


@dataclass
class Start:
    """One start of the board."""

    system: System
    slots: Slots
    health: Health
    restart: Callable[[], None] = restart_service
    state_of_service: Callable[[float], str] = service_state
    name_the_host: Callable[[str], None] = name_the_host
    ready_within_s: float = 600.0

    def before(self) -> Report:
        """Apply the folder, and make what the broker needs; a mistake in it stops nothing."""
        notices = []
        try:
            outcomes = settings.apply_all(self.system, image=self._image())
        except OSError as failure:
            # A card that is full, or read-only: the broker starts all the same.
            outcomes = settings.last_outcomes(self.system)
            notices.append(f"the settings cannot be kept: {failure.strerror}")
        name = config_item.device_name(self.system)
        self.name_the_host(config_item.host_name(name))
        notices += [*self._broker(name), *self._page(name)]
        self._time_server()
        if not os.path.ismount(self.system.persistent):
            notices.append("the card keeps nothing: its last partition cannot be used")
        told = self._report(outcomes, notices)
        report.show(self.system, told)
        self._write_pages(name, told)
        return told

    def renew(self) -> bool:
        """Make the page's certificate again if it is time, and have it used. True if it was."""
        name = config_item.device_name(self.system)
        if not device_certificates.make_page_certificate(self.system, name):
            return False
        self._write_pages(name)
        if self.state_of_service(0.0) == "active":
            self.restart()
        return True

    def after(self) -> Report:
        """Wait for the appliance; take back settings that hinder it; keep or leave a tried slot."""
        notices = self._after_a_trial()
        state = self.state_of_service(self.ready_within_s)
        if state != "active" and self._take_back():
            self.restart()
            state = self.state_of_service(self.ready_within_s)
        if state == "active":
            self._prove()
        elif not self._on_trial() and config_item.kept(self.system):
            # A model that they name is gone, or damaged: better with the image's own than dead.
            config_item.put_in_force(self.system, without=config_item.MAY_HINDER)
            self.restart()
            state = self.state_of_service(self.ready_within_s)
            sections = ", ".join(f"[{name}]" for name in config_item.MAY_HINDER)
            notices.append(f"it does not start with {sections} of yours; this time without them")
        if not notices and self.slots.on_trial:
            self._judge()
        told = self._report(settings.last_outcomes(self.system), notices)
        told.works = _works(state)
        if state != "active":
            told.notices.append("the appliance does not start; its log says why")
        report.show(self.system, told)
        self._write_pages(config_item.device_name(self.system), told)
        return told

    def _after_a_trial(self) -> list[str]:
        """What is to be said of the slots; empty while a trial goes on, or nothing happened."""
        try:
            notice = self.slots.notice_the_way_back()
            _ = self.slots.on_trial
        except (Refused, OSError) as failure:
            return [f"updates are not possible: {failure}"]
        return [notice] if notice else []

    def _on_trial(self) -> bool:
        with contextlib.suppress(Refused, OSError):
            return self.slots.on_trial
        return False

    def _judge(self) -> None:
        known = self.slots.records.trial().get("known_errors", [])
        problem = self.health.problem(known)
        if problem:
            self.slots.roll_back(problem)
        else:
            self.slots.commit("ready, connected, and it understands")

    def _broker(self, name: str) -> list[str]:
        mark = self.system.run / FOREIGN
        try:
            broker.furnish(self.system, name)
        except (Failed, OSError) as failure:
            return [f"the broker of this device cannot be used: {failure}"]
        if config_item.uses_own_broker(self.system):
            mark.unlink(missing_ok=True)
        else:
            self.system.keep(mark, "")
        return []

    def _page(self, name: str) -> list[str]:
        """The page's certificate, which comes into force with the configuration that names it."""
        key = self.system.etc / config_item.PAGE_KEY
        try:
            device_certificates.make_page_certificate(self.system, name)
            config_item.put_in_force(self.system)
        except (Failed, OSError) as failure:
            with contextlib.suppress(OSError):
                if not key.exists():  # the unit hands it over, used or not
                    self.system.keep(key, "", 0o600)
            return [f"the certificate of the page cannot be made: {failure}"]
        return []

    def _time_server(self) -> None:
        named = self.system.persistent / "network/time.conf"
        if named.exists():
            place = self.system.root / "run/systemd/timesyncd.conf.d/owner.conf"
            self.system.keep(place, named.read_bytes())

    def _take_back(self) -> bool:
        """Whether there was something new to take back."""
        taken = [item for item, name in UNPROVEN.items() if self._take_back_one(name)]
        for item in taken:
            settings.refuse(
                self.system, item, "the appliance does not start with it; its log says why"
            )
        config_item.put_in_force(self.system)
        return bool(taken)

    def _take_back_one(self, name: str) -> bool:
        new, proven = self.system.etc / name, self.system.etc / f"{name}.proven"
        if folder.fingerprint_or_none(new) == folder.fingerprint_or_none(proven):
            return False
        _copy(proven, new)
        return True

    def _prove(self) -> None:
        for name in UNPROVEN.values():
            new, proven = self.system.etc / name, self.system.etc / f"{name}.proven"
            if folder.fingerprint_or_none(new) != folder.fingerprint_or_none(proven):
                _copy(new, proven)

    def _image(self) -> str:
        facts = self.slots.places.image_facts()
        return f"{facts.get('version')} {facts.get('built')}"

    def _report(self, outcomes: list[settings.Outcome], notices: list[str]) -> Report:
        try:
            slot = f"{self.slots.running}"
        except (Refused, OSError):
            slot = "?"
        name = config_item.device_name(self.system)
        return Report(name, self.slots.places.image_facts(), slot, outcomes, notices)

    def _write_pages(self, name: str, told: Report | None = None) -> None:
        """Only what has changed is written: the owner's partition is left alone otherwise."""
        owner, host = self.system.owner, config_item.host_name(name)
        pages = {"STATUS.txt": told.page(now()), "README.txt": report.GUIDE} if told else {}
        with contextlib.suppress(OSError, ValueError):
            browsers = page_login.text(self.system, host)
            pages["ACCESS.txt"] = browsers + broker.access_page(self.system, name, host)
            pages["broker-ca.pem"] = (self.system.persistent / "broker/ca.pem").read_text()
        new = {file: text for file, text in pages.items() if _differs(owner / file, text)}
        if not new:
            return
        try:
            with writable(self.slots.places.bootcfg):
                for file, text in new.items():
                    self.system.keep(owner / file, text.replace("\n", "\r\n"))
        except (Failed, OSError) as failure:
            print(f"the owner's folder cannot be written: {failure}")


def _copy(source: Path, target: Path) -> None:
    """The target like the source, whole at any moment; absent where that is."""
    new = target.with_name(f"{target.name}.new")
    _remove(new)
    if source.is_dir():
        shutil.copytree(source, new)
    elif source.exists():
        shutil.copyfile(source, new)
    os.sync()
    if new.is_file():
        new.replace(target)
    else:
        _remove(target)
        if new.is_dir():
            new.rename(target)
    os.sync()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _differs(path: Path, text: str) -> bool:
    """Whether the page says something else, whenever it was written."""
    try:
        there = path.read_text()
    except (OSError, UnicodeDecodeError):
        return True
    return _undated(there) != _undated(text)


def _undated(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if not line.startswith("Written ")]


def _works(state: str) -> str:
    return {
        "active": "It works.",
        "failed": "IT DOES NOT WORK: the appliance does not start.",
    }.get(state, "IT DOES NOT WORK: the appliance does not become ready.")
