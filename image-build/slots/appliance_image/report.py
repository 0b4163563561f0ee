"""What the owner is told: a page on the card, lines for MQTT, and the board's own light."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from appliance_image.settings import Outcome
    from appliance_image.system import System

LIGHTS = ("ACT", "led0", "PWR", "led1")
"""Lights that boards have beside those on the pins."""

BLINK_MS = 100


GUIDE = """\
What you put into this folder is applied when the appliance starts.
Nothing has to be here; what is wrong is refused and said in STATUS.txt.

  config.toml          the keys that you want changed, such as
                           [device]
                           name = "kitchen"
  wifi.txt             name: My network
                       password: as it is, without quotes
                       country: DE
  ssh_keys.txt         public keys, one a line: they may log in as root
  sentences/           your sentence files (.yaml)
  models/              models of your own; config.toml calls them by name
  certificates/        ca.pem, client.pem, client.key for a broker elsewhere
  broker_password.txt  the password for a broker elsewhere
  time_server.txt      where the time is asked; nobody is asked otherwise

The appliance writes STATUS.txt, ACCESS.txt (how a browser reaches its page, and
programs its broker) and broker-ca.pem here.
"""


@dataclass
class Report:
    """How it stands."""

    device: str
    facts: dict[str, Any]
    slot: str
    outcomes: Sequence[Outcome]
    notices: list[str] = field(default_factory=list)
    """What else the owner should know."""
    works: str = "It is starting; look again later."

    @property
    def problems(self) -> list[str]:
        """One line each, for MQTT and `appliance check`."""
        refused = [
            f"{one.item} was refused: {one.said}" for one in self.outcomes if not one.applied
        ]
        return refused + self.notices

    def page(self, at: str) -> str:
        """STATUS.txt, in words for somebody with a card in an office computer."""
        version = f"{self.facts.get('version', '?')}, built {self.facts.get('built', '?')}"
        lines = [f'The appliance "{self.device}"', f"version {version}, slot {self.slot}", ""]
        lines += [self.works, ""]
        if self.outcomes:
            lines += ["Your settings, in this folder:", ""]
            lines += [_line(one) for one in self.outcomes]
            lines.append("")
        else:
            lines += ["There are no settings of yours in this folder.", ""]
        lines += [f"! {notice}" for notice in self.notices]
        if any(not one.applied for one in self.outcomes):
            lines += [
                "What was refused changes nothing: what was in force before still is. Put it",
                "right, put the card back, and start the appliance again.",
            ]
        return "\n".join([*lines, "", f"Written {at}, by the device's own clock.", ""])


def _line(outcome: Outcome) -> str:
    verdict = "in force" if outcome.applied else "REFUSED "
    return f"  {verdict}  {outcome.item}: {outcome.said}"


def show(system: System, report: Report) -> None:
    """Let MQTT and the light say it; the appliance reads the notices from a file."""
    notices = {"notices": report.problems}
    system.keep(system.run / "notices.json", json.dumps(notices, indent=1))
    light(system.root / "sys/class/leds", unwell=bool(report.problems))


def light(leds: Path, *, unwell: bool) -> None:
    """The board's own light blinks fast while something was refused."""
    for name in LIGHTS:
        trigger = leds / name / "trigger"
        if not trigger.exists():
            continue
        try:
            if unwell:
                trigger.write_text("timer")
                for delay in ("delay_on", "delay_off"):
                    (leds / name / delay).write_text(f"{BLINK_MS}")
            elif "[timer]" in trigger.read_text():
                trigger.write_text("heartbeat")
        except OSError:
            continue  # a light that does not let itself be switched holds up nothing
        return
