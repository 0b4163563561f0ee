"""Intents become messages; the outcome is seen, or called unconfirmed."""

from __future__ import annotations

import functools
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.config import DevicesSettings, JournalSettings, RequestSettings
from appliance.devices.confirmation_rules import ConfirmationRules
from appliance.devices.device_actions import COMMANDS_PER_MINUTE, DeviceActions
from appliance.devices.device_messages import DeviceMessages
from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import DeviceEntry, OwnerFile
from appliance.devices.unfinished_actions import UnfinishedActions
from appliance.errors import ServiceRefused
from appliance.journal.journal import Journal
from appliance.journal.outbox import OutboxRow
from appliance.messages.topics import Topics
from appliance.sentences.active_sentences import ActiveSentences
from appliance.sentences.sentence_set import SentenceSet, load
from appliance.values import Intent, Message, Models, Outcome, Result, Source, Trigger

OWNER = OwnerFile(
    areas=["Kitchen", "Hall"],
    devices=[
        DeviceEntry("Boiler", read_only=True),
        DeviceEntry("Front door", expose=True),
        DeviceEntry("Gate", expose=True),
        DeviceEntry("Hall fan", never_by_voice=True),
    ],
)


@functools.cache
def home_sentences() -> SentenceSet:
    """Home Assistant's English sentences, with the rooms and names of the home."""
    kinds = {"Kitchen lamp": "light", "Hall window": "binary_sensor"}
    names = [
        {"in": name, "out": name, "context": {"domain": domain}} for name, domain in kinds.items()
    ]
    return load(None, "en", builtin=True, more_values={"name": names, "area": ["Kitchen", "Hall"]})


class ListingPublisher:
    """Keeps what would be published."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def publish(self, message: Message) -> None:
        self.messages.append(message)

    def notify(self) -> None:
        """The journal is read by the tests themselves."""


class ListingSpeaker:
    """Keeps what would be said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        self.texts.append(text)


class Home:
    """A registry with a few devices, and what acts on them."""

    def __init__(self, folder: Path, *, discovery: str = "act", confirm_s: float = 60.0) -> None:
        self.folder = folder
        self.registry = DeviceRegistry(DiscoveryRules(), OWNER, folder / "devices.json")
        for place, more in (
            ("light/a", {"name": "Kitchen lamp"}),
            ("light/b", {"name": "Kitchen strip", "bri_cmd_t": "b/bri", "bri_stat_t": "b/bri/s"}),
            ("light/c", {"name": "Hall lamp", "avty_t": "c/online"}),
            ("switch/d", {"name": "Boiler"}),
            ("scene/e", {"name": "Movie"}),
            ("cover/f", {"name": "Hall blind", "dev_cla": "blind"}),
            ("lock/g", {"name": "Front door", "cod_form": "^\\d{4}$"}),
            ("lock/i", {"name": "Gate"}),
            ("fan/j", {"name": "Hall fan"}),
            ("binary_sensor/h", {"name": "Hall window", "dev_cla": "window"}),
        ):
            letter = place[-1]
            config = {"cmd_t": f"{letter}/set", "stat_t": letter, "uniq_id": letter, **more}
            topic = f"homeassistant/{place}/config"
            self.registry.receive(topic, json.dumps(config).encode(), retained=False)
        self.publisher = ListingPublisher()
        self.journal = Journal(folder, JournalSettings(), RequestSettings())
        self.speaker = ListingSpeaker()
        self.actions = DeviceActions(
            DevicesSettings(discovery=discovery, confirm_s=confirm_s, stale_s=30.0),  # type: ignore[arg-type]
            self.registry,
            self.publisher,  # type: ignore[arg-type]
            Topics("appliance/x"),
            ActiveSentences(home_sentences()),
            unfinished=UnfinishedActions(self.journal, self.publisher),  # type: ignore[arg-type]
            speaker=self.speaker,
        )
        self.messages = DeviceMessages(self.registry, self.actions, birth_topic=None)

    def say(
        self, intent: str, by: str = "grammar", source: Source = Source.SPEECH, **slots: Any
    ) -> list[Message]:
        """Carry out an intent; the messages to devices."""
        action = self.actions.handle_intent(result(intent, slots, by, source))
        assert action is not None
        return [one for one in action.messages if not one.topic.startswith("appliance/")]

    def say_and_commit(
        self, intent: str, source: Source = Source.MQTT, **slots: Any
    ) -> list[OutboxRow]:
        """The same, with all that it leads to on disk; the commands there."""
        said = result(intent, slots, source=source)
        action = self.actions.handle_intent(said)
        assert action is not None
        self.journal.commit(said, lambda _: action.messages, records=action.records)
        return [one for one in self.journal.pending(100) if one.message.fresh_s is not None]

    def reports(self) -> list[dict[str, Any]]:
        """The outcomes that were published."""
        on_disk = [one.message for one in self.journal.pending(100) if one.message.fresh_s is None]
        return [json.loads(one.payload) for one in (*self.publisher.messages, *on_disk)]

    def report(self) -> dict[str, Any]:
        """The last outcome that was published."""
        return self.reports()[-1]

    def restarted(self, **settings: Any) -> Home:
        """After a kill; the broker has the discovery, and there is a connection again."""
        self.journal.close()
        again = Home(self.folder, **settings)
        again.messages.connected()
        return again


