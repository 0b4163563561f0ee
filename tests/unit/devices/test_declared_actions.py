"""`actions` of a sentence file: what they send, and what they must not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.config import DevicesSettings, JournalSettings, RequestSettings
from appliance.devices.declared_actions import check_actions
from appliance.devices.device_actions import DeviceActions
from appliance.devices.device_messages import DeviceMessages
from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import DeviceEntry, OwnerFile
from appliance.devices.unfinished_actions import UnfinishedActions
from appliance.dialogue.confirm_and_session import response_to
from appliance.errors import SentencesError, ServiceRefused
from appliance.journal.journal import Journal
from appliance.messages.topics import Topics
from appliance.sentences.active_sentences import ActiveSentences
from appliance.sentences.sentence_set import SentenceSet, load
from appliance.values import Action, Intent, Message, Outcome, Result, Source, Trigger

RULES = DiscoveryRules(root="appliance/x", requests=("appliance/+/request/+",))
OWNER = OwnerFile(
    devices=[
        DeviceEntry("Boiler", read_only=True),
        DeviceEntry("Oven", never_by_voice=True),
        DeviceEntry("Gate", expose=True),
    ]
)
STOP = """
      - topic: "plant/{{ slots.machine }}/set"
        payload: '{"said": {{ text | to_json }}}'
        qos: 2
"""


def sentences(folder: Path, actions: str, more: str = "") -> SentenceSet:
    """One intent with these actions."""
    text = f"""
language: en
intents:
  Stop:
    data:
      - sentences: ["stop {{machine}}", "stop"]
{more}
    actions:{actions}
lists:
  machine: {{wildcard: true}}
"""
    (folder / "stop.yaml").write_text(text, encoding="utf-8")
    return load(folder, "en")


class DeclaredActionsPublisher:
    """Keeps what would be published."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def publish(self, message: Message) -> None:
        self.messages.append(message)

    def notify(self) -> None:
        """The journal is read by the tests themselves."""


class Plant:
    """A few devices, and an intent with actions."""

    def __init__(
        self, folder: Path, actions: str, more: str = "", *, discovery: str = "act"
    ) -> None:
        self.registry = DeviceRegistry(RULES, OWNER, folder / "devices.json")
        for component, letter, name, extra in (
            ("light", "a", "Kitchen lamp", {"bri_cmd_t": "a/bri", "bri_stat_t": "a/bri/s"}),
            ("light", "c", "Hall lamp", {"avty_t": "c/online"}),
            ("switch", "d", "Boiler", {}),
            ("switch", "e", "Oven", {}),
            ("lock", "g", "Front door", {}),
            ("lock", "i", "Gate", {}),
        ):
            config = {"name": name, "cmd_t": f"{letter}/set", "stat_t": letter, **extra}
            topic = f"homeassistant/{component}/{letter}/config"
            self.registry.receive(topic, json.dumps(config).encode(), retained=False)
        self.publisher = DeclaredActionsPublisher()
        self.journal = Journal(folder, JournalSettings(), RequestSettings())
        self.actions = DeviceActions(
            DevicesSettings(discovery=discovery),  # type: ignore[arg-type]
            self.registry,
            self.publisher,  # type: ignore[arg-type]
            Topics("appliance/x"),
            ActiveSentences(sentences(folder, actions, more)),
            unfinished=UnfinishedActions(self.journal, self.publisher),  # type: ignore[arg-type]
        )
        self.messages = DeviceMessages(self.registry, self.actions, birth_topic=None)

    def do(self, by: str = "grammar", source: Source = Source.SPEECH, **slots: Any) -> Action:
        """Carry the intent out."""
        result = Result(
            id="1",
            source=source,
            trigger=Trigger.ALWAYS,
            language="en",
            outcome=Outcome.INTENT,
            text='stop "it"',
            intent=Intent("Stop", slots, by=by),
            at="",
        )
        action = self.actions.handle_intent(result)
        assert action is not None
        return action

    def sent(self, **more: Any) -> list[tuple[str, bytes]]:
        """The messages beside the report."""
        return [(one.topic, one.payload) for one in self.do(**more).messages[:-1]]


def test_slots_and_the_text_fill_the_topic_and_the_payload(tmp_path: Path) -> None:
    action = Plant(tmp_path, STOP).do(machine="three")
    message, report = action.messages
    assert (message.topic, message.qos, message.retain) == ("plant/three/set", 2, False)
    assert json.loads(message.payload) == {"said": 'stop "it"'}
    assert message.fresh_s == DevicesSettings().stale_s
    assert json.loads(report.payload)["targets"] == [
        {"name": "plant/three/set", "area": None, "state": "sent"}
    ]


@pytest.mark.parametrize("machine", ["a/b", "+", "#", "", "a\x00b", "a\nb"])
def test_a_slot_can_neither_add_a_level_nor_be_a_wildcard(tmp_path: Path, machine: str) -> None:
    with pytest.raises(ServiceRefused, match="topic"):
        Plant(tmp_path, STOP).do(machine=machine)


