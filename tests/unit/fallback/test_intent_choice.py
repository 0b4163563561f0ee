"""What the model may choose, and what comes out when it is sure, unsure, or led astray."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.scripted_engines import ScriptedLanguageModel
from support.sentences import sentence_set

from appliance.config import CascadeSettings
from appliance.errors import EngineDied, EngineError, Interrupted
from appliance.fallback.cascade import Cascade
from appliance.fallback.intent_choice import IntentChoice
from appliance.fallback.prompt_texts import parts_for
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appliance.values import OptionScores

BLOCKS = {
    "HassTurnOn": ["turn on the {area} light"],
    "HassTurnOff": ["turn off the {area} light"],
    "HassStartTimer": ["timer for {minutes} minutes", "timer for {hours} hours"],
    "Unlock": ["unlock the door"],
    "Note": ["note {anything}"],
}
SENTENCES = sentence_set(
    BLOCKS,
    DeclaredIntent("Unlock", by_model=False),
    lists={
        "area": {"values": ["kitchen", "living room"]},
        "minutes": {"range": {"from": 1, "to": 60}},
        "hours": {"range": {"from": 1, "to": 12}},
        "anything": {"wildcard": True},
    },
)


def chosen(
    text: str, **option_probabilities: Mapping[str, float]
) -> tuple[IntentChoice, ScriptedLanguageModel]:
    """`weighs` are the scripted probabilities, by the words that end the line weighed."""
    script = {
        text: option_probabilities.get("intent", {}),
        **{k: v for k, v in option_probabilities.items() if "=>" in k},
    }
    model = ScriptedLanguageModel([], option_probabilities=script)
    choice = Cascade().choose(text, SENTENCES, model, lambda: False, spoken=False)
    assert choice is not None
    return choice, model


def test_a_sure_choice_is_the_intent_with_the_values_that_were_mentioned() -> None:
    choice, _ = chosen("please activate the kitchen lamp", intent={" turn on": 0.97})
    assert choice.intent is not None
    assert (choice.intent.name, choice.intent.slots) == ("HassTurnOn", {"area": "kitchen"})
    assert choice.intent.by == "model"
    assert choice.intent.confidence == choice.confidence > 0.8


def test_an_unsure_choice_gives_no_intent_and_its_confidence_is_reported() -> None:
    choice, _ = chosen("activate the kitchen lamp", intent={" turn on": 0.5, " none": 0.4})
    assert choice.intent is None
    assert 0.4 < choice.confidence < 0.8


def test_none_is_a_choice_too() -> None:
    choice, _ = chosen("activate the kitchen lamp", intent={" none": 0.9})
    assert choice.intent is None


def test_an_intent_is_impossible_whose_values_the_text_does_not_mention() -> None:
    choice, model = chosen("make it dark", intent={" turn off": 0.99})
    assert choice.intent is None
    assert model.scored_options == []  # nothing that is declared could be meant


def test_an_intent_is_impossible_that_leaves_out_what_the_text_mentions() -> None:
    choice, _ = chosen("the kitchen in 5", intent={" turn on": 0.99})
    assert choice.intent is None


def test_an_intent_that_is_not_for_the_model_cannot_come_out() -> None:
    choice, model = chosen("let me through the door", intent={" unlock": 0.99})
    assert choice.intent is None
    assert all(" unlock" not in options for _, options in model.scored_options)


def test_an_intent_marked_never_by_voice_cannot_come_out_nor_another_in_its_place() -> None:
    declared = {
        **SENTENCES.declared,
        "HassTurnOn": DeclaredIntent("HassTurnOn", never_by_voice=True),
    }
    barred = SentenceSet("en", SENTENCES.intents, declared)
    text = "please put the kitchen lights on"
    model = ScriptedLanguageModel(
        [], option_probabilities={text: {" turn on": 0.97, " turn off": 0.02}}
    )
    choice = Cascade().choose(text, barred, model, lambda: False, spoken=False)
    assert choice is not None
    assert (choice.intent, choice.likely_intent) == (None, "HassTurnOn")


def test_of_two_ways_to_fill_the_slots_the_model_weighs_which() -> None:
    two_ways = sentence_set(
        {"Timer": ["timer of {minutes}", "timer to {hours}"]},
        lists={
            "minutes": {"range": {"from": 1, "to": 60}},
            "hours": {"range": {"from": 1, "to": 12}},
        },
    )

    def slots(**shares: float) -> Mapping[str, object] | None:
        weighed = {f" {name} 5": share for name, share in shares.items()}
        script = {"timer for 5": {" timer": 0.97}, "timer for 5 => timer,": weighed}
        model = ScriptedLanguageModel([], option_probabilities=script)
        choice = Cascade().choose("timer for 5", two_ways, model, lambda: False, spoken=False)
        assert choice is not None
        return choice.intent.slots if choice.intent is not None else None

    assert Cascade().repair("timer for 5", two_ways) is None
    assert slots(minutes=0.95, hours=0.05) == {"minutes": 5}
    assert slots() is None


@pytest.mark.parametrize("text", ["don't turn on the kitchen lamp", "never turn the kitchen on"])
def test_what_is_forbidden_is_not_even_weighed(text: str) -> None:
    choice, model = chosen(text, intent={" turn on": 0.99})
    assert choice.intent is None
    assert model.scored_options == []


class FailingModel(ScriptedLanguageModel):
    def __init__(self, error: EngineError) -> None:
        super().__init__([])
        self.error = error

    def score_options(
        self, menu: str, text: str, options: Sequence[str], must_stop: Callable[[], bool]
    ) -> OptionScores:
        raise self.error


def test_a_model_that_cannot_score_options_chooses_nothing_and_that_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cascade, model = Cascade(), FailingModel(EngineError("the menu is too long"))
    for _ in range(3):
        found = cascade.choose(
            "activate the kitchen lamp", SENTENCES, model, lambda: False, spoken=False
        )
        assert found is None
    assert caplog.text.count("the menu is too long") == 1


@pytest.mark.parametrize("error", [EngineDied("twice"), Interrupted("stopped")])
def test_a_text_that_killed_the_model_or_is_not_wanted_any_more_is_told(error: EngineError) -> None:
    with pytest.raises(type(error)):
        Cascade().choose(
            "activate the kitchen lamp", SENTENCES, FailingModel(error), lambda: False, spoken=False
        )


def test_the_menu_is_the_same_for_every_text_and_made_of_the_operators_sentences() -> None:
    model = ScriptedLanguageModel([])
    cascade = Cascade()
    cascade.prepare(SENTENCES, model)
    assert [text for text, _ in model.scored_options] == [
        f"{text} =>" for text in parts_for("en").content_free
    ]
    menu = cascade._tools_for(SENTENCES).chooser.menu
    assert "turn on the kitchen light => turn on\n" in menu
    assert "unlock" not in menu


def test_the_model_chooses_intents_for_speech_only_if_the_operator_allows_it() -> None:
    model = ScriptedLanguageModel(
        [], option_probabilities={"activate the kitchen lamp": {" turn on": 0.99}}
    )
    text = "activate the kitchen lamp"
    quiet = Cascade()
    assert quiet.choose(text, SENTENCES, model, lambda: False, spoken=True) is None
    bold = Cascade(CascadeSettings(choose_speech=True))
    choice = bold.choose(text, SENTENCES, model, lambda: False, spoken=True)
    assert choice is not None
    assert choice.intent is not None
    off = Cascade(CascadeSettings(choose=False))
    assert off.choose(text, SENTENCES, model, lambda: False, spoken=False) is None


@pytest.mark.parametrize("text", ["who is in the kitchen", "the kitchen is cold"])
def test_what_names_a_room_of_ours_is_never_left_to_free_talk(text: str) -> None:
    choice, model = chosen(text, intent={" turn on": 0.99})
    assert (choice.intent, model.scored_options) == (None, [])
    assert Cascade().objection(text, SENTENCES)
    assert Cascade().objection("name 5 fruits", SENTENCES) is None


def test_the_model_cannot_widen_a_command_to_what_was_not_said() -> None:
    for text in ("turn on the left kitchen light", "make it bright in the kitchen"):
        choice, model = chosen(text, intent={" turn on": 0.99})
        assert (choice.intent, model.scored_options) == (None, [])
