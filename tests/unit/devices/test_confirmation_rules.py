"""A command that moves a lock, or what the owner chose, waits for a yes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.devices.confirmation_rules import ConfirmationRules
from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import DeviceEntry, OwnerFile
from appliance.sentences.active_sentences import ActiveSentences
from appliance.sentences.sentence_set import load
from appliance.values import Intent

OWNER = OwnerFile(
    devices=[
        DeviceEntry("Front door", expose=True),
        DeviceEntry("Cellar door", expose=True, confirm=False),
        DeviceEntry("Boiler", confirm=True),
    ]
)
SENTENCES = """
language: en
intents:
  Leave:
    data: [{sentences: [leave]}]
    actions:
      - {topic: house, payload: empty}
      - {service: lock.lock, device: "{{ slots.door | default('Front door') }}"}
  Cook:
    data: [{sentences: [cook]}]
    actions: [{service: light.turn_on, device: all}]
  Danger:
    confirm: true
    data: [{sentences: [danger]}]
"""


@pytest.fixture
def rules(tmp_path: Path) -> ConfirmationRules:
    """Those of a small home."""
    registry = DeviceRegistry(DiscoveryRules(), OWNER, tmp_path / "devices.json")
    for component, name in (
        ("light", "Lamp"),
        ("switch", "Boiler"),
        ("switch", "Plug"),
        ("lock", "Front door"),
        ("lock", "Cellar door"),
        ("lock", "Garden door"),
    ):
        node = name.replace(" ", "_")
        config = {"name": name, "cmd_t": f"{node}/set", "stat_t": node}
        topic = f"homeassistant/{component}/{node}/config"
        registry.receive(topic, json.dumps(config).encode(), retained=False)
    (tmp_path / "sentences").mkdir()
    (tmp_path / "sentences" / "a.yaml").write_text(SENTENCES, "utf-8")
    sentences = ActiveSentences(load(tmp_path / "sentences", "en", builtin=True))
    return ConfirmationRules(sentences, registry)


@pytest.mark.parametrize(
    ("intent", "slots", "needed"),
    [
        ("HassTurnOff", {"name": "Front door"}, True),
        ("HassTurnOn", {"name": "Front door"}, True),
        ("HassTurnOff", {"name": "Cellar door"}, False),
        ("HassTurnOff", {"name": "Garden door"}, False),
        ("HassTurnOn", {"name": "Lamp"}, False),
        ("HassTurnOn", {"name": "Boiler"}, True),
        ("HassTurnOn", {"domain": "switch"}, True),
        ("HassTurnOn", {"name": "Nothing"}, False),
        ("HassGetState", {"name": "Front door"}, False),
        ("Leave", {}, True),
        ("Leave", {"door": "Cellar door"}, False),
        ("Cook", {}, False),
        ("Danger", {}, True),
    ],
)
def test_the_yes_is_needed_by_the_intent_or_by_a_device_that_it_moves(
    rules: ConfirmationRules, intent: str, slots: dict[str, Any], *, needed: bool
) -> None:
    assert rules.commands_need_yes([Intent(intent, slots)], "", "en") is needed


def test_of_several_commands_one_is_enough(rules: ConfirmationRules) -> None:
    lamp, door = (Intent("HassTurnOff", {"name": name}) for name in ("Lamp", "Front door"))
    assert rules.commands_need_yes([lamp, door], "", "en")
    assert not rules.commands_need_yes([lamp, lamp], "", "en")


def test_after_a_bug_a_yes_is_needed_and_no_word_is_logged(
    rules: ConfirmationRules, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret word")

    monkeypatch.setattr("appliance.devices.confirmation_rules.asked_of", fail)
    assert rules.commands_need_yes([Intent("HassTurnOn", {"name": "Lamp"})], "", "en")
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text