def test_a_slot_that_is_missing_sends_nothing_unless_there_is_a_default(tmp_path: Path) -> None:
    with pytest.raises(ServiceRefused, match="machine"):
        Plant(tmp_path, STOP).do()
    default = "\n      - {topic: plant, payload: \"{{ slots.machine | default('all') }}\"}"
    assert Plant(tmp_path, default).sent() == [("plant", b"all")]


def test_services_and_messages_go_out_in_the_order_of_the_file(tmp_path: Path) -> None:
    steps = """
      - {topic: first, payload: "1"}
      - {service: light.turn_on, device: kitchen lamp, data: {brightness_pct: "{{ slots.level }}"}}
      - {topic: last, payload: "2"}
"""
    sent = Plant(tmp_path, steps).sent(level=50)
    assert sent == [("first", b"1"), ("a/bri", b"128"), ("a/set", b"ON"), ("last", b"2")]


def test_a_device_that_reports_confirms_the_whole(tmp_path: Path) -> None:
    steps = "\n      - {service: light.turn_on, device: Kitchen lamp}\n      - {topic: x}"
    plant = Plant(tmp_path, steps)
    plant.do()
    plant.messages.receive("a", b"ON", retained=False)
    report = json.loads(plant.journal.pending(1)[0].message.payload)
    assert report["state"] == "confirmed"
    assert [one["state"] for one in report["targets"]] == ["confirmed", "sent"]


def test_a_device_that_cannot_be_reached_is_named_and_the_others_are_switched(
    tmp_path: Path,
) -> None:
    plant = Plant(tmp_path, "\n      - {service: light.turn_off, device: all}")
    action = plant.do()
    assert action.answer == "Hall lamp cannot be reached"
    assert [one.topic for one in action.messages[:-1]] == ["a/set"]


def test_the_response_is_said_after_the_actions_and_gives_way_to_what_was_not_reached(
    tmp_path: Path,
) -> None:
    steps = "\n      - {service: light.turn_off, device: %s}"
    response = '    response: "Machine {machine} stops."'
    said = []
    for device in ("Kitchen lamp", "all"):
        folder = tmp_path / device
        folder.mkdir()
        plant = Plant(folder, steps % device, response)
        action = plant.do(machine="three")
        assert [one.topic for one in action.messages[:-1]] == ["a/set"]
        declared = sentences(folder, steps % device, response).declared
        said.append(action.answer or response_to([Intent("Stop", {"machine": "three"})], declared))
    assert said == ["Machine three stops.", "Hall lamp cannot be reached"]


@pytest.mark.parametrize(
    "step",
    [
        "{service: switch.turn_on, device: Boiler}",
        "{service: switch.turn_on, device: Oven}",
        "{service: switch.turn_on, device: Nothing}",
        "{service: lock.unlock, device: Front door}",
        "{service: light.turn_on, area: Cellar}",
        "{service: light.turn_on, device: Kitchen lamp, data: {brightness_pct: much}}",
    ],
)
def test_if_one_step_cannot_be_done_nothing_is(tmp_path: Path, step: str) -> None:
    plant = Plant(tmp_path, f"\n      - {{topic: first}}\n      - {step}")
    with pytest.raises(ServiceRefused):
        plant.do()


@pytest.mark.parametrize(
    ("target", "machine"),
    [
        ("area: '{{ slots.machine }}'", ""),
        ("area: '{{ slots.machine }}'", " "),
        ("""area: "{{ slots.other | default('') }}\"""", "three"),
        ("device: '{{ slots.machine }}'", "all"),
        ("device: '{{ slots.machine }}'", ""),
    ],
)
def test_a_slot_that_is_empty_or_says_all_does_not_mean_every_device(
    tmp_path: Path, target: str, machine: str
) -> None:
    plant = Plant(tmp_path, f"\n      - {{service: light.turn_on, {target}}}")
    with pytest.raises(ServiceRefused):
        plant.do(machine=machine)


def test_never_by_voice_holds_for_speech_only(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "\n      - {service: switch.turn_on, device: Oven}")
    assert plant.sent(source=Source.MQTT) == [("e/set", b"ON")]
    with pytest.raises(ServiceRefused):
        plant.do(source=Source.SPEECH)


def test_all_or_nothing_holds_for_what_may_not_be_said_too(tmp_path: Path) -> None:
    plant = Plant(tmp_path, STOP + "\n      - {service: switch.turn_on, device: [Oven]}")
    with pytest.raises(ServiceRefused):
        plant.do(source=Source.SPEECH, machine="three")
    assert len(plant.sent(source=Source.MQTT, machine="three")) == 2


def test_a_guess_does_nothing_unless_the_intent_allows_it(tmp_path: Path) -> None:
    plant = Plant(tmp_path, STOP)
    for guess in ("fuzzy", "model", "another"):
        with pytest.raises(ServiceRefused):
            plant.do(by=guess, machine="three")
    allowed = Plant(tmp_path, STOP, "    by_fuzzy: true")
    assert allowed.sent(by="fuzzy", machine="three")
    with pytest.raises(ServiceRefused):
        allowed.do(by="model", machine="three")