def result(
    name: str, slots: dict[str, Any], by: str = "grammar", source: Source = Source.SPEECH
) -> Result:
    return Result(
        id="1",
        source=source,
        trigger=Trigger.ALWAYS,
        language="en",
        outcome=Outcome.INTENT,
        intent=Intent(name, slots, by=by),
        at="",
    )


def sent(messages: list[Message]) -> list[tuple[str, bytes]]:
    return [(message.topic, message.payload) for message in messages]


def test_a_named_device_gets_its_message_with_its_qos_and_a_lifetime(tmp_path: Path) -> None:
    (message,) = Home(tmp_path).say("HassTurnOn", name="Kitchen lamp")
    assert (message.topic, message.payload, message.qos) == ("a/set", b"ON", 0)
    assert (message.fresh_s, message.content_type) == (30.0, None)


def test_all_lights_of_a_room_get_theirs(tmp_path: Path) -> None:
    messages = Home(tmp_path).say("HassTurnOff", area="Kitchen", domain="light")
    assert sent(messages) == [("a/set", b"OFF"), ("b/set", b"OFF")]


def test_slots_become_the_data_of_the_service(tmp_path: Path) -> None:
    home = Home(tmp_path)
    messages = home.say("HassLightSet", name="Kitchen strip", brightness=50)
    assert sent(messages) == [("b/bri", b"128"), ("b/set", b"ON")]
    messages = home.say("HassTurnOn", device_class="blind", area="Hall", domain="cover")
    assert sent(messages) == [("f/set", b"OPEN")]


def test_an_intent_that_says_no_kind_and_no_name_moves_nothing(tmp_path: Path) -> None:
    unclear: list[dict[str, Any]] = [{}, {"area": "Kitchen"}, {"name": "all"}]
    for slots in unclear:
        with pytest.raises(ServiceRefused):
            Home(tmp_path).say("HassTurnOn", **slots)


