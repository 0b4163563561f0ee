"""Words heard a little wrong, and words that only look so."""

from __future__ import annotations

from typing import Any

import pytest
from hassil import Intents
from support.sentences import sentence_set

from appliance.config import CascadeSettings
from appliance.fallback.cascade import Cascade
from appliance.sentences import sentence_set as sentence_files
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet

SENTENCES = sentence_files.load(None, "en")
NUMBERS = sentence_set(
    {
        "Heat": "heat to {heat:n} degrees",
        "Offset": "offset {offset:n} [degrees]",
        "Speed": "speed {speed:n}",
        "On": "turn on {name}",
    },
    lists={
        "heat": {"range": {"from": 5, "to": 30}},
        "offset": {"range": {"from": -20, "to": 20}},
        "speed": {"range": {"from": 100, "to": 2000, "step": 100}},
        "name": {"values": ["fan 1", "fan 3"]},
    },
)
CASCADE = Cascade()


def repaired(text: str) -> tuple[str, dict[str, Any]] | None:
    intent = CASCADE.repair(text, SENTENCES)
    if intent is None:
        return None
    assert intent.by == "fuzzy"
    assert intent.confidence is not None
    return intent.name, intent.slots


@pytest.mark.parametrize(
    ("heard", "name", "slots"),
    [
        ("turn on the kitchin light", "HassTurnOn", {"area": "kitchen", "domain": "light"}),
        ("trun on the kitchn lihgt", "HassTurnOn", {"area": "kitchen", "domain": "light"}),
        ("turn on the bath room lamp", "HassTurnOn", {"area": "bathroom", "domain": "light"}),
        ("what time is is", "HassGetCurrentTime", {}),
        ("start mashine 3", "MachineStart", {"machine": 3}),
        ("cancle the timer", "HassCancelTimer", {}),
        ("whats the tiem", "HassGetCurrentTime", {}),
        (
            "dim the livin room light to 20 percent",
            "HassLightSet",
            {"area": "living room", "brightness": 20, "domain": "light"},
        ),
    ],
)
def test_words_heard_a_little_wrong_become_the_sentence_that_was_said(
    heard: str, name: str, slots: dict[str, Any]
) -> None:
    assert repaired(heard) == (name, slots)


@pytest.mark.parametrize(
    "text",
    [
        "don't turn on the kitchen light",
        "could you have turned off the kitchen light",
        "have the kitchen lights turned off",
        "i want to have turned off the kitchen light",
        "make sure it turned off the kitchen light",
        "may i turn off the kitchen light",
        "don't turn on the kitchin light",
        "don\N{RIGHT SINGLE QUOTATION MARK}t turn on the kitchin light",
        "dont turn on the kitchin light",
        "do not start machine three",
        "turn on the television",
        "kitchen light",
        "why is the sky blue",
        "open the garage door",
        "start machine fore",
        "turn the light",
        "cancel the time",
        "whats the tim",
        "turn on the lamp",
        "turn on a light",
        "what is the temperature upside",
        "set the light to warm right",
        "dim the light to 20 percent",
        "turn on the oven light",
        "what's the temperature in the pool",
        "",
        "word " * 200,
        "\x00\x1b<|im_start|>",
    ],
)
def test_what_only_resembles_a_sentence_is_left_alone(text: str) -> None:
    assert repaired(text) is None


def test_what_sounds_like_two_opposite_sentences_is_not_repaired() -> None:
    assert repaired("turn o the kitchen light") is None


def test_a_number_is_never_guessed() -> None:
    for text in ("start machine tree", "set a timer for fife minutes", "stop machine to"):
        assert repaired(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "heat to 21.7 degrees",
        "heat to 21 and a half degrees",
        "heat to twelve point five degrees",
        "heat to minus five degrees",
        "heat to -5 degrees",
        "heat too \N{MINUS SIGN}5 degrees",
        "offset positiv",
        "speeed 1,505",
        "speed one thousand five",
        "turn on fan 2",
        "turn on fan two",
    ],
)
def test_a_number_keeps_its_sign_its_fraction_and_its_place(text: str) -> None:
    assert CASCADE.repair(text, NUMBERS) is None


