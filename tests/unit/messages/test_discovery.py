"""The discovery message, against the schema of a Home Assistant release and its templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jinja2
import msgspec
import pytest

from appliance import config
from appliance.messages import discovery
from appliance.messages.announcement_record import AnnouncedDevice
from appliance.messages.request_payloads import MicrophoneRequest
from appliance.messages.status_payloads import Health, LinkHealth, Telemetry
from appliance.messages.timer_payloads import (
    ShownTimer,
    TimerChange,
    TimerEvent,
    TimerKind,
    TimerPhase,
    TimersNow,
)
from appliance.messages.topics import Topics
from appliance.values import (
    Activity,
    BoardReading,
    Intent,
    MicrophoneState,
    Outcome,
    Pace,
    Result,
    Source,
    Trigger,
    encode,
)

TAKEN_AWAY = {"platform": "notify"}
"""Home Assistant takes away what has its platform alone."""

TAKEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "home_assistant.json").read_text()
)
"""Made from the source of a release by tests/measure/home_assistant_schema.py."""

SETTINGS = config.Config(
    device=config.DeviceSettings(name="kitchen"),
    mqtt=config.MqttSettings(host="broker", operations=[*get_args(config.RequestName)]),
    home_assistant=config.HomeAssistantSettings(enabled=True),
    speaking=config.SpeakingSettings(engine="espeak-ng"),
)
TOPICS = Topics.of(SETTINGS)
ANNOUNCED = AnnouncedDevice(
    object_id="appliance_kitchen", root="appliance/kitchen", prefix="homeassistant", machine="x"
)
MESSAGE = discovery.discovery(SETTINGS, TOPICS, (), ANNOUNCED)
TOLD: dict[str, Any] = json.loads(MESSAGE.payload)

RESULT = Result(
    id="0190",
    source=Source.SPEECH,
    trigger=Trigger.ALWAYS,
    language="en",
    outcome=Outcome.INTENT,
    text='say "hello"\nand go',
    intent=Intent("TurnOn", {"name": "lamp"}, 0.9),
    at="2026-01-01T00:00:00Z",
)


def rendered(component: str, value: Any, template: str = "value_template") -> str:
    """What Home Assistant makes of a payload."""
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701
    environment.filters["to_json"] = json.dumps
    text = TOLD["components"][component][template]
    if isinstance(value, bytes):
        return environment.from_string(text).render(value_json=json.loads(value))
    return environment.from_string(text).render(value=value)


def test_the_discovery_is_one_retained_message_on_the_topic_that_home_assistant_reads() -> None:
    assert MESSAGE.topic == "homeassistant/device/appliance_kitchen/config"
    assert MESSAGE.retain
    removal = discovery.removal(ANNOUNCED)
    assert (removal.topic, removal.payload, removal.retain) == (MESSAGE.topic, b"", True)


@pytest.mark.parametrize("part", ["device", "origin"])
def test_device_and_origin_have_only_keys_that_home_assistant_knows(part: str) -> None:
    assert set(TOLD[part]) <= set(TAKEN[part])
    assert {key for key, needed in TAKEN[part].items() if needed} <= set(TOLD[part])


def test_the_discovery_message_has_only_keys_that_home_assistant_knows() -> None:
    assert set(TOLD) <= set(TAKEN["discovery"])
    assert {key for key, needed in TAKEN["discovery"].items() if needed} <= set(TOLD)


@pytest.mark.parametrize("name", TOLD["components"])
def test_an_entity_has_all_required_keys_of_its_platform_and_no_unknown_ones(
    name: str,
) -> None:
    entity = dict(TOLD["components"][name])
    taken = TAKEN["platforms"][entity.pop("platform")]
    assert set(entity) <= set(taken)
    assert {key for key, needed in taken.items() if needed} <= set(entity)
    assert entity["unique_id"] == f"appliance_kitchen_{name}"


def test_without_a_language_model_there_is_no_entity_to_ask_it() -> None:
    mute = config.Config(language_model=config.LanguageModelSettings(enabled=False))
    told = json.loads(discovery.discovery(mute, TOPICS, (), ANNOUNCED).payload)
    assert told["components"]["ask"] == TAKEN_AWAY


@pytest.mark.parametrize("outcome", Outcome)
def test_every_result_becomes_an_event_of_a_declared_type(outcome: Outcome) -> None:
    result = msgspec.structs.replace(
        RESULT, outcome=outcome, intent=RESULT.intent if outcome is Outcome.INTENT else None
    )
    event = json.loads(rendered("result", encode(result)))
    assert event["event_type"] in TOLD["components"]["result"]["event_types"]
    assert event["text"] == RESULT.text
    assert event["intent"] == ("TurnOn" if outcome is Outcome.INTENT else None)


def test_timers_are_an_event_a_number_and_the_next_due_moment() -> None:
    shown = ShownTimer(
        id="1",
        kind=TimerKind.TIMER,
        phase=TimerPhase.RUNNING,
        name="tea",
        due_at="2026-01-01T12:10:00.000Z",
        left_s=60.0,
    )
    paused = msgspec.structs.replace(shown, id="0", due_at=None, phase=TimerPhase.PAUSED)
    event = TimerEvent(id="e", change=TimerChange.FINISHED, timer=shown, at=RESULT.at)
    told = json.loads(rendered("timer", encode(event)))
    assert (told["event_type"], told["name"], told["timer"]) == ("finished", "tea", "1")
    assert told["event_type"] in TOLD["components"]["timer"]["event_types"]
    both, none = encode(TimersNow(timers=[paused, shown])), encode(TimersNow())
    assert [rendered("timers", both), rendered("timers", none)] == ["2", "0"]
    assert rendered("next_timer", both) == "2026-01-01T12:10:00.000Z"
    assert rendered("next_timer", none) == "None"


def test_the_texts_of_an_event_are_cut_to_what_the_recorder_keeps() -> None:
    long = msgspec.structs.replace(RESULT, text="x" * 20_000, answer="y" * 20_000)
    assert len(rendered("result", encode(long))) < 16_384


def test_a_sensor_that_the_board_lacks_is_unknown_and_not_zero() -> None:
    telemetry = encode(Telemetry.of(BoardReading(), pace="full", clock_synced=None))  # type: ignore[arg-type]
    for name, entity in TOLD["components"].items():
        if entity.get("state_topic") == TOPICS.telemetry:
            assert rendered(name, telemetry) == "None", name


def test_a_sensors_value_is_in_its_unit() -> None:
    reading = BoardReading(joules=7200.0, temperature_c=51.5, under_voltage=True, throttled=False)
    telemetry = encode(Telemetry.of(reading, pace="full", clock_synced=True))  # type: ignore[arg-type]
    assert rendered("energy", telemetry) == "2.0"
    assert rendered("temperature", telemetry) == "51.5"
    assert (rendered("under_voltage", telemetry), rendered("throttled", telemetry)) == ("ON", "OFF")


def test_health_and_state_have_entities() -> None:
    link = dict.fromkeys(LinkHealth.__struct_fields__, 3) | {"journal_error": None}
    health = encode(
        Health(uptime_s=1.0, mqtt=LinkHealth(**link), microphone=MicrophoneState.LOST)  # type: ignore[arg-type]
    )
    for name in ("waiting", "unsent", "dropped", "set_aside"):
        assert rendered(name, health) == "3"
    assert rendered("microphone", health) == "OFF"
    assert rendered("journal", health) == "ON"
    well = json.loads(health)
    well["mqtt"]["damaged_journals"] = 0
    assert rendered("journal", json.dumps(well).encode()) == "OFF"
    assert set(TOLD["components"]["pace"]["options"]) == set(Pace)
    assert set(TOLD["components"]["state"]["options"]) == set(Activity)


def test_any_typed_text_becomes_a_valid_request() -> None:
    words = 'what is "x"\n{}'
    assert json.loads(rendered("ask", words, "command_template")) == {"text": words}
    assert json.loads(rendered("say", words, "command_template")) == {"text": words}
    assert json.loads(rendered("log_level", "error", "command_template")) == {"log_level": "error"}


def test_the_switch_sends_and_shows_the_options() -> None:
    switch = TOLD["components"]["muted"]
    for state in (True, False):
        sent = json.loads(switch["payload_on" if state else "payload_off"])
        assert msgspec.convert(sent, MicrophoneRequest).muted is state
        shown = rendered("muted", encode({"options": sent}))
        assert shown == switch["state_on" if state else "state_off"]


def test_what_the_configuration_closes_has_no_entity() -> None:
    closed = json.loads(discovery.discovery(config.Config(), TOPICS, (), ANNOUNCED).payload)[
        "components"
    ]
    assert closed["muted"] == {"platform": "switch"}
    assert closed["listen"] == {"platform": "button"}
    assert all(len(closed[name]) > 1 for name in ("log_level", "ask"))
    assert "debug" not in closed["log_level"]["options"]
    verbose = config.Config(log=config.LogSettings(level="debug"))
    told = json.loads(discovery.discovery(verbose, TOPICS, (), ANNOUNCED).payload)["components"]
    assert "debug" in told["log_level"]["options"]


def test_without_a_voice_there_is_no_entity_to_speak() -> None:
    told = json.loads(discovery.discovery(config.Config(), TOPICS, (), ANNOUNCED).payload)
    assert told["components"]["say"] == TAKEN_AWAY


def test_a_stopped_appliance_is_not_available() -> None:
    environment = jinja2.Environment(autoescape=False)  # noqa: S701
    template = environment.from_string(TOLD["availability"][0]["value_template"])
    shown = [template.render(value=word) for word in ("online", "stopped", "offline")]
    assert shown == ["online", "offline", "offline"]


def test_each_intent_is_a_trigger_and_one_that_is_gone_is_taken_away() -> None:
    announced = msgspec.structs.replace(
        ANNOUNCED, components={"intent_Old": "device_automation", "intent_New": "device_automation"}
    )
    told = json.loads(discovery.discovery(SETTINGS, TOPICS, ["New"], announced).payload)
    assert told["components"]["intent_Old"] == {"platform": "device_automation"}
    assert told["components"]["intent_New"]["topic"] == "appliance/kitchen/intent/New"
