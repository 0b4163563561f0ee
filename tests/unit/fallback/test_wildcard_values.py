"""What the model may put into a wildcard: what was said, word for word, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted_engines import ScriptedLanguageModel
from support.sentences import sentence_set

from appliance.fallback.cascade import Cascade
from appliance.fallback.content_match import ContentMatcher
from appliance.fallback.intent_choice import IntentChoice
from appliance.fallback.sentence_patterns import patterns_of
from appliance.fallback.wildcard_values import WildcardSpan, wildcard_spans
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet

BLOCKS = {
    "ListAdd": ["add {item} to [my|the] shopping list", "put {item} on [my|the] shopping list"],
    "Remind": ["remind me to {task} in the {area}", "remind me to {task}"],
    "Note": ["note {anything}"],
    "Copy": ["copy {anything} over {item}"],
    "TurnOn": ["turn on the {area} light"],
}
SENTENCES = sentence_set(
    BLOCKS,
    lists={
        "area": {"values": ["kitchen", "living room"]},
        "item": {"wildcard": True},
        "task": {"wildcard": True},
        "anything": {"wildcard": True},
    },
)
PATTERNS = patterns_of(SENTENCES)
CASCADE = Cascade()
MATCHER = ContentMatcher(SENTENCES.grammar, PATTERNS)


def spans(text: str) -> dict[str, WildcardSpan]:
    return wildcard_spans(text, PATTERNS, SENTENCES, MATCHER)


def chosen(text: str, intent: str, **fill: float) -> tuple[IntentChoice, ScriptedLanguageModel]:
    """`fill` are the scripted probabilities of what fills the slots, `_` being a blank."""
    option_probabilities = {
        text: {f" {intent}": 0.98},
        f"{text} => {intent},": {f" {k.replace('_', ' ')}": v for k, v in fill.items()},
    }
    model = ScriptedLanguageModel([], option_probabilities=option_probabilities)
    choice = CASCADE.choose(text, SENTENCES, model, lambda: False, spoken=False)
    assert choice is not None
    return choice, model


def test_a_wildcard_takes_the_words_that_the_model_finds_likeliest() -> None:
    text = "on my shopping list please put oat milk"
    choice, _ = chosen(text, "list add", item_oat_milk=0.95)
    assert choice.intent is not None
    assert (choice.intent.name, choice.intent.slots) == ("ListAdd", {"item": "oat milk"})
    assert choice.intent.by == "model"
    assert choice.confidence == choice.intent.confidence == pytest.approx(0.93, abs=0.02)


def test_if_the_words_are_unsure_nothing_is_done_and_no_answer_is_written() -> None:
    unsure = {"item_oat_milk": 0.5, "item_milk": 0.45}
    text = "on my shopping list please put oat milk"
    choice, _ = chosen(text, "list add", **unsure)
    assert (choice.intent, choice.likely_intent) == (None, "ListAdd")


def test_what_is_weighed_are_stretches_of_the_text_without_the_sentence_s_own_words() -> None:
    text = "Add to shopping list: oat milk, please"
    _, model = chosen(text, "list add")
    asked = [options for line, options in model.scored_options if line == f"{text} => list add,"]
    stretches = ["oat milk", "oat milk, please"]
    assert asked == [tuple(f" item {stretch}" for stretch in stretches)]


def test_no_value_goes_over_the_end_of_a_sentence_and_none_is_endless() -> None:
    assert spans("please, a note. buy stamps")["Note"].values == ("buy stamps",)
    assert "Note" not in spans("buy stamps. a note. buy milk")
    assert "Note" not in spans(f"please, note: {'word ' * 13}")


@pytest.mark.parametrize(
    "text", ["it is dark", "we are out of milk", "what is on television", "turn on the light"]
)
def test_an_intent_of_which_no_word_of_its_own_is_said_is_not_even_weighed(text: str) -> None:
    choice, model = chosen(text, "note", anything_dark=0.99)
    assert choice.intent is None
    assert model.scored_options == []


OPPOSITE = """delete oat milk on my shopping list
remove oat milk from the shopping list
erase oat milk, it is on the shopping list
take oat milk off the shopping list
write oat milk on my shopping list
add nothing, but remove oat milk from the shopping list
please put oat milk on the shopping list, no, delete it""".splitlines()


@pytest.mark.parametrize("text", OPPOSITE)
def test_without_the_sentence_s_verb_or_with_one_that_undoes_it_is_only_perhaps_meant(
    text: str,
) -> None:
    choice, model = chosen(text, "list add", item_oat_milk=0.99)
    assert (choice.intent, model.scored_options) == (None, [])
    assert CASCADE.repair(text, SENTENCES) is None
    assert CASCADE.objection(text, SENTENCES)


@pytest.mark.parametrize("text", ["delete the note about stamps", "forget the note: stamps"])
def test_a_noun_that_is_the_sentence_s_verb_does_not_help_who_undoes(text: str) -> None:
    choice, _ = chosen(text, "note", anything_stamps=0.99)
    assert choice.intent is None


@pytest.mark.parametrize("text", ["don't add oat milk to my shopping list", "never note stamps"])
def test_what_is_forbidden_is_not_even_weighed_with_a_wildcard_either(text: str) -> None:
    choice, model = chosen(text, "list add", item_oat_milk=0.99)
    assert (choice.intent, model.scored_options) == (None, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [("a note: tea at 10:30", "tea at 10:30"), ("a note: 10:30 tea", "10:30 tea")],
)
def test_a_number_is_not_cut_in_two(text: str, value: str) -> None:
    values = spans(text)["Note"].values
    assert value in values
    assert not {"30", "30 tea"}.intersection(values)


def test_a_text_with_more_possible_values_than_are_weighed_at_a_time_is_left_alone() -> None:
    endless = ", ".join(["milk"] * 12)
    assert "ListAdd" in spans(f"add to shopping list {endless}")
    assert "ListAdd" not in spans(f"add {endless} shopping list {endless}")


def test_what_names_a_room_outside_the_wildcard_is_not_passed_over() -> None:
    found = spans("a note: the kitchen is cold")["Note"]
    assert "is cold" not in found.values
    assert all("kitchen" in value for value in found.values)
    choice, _ = chosen("please put milk on the list in the kitchen", "list add", item_milk=0.99)
    assert choice.intent is None


def test_the_other_slots_of_the_sentence_are_filled_by_what_is_mentioned() -> None:
    text = "in the living room please remind me to airing"
    choice, _ = chosen(text, "remind", area_living_room_task_airing=0.99)
    assert choice.intent is not None
    assert choice.intent.slots == {"area": "living room", "task": "airing"}


def test_a_sentence_with_two_wildcards_is_for_the_grammar_alone() -> None:
    assert "Copy" not in spans("copy milk over bread")


def test_an_intent_that_is_not_for_the_model_has_no_wildcard_filled() -> None:
    declared = {**SENTENCES.declared, "Note": DeclaredIntent("Note", by_model=False)}
    closed = SentenceSet("en", SENTENCES.intents, declared)
    model = ScriptedLanguageModel([], option_probabilities={"a note: stamps": {" note": 0.99}})
    choice = Cascade().choose("a note: stamps", closed, model, lambda: False, spoken=False)
    assert choice is not None
    assert choice.intent is None
    assert model.scored_options == []


def test_the_menu_shows_what_becomes_of_a_wildcard() -> None:
    CASCADE.prepare(SENTENCES, ScriptedLanguageModel([]))
    menu = CASCADE._tools_for(SENTENCES).chooser.menu
    assert "note milk => note, anything milk\n" in menu
    assert "…" not in menu


SAID = """1.5 10:30 a.b
please put add oat milk on to my the shopping list remind me note that kitchen in living
room turn over copy light 5 % - it's Ärger , . ; : ? ! <|im_start|> {item} [x] naïve 東京 … --"""
WORDS = [*SAID.split(), "\n", "\x00"]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=14), st.integers(0, 200))
def test_no_word_comes_out_that_was_not_said_in_that_order(words: list[str], which: int) -> None:
    text = " ".join(words)

    class ModelThatFavours(ScriptedLanguageModel):
        def score_options(self, menu, text, options, must_stop):  # type: ignore[no-untyped-def]
            favoured = options[which % len(options)]
            self._weighs = {text.removesuffix(" =>"): {favoured: 0.99999}}
            return super().score_options(menu, text, options, must_stop)

    choice = CASCADE.choose(text, SENTENCES, ModelThatFavours([]), lambda: False, spoken=False)
    assert choice is not None
    if choice.intent is not None:
        said = f" {' '.join(text.split())} "
        for value in choice.intent.slots.values():
            # A list's value may have been said with signs between its words: "living … room"
            found = r"\W+".join(re.escape(word) for word in str(value).split())
            # From the beginning of a word to the end of one, as it was written
            assert re.search(rf"(?<!\w)(?<!\w[.:]){found}(?!\w|[.:]\w)", said, re.IGNORECASE)


TWO_LISTS = sentence_set(
    {
        "AddToShopping": ["add {item} to my list", "add {item} to the list"],
        "AddToList": ["add {item} to [the] {name}"],
    },
    lists={"item": {"wildcard": True}, "name": {"values": ["shopping list", "chores"]}},
)


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("add bread to the grocery list", "bread"),
        ("add the new lamps to the grocery list", "the new lamps"),
        ("add milk unless we have some to the grocery list", None),
        ("do not add bread to the grocery list", None),
        ("add bread to the guest list", None),
    ],
)
def test_a_synonym_outside_the_wildcard_makes_it_a_sentence_that_no_word_tells_from_others(
    text: str, item: str | None
) -> None:
    found = CASCADE.repair(text, TWO_LISTS)
    assert (found and found.slots.get("item")) == item
