"""`appliance devices test`: what a sentence would publish, also by the owner's `actions`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.devices.device_registry import KeptDevices

EXAMPLE = Path(__file__).parents[2] / "docs/examples/sentences"

LAMP = {"name": "Kitchen lamp", "cmd_t": "lamp/set", "stat_t": "lamp", "qos": 1}
OVEN = {"name": "Oven", "cmd_t": "oven/set", "stat_t": "oven"}

SCENES = """
language: en
intents:
  MachineStop:
    confirm: true
    response: "Machine {machine} stops."
    data:
      - sentences: ["stop machine {machine}"]
    actions:
      - {topic: "plant/{{ slots.machine }}/set", payload: "{{ text }}", qos: 2, retain: true}
      - {service: light.turn_on, device: Kitchen lamp}
  Cook:
    data:
      - sentences: ["cook"]
    actions:
      - {service: switch.turn_on, device: Oven}
  Say:
    data:
      - sentences: ["say it"]
lists:
  machine: {range: {from: 1, to: 20}}
"""


def owner(folder: Path, *, discovery: str = "act", knows: bool = True) -> list[str]:
    """An owner's configuration and sentences; the words that name it."""
    (folder / "sentences").mkdir()
    (folder / "sentences" / "scenes.yaml").write_text(SCENES, "utf-8")
    (folder / "devices.yaml").write_text("devices: [{device: Oven, read_only: true}]\n", "utf-8")
    (folder / "config.toml").write_text(
        f'device.state_directory = "{folder}"\n'
        f'sentences.folder = "{folder}/sentences"\n'
        f'devices.discovery = "{discovery}"\n'
        f'devices.file = "{folder}/devices.yaml"\n',
        "utf-8",
    )
    found = {"light/a": LAMP, "switch/b": OVEN} if knows else {}
    discovered = {f"homeassistant/{at}/config": json.dumps(one) for at, one in found.items()}
    kept = {"version": KeptDevices().version, "discovery": discovered}
    (folder / "devices.json").write_text(json.dumps(kept), "utf-8")
    return ["--config", str(folder / "config.toml")]


def test_actions_are_shown_with_topic_payload_and_flags_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = owner(tmp_path)
    assert main(["devices", "test", *config, "stop machine three"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "plant/3/set: plant/3/set stop machine three (QoS 2, retained)",
        "Kitchen lamp: lamp/set ON (QoS 1)",
    ]
    assert main(["devices", "test", *config, "--json", "stop machine three"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["topic"], first["qos"], first["retain"]) == ("plant/3/set", 2, True)
    assert (second["device"], second["payload"]) == ("Kitchen lamp", "ON")


def test_actions_that_are_not_allowed_or_have_no_device_are_named_and_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = owner(tmp_path)
    assert main(["devices", "test", *config, "cook"]) == 1
    assert "forbids to switch Oven" in capsys.readouterr().err
    assert main(["devices", "test", *config, "say it"]) == 1
    assert "tells no device what to do" in capsys.readouterr().err
    (tmp_path / "devices.json").unlink()
    assert main(["devices", "test", *config, "stop machine three"]) == 1
    assert "there is no Kitchen lamp" in capsys.readouterr().err


def test_an_entry_that_fits_no_device_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = owner(tmp_path)
    text = "devices: [{device: Oven, read_only: true}, {device: Ovne, hide: true}]\n"
    (tmp_path / "devices.yaml").write_text(text, "utf-8")
    assert main(["devices", "list", *config]) == 0
    shown = capsys.readouterr().out
    assert "in your file, but fits no device: Ovne\n" in shown
    assert shown.count("fits no device") == 1


def test_what_would_be_published_is_shown_and_that_acting_is_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = owner(tmp_path, discovery="read")
    assert main(["devices", "test", *config, "stop machine three"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("plant/3/set:")
    assert 'devices.discovery is "read"' in shown.err


def test_the_example_of_a_scene_can_be_used_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = owner(tmp_path)
    settings = tmp_path / "config.toml"
    mine, shipped = f"{tmp_path}/sentences", str(EXAMPLE)
    settings.write_text(settings.read_text("utf-8").replace(mine, shipped), "utf-8")
    assert main(["intents", "check", *config]) == 0
    assert main(["devices", "test", *config, "good night"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "Kitchen lamp: lamp/set OFF (QoS 1)",
        "house/scene: house/scene night (QoS 1)",
    ]