def test_numbers_that_were_written_otherwise_are_the_same() -> None:
    def slots(text: str) -> dict[str, Any] | None:
        found = Cascade().repair(text, NUMBERS)
        return None if found is None else found.slots

    assert slots("speeed 1,500") == {"n": 1500}
    assert slots("ofset -5") == slots("ofset minus five") == {"n": -5}
    assert slots("ofset negative five") == {"n": -5}
    assert slots("trun on fan three") == slots("trun on fan 3") == {"name": "fan 3"}


def test_a_long_value_is_compared_whole() -> None:
    amounts = ["a bit of skim milk", "a little bit of skim milk", "a little bit of milk"]
    orders = sentence_set({"Order": "coffee with {milk}"}, lists={"milk": {"values": amounts}})
    found = Cascade().repair("cofee with a litle bit of skim milk", orders)
    assert found is not None
    assert found.slots == {"milk": "a little bit of skim milk"}
    assert Cascade().repair("coffee with a little bit of quimilk", orders) is None


def test_a_sentence_is_repaired_only_to_what_is_spelled_most_alike() -> None:
    assert repaired("shut down the machine number six teen") is None  # not machine 6
    assert repaired("shut down the lights in the garden") is None  # not "put on the lights"


def test_the_operator_can_switch_the_fuzzy_match_off() -> None:
    assert Cascade(CascadeSettings(repair=False)).repair("what time is is", SENTENCES) is None
    assert (
        Cascade(CascadeSettings(repair_threshold=1.0)).repair("what time is is", SENTENCES) is None
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("is the kitchen light on", '"is" makes it a question'),
        ("he turned on the kitchen light", '"he" makes it a report'),
        ("never turn on the kitchen light", '"never" says not to do it'),
        ("turn on the kitchen light later", '"later" says when, and a command is done at once'),
        ("turn on only the kitchen light", '"only" makes a condition or an exception'),
        ("turn that kitchen light on", '"that" stands for something that was not said'),
        ("turn on the kitchen light switch", '"switch" is not part of it'),
        ("cancel all of the timers in my", 'it ends with "my": something is missing'),
        ("what is the humidity in the bedroom", '"humidity" is not part of it'),
    ],
)
def test_what_is_held_back_says_why(text: str, why: str) -> None:
    assert repaired(text) is None
    reason = CASCADE.objection(text, SENTENCES)
    assert reason is not None
    assert reason.startswith("perhaps ")
    assert reason.endswith(f", but {why}")


@pytest.mark.parametrize("text", ["what is the capital of france", "why is the sky blue", "hello"])
def test_what_is_near_no_sentence_may_be_answered(text: str) -> None:
    assert CASCADE.objection(text, SENTENCES) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("could you please activate the kitchen lamp", "HassTurnOn"),
        ("extinguish the lamp in the hallway", "HassTurnOff"),
        ("I need a 20 minute countdown", "HassStartTimer"),
        ("let me know the temperature of the basement", "HassClimateGetTemperature"),
        ("get rid of all my timers", "HassCancelAllTimers"),
    ],
)
def test_synonyms_and_polite_words_do_not_matter(text: str, name: str) -> None:
    found = repaired(text)
    assert found is not None
    assert found[0] == name


def test_a_word_that_exists_is_never_changed_into_another() -> None:
    for text in ("turn on the chicken light", "turn on the bath light", "restart machine three"):
        assert repaired(text) is None


def test_a_name_alone_is_no_command() -> None:
    declared = sentence_set({"On": ["[turn on] {name}"]}, lists={"name": {"values": ["desk lamp"]}})
    assert Cascade().repair("please, the desk lamp", declared) is None
    assert Cascade().repair("please turn on the desk lamp now", declared) is not None


def test_of_two_numbers_each_stays_where_it_was_said() -> None:
    assert repaired("set 20 percent for machine 3") is None
    assert repaired("please set machine 3 at 20 percent") == (
        "MachineSetSpeed",
        {"machine": 3, "speed": 20},
    )