def test_a_guess_moves_no_lock_even_if_the_intent_allows_guesses(tmp_path: Path) -> None:
    step = "\n      - {service: lock.unlock, device: Gate}"
    plant = Plant(tmp_path, step, "    by_fuzzy: true")
    with pytest.raises(ServiceRefused):
        plant.do(by="fuzzy")
    assert plant.sent() == [("i/set", b"UNLOCK")]


def test_an_intent_with_actions_is_not_offered_to_guesses(tmp_path: Path) -> None:
    declared = sentences(tmp_path, STOP).declared["Stop"]
    assert (declared.by_fuzzy, declared.by_model) == (False, False)
    declared = sentences(tmp_path, STOP, "    by_model: true").declared["Stop"]
    assert (declared.by_fuzzy, declared.by_model) == (False, True)


def test_without_leave_to_act_nothing_is_sent(tmp_path: Path) -> None:
    action = Plant(tmp_path, STOP, discovery="read").do(machine="three")
    assert action.messages == ()
    assert action.answer == "I am not allowed to switch devices"


def test_a_topic_gets_only_so_many_messages_a_minute(tmp_path: Path) -> None:
    plant = Plant(tmp_path, STOP)
    for _ in range(30):
        plant.do(machine="three")
    with pytest.raises(ServiceRefused):
        plant.do(machine="three")


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("{topic: a, service: light.turn_on}", "either `topic:` or `service:`"),
        ("{payload: x}", "either `topic:` or `service:`"),
        ("{topic: a, payload: ON}", "got `bool`"),
        ("{topic: a, qos: 3}", "<= 2"),
        ("{topic: a, other: 1}", "other"),
        ("{topic: a/+/b}", "topic"),
        ("{topic: a//b}", "topic"),
        ("{topic: '{{ slots.machine }}/set'}", "first level"),
        ("{topic: appliance/x/request/command}", "must not publish"),
        ("{topic: appliance/another/request/command}", "must not publish"),
        ("{topic: homeassistant/light/a/config}", "must not publish"),
        ("{topic: homeassistant/status}", "must not publish"),
        ("{topic: tasmota/discovery/a/config}", "must not publish"),
        ("{topic: $SYS/a}", "must not publish"),
        ("{topic: a, payload: '{{ states(1) }}'}", "Home Assistant"),
        ("{topic: a, payload: '{% for x in y %}{% endfor %}'}", "not allowed"),
        ("{topic: a, payload: '{{ slots.x'}", "not valid"),
        ("{service: light.explode, device: all}", "no service 'light.explode'"),
        ("{service: light.turn_on}", "for which devices"),
        ("{service: light.turn_on, device: all, data: {speed: 1}}", "no 'speed'"),
        ("{service: light.turn_on, device: 5}", "got `int`"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, step: str, what: str) -> None:
    declared = sentences(tmp_path, f"\n      - {{topic: fine}}\n      - {step}").declared
    with pytest.raises(SentencesError) as found:
        check_actions(declared, RULES, "act")
    (problem,) = found.value.problems
    assert problem.startswith(f"{tmp_path / 'stop.yaml'}:10: ")
    assert what in problem


def test_a_dynamic_topic_cannot_reach_requests(tmp_path: Path) -> None:
    step = '\n      - {topic: "appliance/y/{{ slots.machine }}/command", payload: stop}'
    with pytest.raises(ServiceRefused, match="must not publish"):
        Plant(tmp_path, step).do(machine="request")
    assert Plant(tmp_path, step).sent(machine="other") == [("appliance/y/other/command", b"stop")]


@pytest.mark.parametrize("actions", [" text", " {topic: a}", " [a]"])
def test_actions_that_are_no_list_are_an_error(tmp_path: Path, actions: str) -> None:
    with pytest.raises(SentencesError, match=r"stop.yaml:\d+: actions must be a list"):
        sentences(tmp_path, actions)


def test_two_files_with_actions_of_one_intent_are_an_error(tmp_path: Path) -> None:
    sentences(tmp_path, STOP)
    text = (tmp_path / "stop.yaml").read_text("utf-8").partition("lists:")[0]
    (tmp_path / "two.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SentencesError, match="another file has actions for Stop"):
        load(tmp_path, "en")


@pytest.mark.parametrize("discovery", ["off", "read"])
def test_actions_are_warned_of_while_acting_is_off(tmp_path: Path, discovery: str) -> None:
    declared = sentences(tmp_path, STOP).declared
    assert check_actions(declared, RULES, "act") == []
    (warning,) = check_actions(declared, RULES, discovery)
    assert warning.startswith(f"{tmp_path / 'stop.yaml'}:9: the actions of Stop are not done while")
    assert f'"{discovery}"' in warning
    assert check_actions({}, RULES, discovery) == []
