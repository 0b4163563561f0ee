"""What is said back to the appliance, aloud: yes, no, and stop while it thinks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.daemon_process import SAMPLES, DaemonProcess
from support.daemon_with_microphone import daemon_with_microphone
from support.mqtt_client import MqttClient
from support.synthetic_speech import aloud
from support.virtual_microphone import VirtualMicrophone
from support.waiting import until

ROOT = "appliance/kitchen"

WAITS = "waits for a yes"

SENTENCES = """\
language: en
intents:
  Lamp:
    confirm: true
    data:
      - sentences: ["turn on the kitchen light"]
"""


def result_of(client: MqttClient) -> dict[str, Any]:
    """The next result."""
    result: dict[str, Any] = json.loads(client.next(f"{ROOT}/result", seconds=40.0).payload)
    return result


def asked(microphone: VirtualMicrophone, daemon: DaemonProcess) -> None:
    """The sentence that wants a yes is said, and the appliance listens for the reply."""
    before = daemon.said().count(WAITS)
    microphone.play(SAMPLES / "kitchen_light.flac")
    until(lambda: daemon.said().count(WAITS) > before, "no yes is waited for", 40.0)


def hears(home: MqttClient) -> None:
    """Wait until the room's first sound has come."""
    while not (json.loads(home.next(f"{ROOT}/health", 40.0).payload)["sound"] or {}).get("level"):
        pass


def test_a_yes_that_is_said_aloud_confirms_and_a_no_does_not(
    tmp_path: Path, models_directory: Path
) -> None:
    (tmp_path / "intents").mkdir()
    (tmp_path / "intents" / "lamp.yaml").write_text(SENTENCES, encoding="utf-8")
    yes, please, no = (aloud(tmp_path, text) for text in ("yes", "yes please", "no thank you"))
    with daemon_with_microphone(
        tmp_path,
        models_directory,
        f"{ROOT}/result",
        f"{ROOT}/health",
        listening={"trigger": "always", "wait_s": 5.0},
        sentences={"folder": str(tmp_path / "intents")},
    ) as (microphone, home, daemon):
        daemon.start()
        hears(home)
        for reply, outcome in ((yes, "intent"), (please, "intent"), (no, "cancelled")):
            asked(microphone, daemon)
            microphone.play(reply)
            result = result_of(home)
            assert (result["outcome"], result["text"]) == (outcome, "Turn on the kitchen light.")
        assert result["reason"] == "not confirmed: no yes was heard"
        # Nothing said is no yes either.
        asked(microphone, daemon)
        result = result_of(home)
        assert (result["outcome"], result["reason"]) == (
            "cancelled",
            "not confirmed: nothing was said",
        )