@pytest.mark.parametrize(
    ("intent", "slots"),
    [
        ("HassTurnOn", {"name": "Cellar lamp"}),
        ("HassTurnOn", {"name": "Boiler"}),
        ("HassTurnOff", {"name": "Front door"}),
        ("HassTurnOff", {"name": "Movie"}),
        ("HassTurnOn", {"name": "Hall window"}),
        ("HassTurnOn", {"domain": "light", "area": "Cellar"}),
        ("HassTurnOn", {"name": "Hall lamp"}),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_sent(
    tmp_path: Path, intent: str, slots: dict[str, Any]
) -> None:
    with pytest.raises(ServiceRefused):
        Home(tmp_path).say(intent, **slots)


def test_a_device_that_cannot_be_reached_is_called_that(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(ServiceRefused, match="Hall lamp cannot be reached"):
        home.say("HassTurnOn", name="Hall lamp")
    assert home.report()["state"] == "unavailable"


def test_a_state_that_comes_afterwards_confirms_and_a_stored_one_does_not(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.say("HassTurnOn", name="Kitchen lamp")
    home.messages.receive("a", b"ON", retained=True)
    assert home.reports() == []
    home.messages.receive("a", b"ON", retained=False)
    assert home.report()["state"] == "confirmed"


def test_another_state_does_not_confirm(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.say("HassLightSet", name="Kitchen strip", brightness=50)
    home.messages.receive("b", b"ON", retained=False)
    home.messages.receive("b/bri/s", b"30", retained=False)
    assert home.reports() == []
    home.messages.receive("b/bri/s", b"128", retained=False)
    assert home.report()["state"] == "confirmed"


def test_without_an_answer_the_outcome_is_unconfirmed(tmp_path: Path) -> None:
    home = Home(tmp_path, confirm_s=0.5)
    home.say("HassTurnOn", area="Kitchen", domain="light")
    home.messages.receive("a", b"ON", retained=False)
    home.messages.turn()
    assert home.reports() == []
    time.sleep(0.6)
    home.messages.turn()
    report = home.report()
    states = {one["name"]: one["state"] for one in report["targets"]}
    assert report["state"] == "unconfirmed"
    assert states == {"Kitchen lamp": "confirmed", "Kitchen strip": "unconfirmed"}
    assert home.speaker.texts == ["Kitchen strip does not answer"]


def test_what_cannot_report_stays_sent(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert sent(home.say("HassTurnOn", name="Movie")) == [("e/set", b"ON")]
    home.messages.turn()
    assert home.reports() == []


def test_a_command_that_was_not_confirmed_at_a_kill_is_unconfirmed_afterwards(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    (command,) = home.say_and_commit("HassTurnOn", Source.SPEECH, name="Kitchen lamp")
    home.journal.mark_sent(command.rank)
    again = home.restarted(confirm_s=0.5)
    again.messages.turn()
    assert [one["state"] for one in again.reports()] == ["sent"]
    time.sleep(0.6)
    again.messages.turn()
    report = again.report()
    assert (report["id"], report["state"], report["intent"]) == ("1", "unconfirmed", "HassTurnOn")
    assert report["targets"] == [
        {"name": "Kitchen lamp", "area": "Kitchen", "state": "unconfirmed"}
    ]
    assert again.speaker.texts == []
    assert again.journal.records("action/") == {}


@pytest.mark.parametrize("retained", [True, False])
def test_after_a_kill_the_state_of_the_device_confirms_a_command(
    tmp_path: Path,
    retained: bool,  # noqa: FBT001
) -> None:
    home = Home(tmp_path)
    home.say_and_commit("HassTurnOn", name="Kitchen lamp")
    again = home.restarted()
    again.messages.receive("a", b"OFF", retained=retained)
    assert again.report()["state"] == "sent"
    again.messages.receive("a", b"ON", retained=retained)
    assert again.report()["state"] == "confirmed"
    assert len(again.restarted().reports()) == 2


def test_a_stored_state_shows_nothing_after_a_toggle(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.say_and_commit("HassToggle", name="Kitchen lamp")
    again = home.restarted()
    again.messages.receive("a", b"ON", retained=True)
    assert again.report()["state"] == "sent"


def test_what_nobody_reports_is_unconfirmed_if_it_was_being_sent_at_a_kill(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (command,) = home.say_and_commit("HassTurnOn", name="Movie")
    home.journal.mark_sent(command.rank)
    home.messages.turn()
    assert list(home.journal.records("action/")) == ["1"]
    again = home.restarted()
    again.messages.turn()
    assert again.report()["state"] == "unconfirmed"


def test_what_nobody_reports_is_not_told_again_once_the_broker_has_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (command,) = home.say_and_commit("HassTurnOn", name="Movie")
    again = home.restarted()
    again.messages.turn()
    assert list(again.journal.records("action/")) == ["1"]
    again.journal.remove_delivered([command.rank])
    again.messages.turn()
    assert again.journal.records("action/") == {}
    assert [one["state"] for one in again.reports()] == ["sent"]


def test_what_nobody_reports_is_unconfirmed_if_it_could_not_be_sent_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    home.say_and_commit("HassTurnOn", name="Movie")
    monkeypatch.setattr("appliance.journal.outbox.boot_seconds", lambda: 1e9)
    home.messages.turn()
    assert home.report()["state"] == "unconfirmed"


def test_an_older_command_on_the_same_topic_makes_no_newer_one_doubtful(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (command,) = home.say_and_commit("HassTurnOn", name="Movie")
    home.journal.mark_sent(command.rank)
    again = home.restarted()
    again.messages.turn()
    said = msgspec.structs.replace(result("HassTurnOn", {"name": "Movie"}), id="2")
    action = again.actions.handle_intent(said)
    assert action is not None
    again.journal.commit(said, lambda _: action.messages, records=action.records)
    again.messages.turn()
    newer = [one.rank for one in again.journal.pending(100) if one.message.fresh_s is not None]
    again.journal.remove_delivered(newer)
    again.messages.turn()
    told = [(one["id"], one["state"]) for one in again.reports()]
    assert told == [("1", "sent"), ("1", "unconfirmed"), ("2", "sent")]
    assert again.journal.records("action/") == {}


def test_a_record_that_is_written_after_the_outcome_is_known_does_not_stay(tmp_path: Path) -> None:
    home = Home(tmp_path)
    said = result("HassTurnOn", {"name": "Kitchen lamp"})
    action = home.actions.handle_intent(said)
    assert action is not None
    home.messages.receive("a", b"ON", retained=False)
    home.journal.commit(said, lambda _: (), records=action.records)
    home.messages.turn()
    assert home.journal.records("action/") == {}


def test_an_unreadable_record_of_a_command_stays_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home(tmp_path)
    home.journal.write_records({"action/7": b"{}"})
    again = home.restarted()
    again.messages.turn()
    assert "command 7 stays on disk" in caplog.text
    assert again.reports() == []


def test_a_device_gets_only_so_many_commands_a_minute(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for _ in range(COMMANDS_PER_MINUTE):
        home.say("HassTurnOn", name="Kitchen lamp")
    with pytest.raises(ServiceRefused):
        home.say("HassTurnOn", name="Kitchen lamp")
    assert home.say("HassTurnOn", name="Movie")


def test_without_leave_to_act_nothing_is_sent_and_states_are_told(tmp_path: Path) -> None:
    home = Home(tmp_path, discovery="read")
    assert home.say("HassTurnOn", name="Kitchen lamp") == []
    home.messages.receive("h", b"ON", retained=True)
    action = home.actions.handle_intent(result("HassGetState", {"name": "Hall window"}))
    assert action is not None
    assert action.answer == "Hall window is open"


def test_a_state_that_nobody_knows_is_not_told_as_off(tmp_path: Path) -> None:
    home = Home(tmp_path)
    question = {"name": "Kitchen lamp", "state": "on"}
    action = home.actions.handle_intent(result("HassGetState", question))
    assert action is not None
    assert action.answer == "I do not know yet"
    home.messages.receive("a", b"OFF", retained=True)
    action = home.actions.handle_intent(result("HassGetState", question))
    assert action is not None
    assert action.answer == "No, off"


def test_discovery_and_states_are_there_again_after_a_restart(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.messages.receive("a", b"ON", retained=False)
    home.messages.stop()
    again = DeviceRegistry(DiscoveryRules(), OWNER, tmp_path / "devices.json")
    states = {device.name: device.entity.state for device in again.devices}
    assert len(states) == 10
    assert states["Kitchen lamp"] == "on"
    assert states["Kitchen strip"] == "unknown"


def test_a_damaged_file_costs_a_warning(tmp_path: Path) -> None:
    (tmp_path / "devices.json").write_bytes(b"{")
    registry = DeviceRegistry(DiscoveryRules(), OWNER, tmp_path / "devices.json")
    assert registry.devices == []


def test_intents_of_others_are_left_to_them(tmp_path: Path) -> None:
    assert Home(tmp_path).actions.handle_intent(result("HassStartTimer", {})) is None


def test_only_a_change_of_what_can_be_said_asks_for_new_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.devices.device_registry.SETTLE_S", -1.0)
    home = Home(tmp_path)
    assert home.registry.has_settled()
    assert not home.registry.has_settled()
    config = {"name": "Kitchen lamp", "cmd_t": "other/set", "stat_t": "a", "uniq_id": "a"}
    topic = "homeassistant/light/a/config"
    home.registry.receive(topic, json.dumps(config).encode(), retained=False)
    assert not home.registry.has_settled()
    config["name"] = "Hall lantern"
    home.registry.receive(topic, json.dumps(config).encode(), retained=False)
    assert home.registry.has_settled()


def test_what_was_only_guessed_moves_no_lock(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for guess in ("fuzzy", "model"):
        with pytest.raises(ServiceRefused):
            home.say("HassTurnOff", by=guess, name="Gate")
        assert home.say("HassTurnOn", by=guess, name="Kitchen lamp")
    assert sent(home.say("HassTurnOff", name="Gate")) == [("i/set", b"UNLOCK")]


def test_speech_does_not_reach_what_is_never_by_voice(tmp_path: Path) -> None:
    home = Home(tmp_path)
    ways: list[dict[str, Any]] = [{"name": "Hall fan"}, {"area": "Hall", "domain": "fan"}]
    for slots in ways:
        with pytest.raises(ServiceRefused):
            home.say("HassTurnOn", **slots)
        assert sent(home.say("HassTurnOn", source=Source.MQTT, **slots)) == [("j/set", b"ON")]


def test_a_recording_that_was_sent_is_speech_too(tmp_path: Path) -> None:
    sent_text = result("HassTurnOn", {"name": "Hall fan"}, source=Source.MQTT)
    recording = msgspec.structs.replace(sent_text, models=Models(stt="whisper-tiny.en"))
    actions = Home(tmp_path).actions
    assert actions.handle_intent(sent_text) is not None
    with pytest.raises(ServiceRefused):
        actions.handle_intent(recording)


def test_a_group_is_not_counted_beside_its_members(tmp_path: Path) -> None:
    home = Home(tmp_path)
    group = {"name": "Kitchen lights", "cmd_t": "k/set", "stat_t": "k", "grp": ["a", "b"]}
    topic = "homeassistant/light/k/config"
    home.registry.receive(topic, json.dumps(group).encode(), retained=False)
    for place in ("a", "k"):
        home.messages.receive(place, b"ON", retained=True)
    question = {"domain": "light", "area": "Kitchen", "state": "on"}
    action = home.actions.handle_intent(result("HassGetState", question))
    assert action is not None
    assert action.answer == "Kitchen lamp"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("which lights are on in the kitchen", "Kitchen lamp"),
        ("how many lights are on in the kitchen", "1"),
        ("are all lights on in the kitchen", "No, Kitchen strip is not on"),
        ("are any lights on in the kitchen", "Yes, Kitchen lamp"),
        ("are any lights on", "Yes, Kitchen lamp. Hall lamp cannot be reached"),
        ("is any window open in the hall", "Yes, Hall window"),
        ("are all windows closed in the hall", "No, Hall window is not closed"),
        ("is the hall window open", "Yes"),
    ],
)
def test_a_question_is_answered_as_it_was_asked(tmp_path: Path, text: str, answer: str) -> None:
    home = Home(tmp_path)
    for topic, payload in (("a", b"ON"), ("b", b"OFF"), ("h", b"ON")):
        home.messages.receive(topic, payload, retained=True)
    intent = home_sentences().parse(text)
    assert intent is not None
    asked = msgspec.structs.replace(result(intent.name, intent.slots), text=text)
    action = home.actions.handle_intent(asked)
    assert action is not None
    assert action.answer == answer


def test_what_was_left_out_is_said_and_left_as_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path)
    asked = result("TurnOffAllExcept", {"domain": "light", "except_area": "Hall"})
    action = home.actions.handle_intent(asked)
    assert action is not None
    assert action.answer == "Done, all except Hall"
    assert {one.topic for one in action.messages[:-1]} == {"a/set", "b/set"}


@pytest.mark.parametrize(
    ("language", "slots", "said"),
    [
        ("en", {"domain": "light", "area": "Kitchen"}, "Turned off the lights"),
        ("en", {"domain": "light"}, "Turned off all of the lights"),
        ("fr", {"domain": "light", "area": "Kitchen"}, "Éteint"),
        ("fr", {"name": "Hall blind"}, "Fermeture en cours"),
        ("nl", {"domain": "light", "area": "Kitchen"}, "Verlichting uitgezet"),
        ("it", {"domain": "light"}, "Ho spento tutte le luci"),
        ("de", {"domain": "light"}, "Alle Lichter ausgeschaltet"),
        ("es", {"domain": "light", "area": "Kitchen"}, "Luces apagadas"),
    ],
)
def test_what_was_done_is_said_in_the_language(
    tmp_path: Path, language: str, slots: dict[str, Any], said: str
) -> None:
    home = Home(tmp_path)
    home.registry.receive("c/online", b"online", retained=False)
    asked = msgspec.structs.replace(result("HassTurnOff", slots), language=language)
    action = home.actions.handle_intent(asked)
    assert action is not None
    assert action.answer == said


@pytest.mark.parametrize(
    ("kind", "more", "intent", "slots", "by"),
    [
        ("lock", {}, "HassTurnOff", {"name": "Way in"}, "grammar"),
        ("lock", {}, "HassTurnOff", {"name": "Way in"}, "fuzzy"),
        ("cover", {"dev_cla": "garage"}, "HassTurnOn", {"name": "Way in"}, "grammar"),
        ("cover", {"dev_cla": "garage"}, "HassTurnOn", {"name": "Way in"}, "fuzzy"),
        (
            "climate",
            {"temp_cmd_t": "t"},
            "HassClimateSetTemperature",
            {"temperature": 21},
            "grammar",
        ),
    ],
)
def test_a_device_that_may_not_be_commanded_does_not_hide_that_a_yes_is_needed(
    tmp_path: Path, kind: str, more: dict[str, Any], intent: str, slots: dict[str, Any], by: str
) -> None:
    home = Home(tmp_path)
    entries = [
        DeviceEntry("One", name="Way in", area="Hall", expose=True, never_by_voice=True),
        DeviceEntry(
            "Two", name="Way in", area="Annex", expose=kind == "lock" or None, confirm=True
        ),
    ]
    home.registry.replace_owner(OwnerFile(devices=entries))
    plain = {} if kind == "cover" else more
    for name, rest in (("One", more), ("Two", plain)):
        config = {"name": name, "cmd_t": f"{name}/set", **rest}
        topic = f"homeassistant/{kind}/{name}/config"
        home.registry.receive(topic, json.dumps(config).encode(), retained=False)
    rules = ConfirmationRules(ActiveSentences(home_sentences()), home.registry)
    assert not rules.needs_yes(result(intent, slots, by))
    with pytest.raises(ServiceRefused):
        home.say(intent, by=by, **slots)


def test_of_all_of_a_kind_what_may_not_be_commanded_is_left_out(tmp_path: Path) -> None:
    home = Home(tmp_path)
    config = {"name": "Kitchen fan", "cmd_t": "k/set"}
    home.registry.receive("homeassistant/fan/k/config", json.dumps(config).encode(), retained=False)
    assert sent(home.say("HassTurnOn", domain="fan")) == [("k/set", b"ON")]
    with pytest.raises(ServiceRefused, match="Hall fan cannot do that"):
        home.say("HassTurnOn", domain="fan", area="Hall")


def test_a_group_is_not_moved_by_voice_if_one_of_its_members_must_not_be(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for name, more in (("Kitchen fan", {"uniq_id": "k"}), ("Kitchen fans", {"group": ["j", "k"]})):
        config = {"name": name, "cmd_t": f"{name}/set", **more}
        topic = f"homeassistant/fan/{name.replace(' ', '_')}/config"
        home.registry.receive(topic, json.dumps(config).encode(), retained=False)
    assert sent(home.say("HassTurnOn", domain="fan")) == [("Kitchen fan/set", b"ON")]
    with pytest.raises(ServiceRefused, match="Kitchen fans cannot do that"):
        home.say("HassTurnOn", name="Kitchen fans")
    typed = home.say("HassTurnOn", name="Kitchen fans", source=Source.MQTT)
    assert sent(typed) == [("Kitchen fans/set", b"ON")]


@pytest.mark.parametrize("said", ["1", "1,2,3,4"])
def test_a_colour_that_is_none_does_not_end_the_thread_that_waits_for_a_lamp(
    tmp_path: Path, said: str
) -> None:
    home = Home(tmp_path)
    more = {
        "bri_cmd_t": "s/bri",
        "bri_stat_t": "s/bri/s",
        "rgb_cmd_t": "s/rgb",
        "rgb_stat_t": "rgb",
    }
    config = {"name": "Hall strip", "cmd_t": "s/set", "stat_t": "s", **more}
    home.registry.receive(
        "homeassistant/light/s/config", json.dumps(config).encode(), retained=False
    )
    home.say("HassLightSet", name="Hall strip", brightness=40)
    for topic, payload in (("rgb", said), ("s", "ON"), ("s/bri/s", "102")):
        home.messages.receive(topic, payload.encode(), retained=False)
    strip = home.registry.devices[-1].entity
    assert strip.attributes["rgb_color"] is None


def test_all_the_lights_of_the_starter_set_are_those_of_every_room(tmp_path: Path) -> None:
    messages = Home(tmp_path).say("HassTurnOff", domain="light", area="all")
    assert {topic for topic, _ in sent(messages)} == {"a/set", "b/set"}
    with pytest.raises(ServiceRefused):
        Home(tmp_path / "other").say("HassTurnOff", area="all")