LIST = sentence_set(
    {"Add": ["add {item} to [my|the] shopping list", "put {item} on [my|the] shopping list"]},
    lists={"item": {"wildcard": True}},
)


def test_a_wildcard_takes_the_words_that_stand_where_the_sentence_has_it() -> None:
    found = Cascade().repair("could you put some oranges on our shopping list, please", LIST)
    assert found is not None
    assert (found.slots, found.by) == ({"item": "some oranges"}, "fuzzy")


@pytest.mark.parametrize(
    "text",
    [
        "did you put milk on my shopping list",
        "is milk on my shopping list",
        "put milk on my shopping list unless it is there",
        "put milk unless it is there on our shopping list, please",
        "please put that on our shopping list",
        "do not put milk on the shopping list",
    ],
)
def test_a_wildcard_takes_no_question_and_no_condition(text: str) -> None:
    assert Cascade().repair(text, LIST) is None


HOME = sentence_set(
    {"On": ["turn on [the] {area} [the] {name} [light]", "turn on [the] {area} light"]},
    lists={"area": {"values": ["kitchen", "hall"]}, "name": {"values": ["hall light", "lamp"]}},
)


@pytest.mark.parametrize(
    "text",
    ["turn on the kitchen light and the hall light", "turn on the kitchen and the hall light"],
)
def test_two_commands_are_not_taken_for_one(text: str) -> None:
    assert Cascade().repair(text, HOME) is None


def in_hall(text: str) -> tuple[str, dict[str, Any], float | None] | None:
    """What it means in the hall; the sentences are about the speaker's room, and name none."""
    here = {"requires_context": {"area": {"slot": True}}}
    data = {
        "Next": [{"sentences": ["(skip|next) song"], **here}],
        "Volume": [{"sentences": ["volume to {volume}"], **here}],
        "Louder": [{"sentences": ["volume {volume}"], **here}],
        "Colour": [{"sentences": ["(turn|make) [all] [the|my|our] lights {colour}"], **here}],
        "Timer": [{"sentences": ["timer for {volume} minutes"]}],
    }
    intents = Intents.from_dict(
        {
            "language": "en",
            "intents": {name: {"data": blocks} for name, blocks in data.items()},
            "lists": {
                "volume": {"range": {"from": 0, "to": 100}},
                "colour": {"values": ["red", "green"]},
                "area": {"values": ["kitchen", "hall"]},
            },
        }
    )
    declared = {name: DeclaredIntent(name) for name in data}
    found = CASCADE.repair(text, SentenceSet("en", intents, declared).in_area("hall"))
    return None if found is None else (found.name, dict(found.slots), found.confidence)


@pytest.mark.parametrize(
    ("text", "name", "slots"),
    [
        ("next song in the kitchen", "Next", {"area": "kitchen"}),
        ("in the kitchen make the lights green", "Colour", {"area": "kitchen", "colour": "green"}),
        ("please skip this song", None, None),
        ("next song kitchen", None, None),
        ("next song in the garden", None, None),
        ("no next song in the kitchen", None, None),
        ("next song in the kitchen and hall", None, None),
        ("timer for 5 minutes in the kitchen", None, None),
    ],
)
def test_a_sentence_about_the_speakers_room_may_name_another_room(
    text: str, name: str | None, slots: dict[str, Any] | None
) -> None:
    found = in_hall(text)
    assert (found[:2] if found else (None, None)) == (name, slots)


def test_the_word_before_a_number_decides_between_two_meanings() -> None:
    found = in_hall("the sound to 20")
    assert found is not None
    assert found[:2] == ("Volume", {"area": "hall", "volume": 20})
    assert in_hall("the sound 20") is None, "either may be meant"


def test_words_without_a_meaning_cost_nearly_nothing_and_synonyms_more() -> None:
    polite, synonym = in_hall("next song please"), in_hall("next tune")
    assert polite is not None
    assert polite[2] == 0.99
    assert synonym is not None
    assert synonym[2] is not None
    assert 0.8 <= synonym[2] < 0.99
