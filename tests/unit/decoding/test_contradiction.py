"""Words that were heard clearly, and that the sentence does not have."""

from __future__ import annotations

import math

import pytest

from appliance.decoding.contradiction import any_contradicts, contradicts, objection
from appliance.decoding.search_types import HeardWord
from appliance.text.normalise import normalise


def heard(text: str, score: float = -0.1) -> tuple[HeardWord, ...]:
    return tuple(HeardWord(word, score) for word in normalise(text).split())


@pytest.mark.parametrize(
    ("language", "free", "said", "believed"),
    [
        ("en", "Set it to 40 degrees.", "Set it to 30 degrees.", True),
        ("en", "Set it to forty degrees.", "Set it to 40 degrees.", False),
        ("en", "Stop machine seventy.", "Stop machine 17.", True),
        ("en", "Set a timer for 2.5 minutes.", "Set a timer for 25 minutes", True),
        ("en", "Set a timer for one and a half hours.", "Set a timer for 15 hours", True),
        ("en", "Set a timer for one and a half hours.", "Set a timer for 1.5 hours", False),
        ("en", "A timer for twenty five minutes.", "A timer for 25 minutes.", False),
        ("en", "A timer for 4 minutes and 20 seconds.", "A timer for 4 minutes.", True),
        ("en", "Set it to 62%.", "Set it to 62 percent.", False),
        ("en", "Turn on the bathroom light.", "Turn on the bedroom light.", False),
        ("de", "Stell den Timer auf siebzig Minuten.", "Stell den Timer auf 17 Minuten.", True),
        ("de", "Stell den Timer auf zweieinhalb Minuten.", "Timer auf 2 Minuten", True),
        ("fr", "Minuteur de quatre-vingt-dix minutes.", "Minuteur de 90 minutes", False),
        ("fr", "Minuteur de soixante-dix minutes.", "Minuteur de 17 minutes", True),
        ("es", "Temporizador de cincuenta minutos.", "Temporizador de 15 minutos", True),
        ("it", "Timer di due e mezzo minuti.", "Timer di 2 minuti", True),
        ("en", "Wake me at 7.30 am.", "Wake me at 7 30 am", False),
        ("en", "Set it to 1,500 lumen.", "Set it to 1500 lumen", False),
        ("en", "The lights on the 1st floor.", "the lights on the first floor", False),
        ("en", "Stop machine surgery.", "Stop machine three", True),
        ("fr", "Minuteur de minute et 30 secondes.", "Minuteur 1 minute et 30 secondes", True),
        ("fr", "Minuteur une minute.", "Minuteur 1 minute", False),
        ("fr", "Minuteur 1h25 min.", "Minuteur 1 h 25 min", False),
        ("nl", "Timer van twee en een half uur.", "Timer van 2 uur", True),
    ],
)
def test_a_clear_number_that_the_sentence_lacks_contradicts_it(
    language: str, free: str, said: str, *, believed: bool
) -> None:
    assert contradicts(heard(free), normalise(said), language, 2.0) is believed


def test_a_half_counts_by_its_surest_word() -> None:
    scores = {"and": -0.4, "a": -1.9, "half": -0.02}
    said = "a timer for 5 and a half minutes"
    words = tuple(HeardWord(word, scores.get(word, -0.3)) for word in said.split())
    assert contradicts(words, "a timer for 5 minutes", "en", 0.0)


def test_a_number_that_was_not_heard_clearly_decides_nothing() -> None:
    assert not contradicts(heard("stop machine 50", -1.8), "stop machine 15", "en", 30.0)


@pytest.mark.parametrize(
    ("free", "said", "score", "surplus", "believed"),
    [
        ("give me a double shot latte", "give me a triple shot latte", -0.1, 12.0, True),
        ("give me a double shot latte", "give me a triple shot latte", -0.1, 4.0, False),
        ("give me a double shot latte", "give me a triple shot latte", -1.0, 12.0, False),
        ("give me a dark roast iced mocha", "give me a dark roast mocha", -0.1, 15.0, True),
        ("give me a dark rose mocha", "give me a dark roast mocha", -0.1, 15.0, False),
        ("i would like a mocha", "id like a mocha", -0.05, 12.0, False),
    ],
)
def test_other_words_contradict_if_they_were_clear_and_fit_much_better(
    free: str, said: str, score: float, surplus: float, *, believed: bool
) -> None:
    assert contradicts(heard(free, score), said, "en", surplus) is believed


def test_what_was_heard_in_place_of_the_sentence_objects_the_more_the_better_it_fits() -> None:
    said = heard("turn on the bathroom light")
    assert objection(said, "turn on the bathroom light", "en", 0.0) == 0.0
    near, far = (objection(said, "turn on the bedroom light", "en", at) for at in (3.0, 9.0))
    assert 0.0 < near < far


@pytest.mark.parametrize(
    ("language", "free", "said", "surplus", "believed"),
    [
        ("en", "Is the kitchen light on?", "The kitchen light on.", 3.6, True),
        ("en", "Turn on the light later.", "Turn on the light please.", 4.7, True),
        ("en", "Don't start machine three.", "Start machine three.", 2.5, True),
        ("en", "Is the kitchen light on?", "The kitchen light on.", 1.6, False),
        ("en", "What time is it now?", "What time is it?", 2.5, False),
        ("en", "I like a cappuccino.", "I'd like a cappuccino.", 3.0, False),
        ("de", "Ist das Licht in der Küche an?", "Das Licht in der Küche an.", 3.0, True),
        ("fr", "Allume la lumière demain.", "Allume la lumière.", 3.0, True),
        ("es", "No apagues la luz.", "Apaga la luz.", 3.0, True),
        ("it", "Accendi la luce se piove.", "Accendi la luce.", 3.0, True),
        ("nl", "Doe het licht niet aan.", "Doe het licht aan.", 3.0, True),
    ],
)
def test_a_clear_question_negation_time_or_condition_contradicts_a_sentence_without_it(
    language: str, free: str, said: str, surplus: float, *, believed: bool
) -> None:
    assert contradicts(heard(free), normalise(said), language, surplus) is believed


def test_a_guard_word_that_was_not_heard_clearly_decides_nothing() -> None:
    assert not contradicts(heard("is the light on", -2.5), "the light on", "en", 5.0)


def test_a_guard_word_that_sounds_like_the_sentence_s_own_word_was_misheard() -> None:
    said = heard("i was a single shot espresso", -0.5)
    assert not contradicts(said, "i want a single shot espresso", "en", 5.0)
    timer = heard("mactime maar voor 7 uur", -0.5)
    assert not contradicts(timer, "maak timer voor 7 uur", "nl", 6.0)
    asked = heard("is the lamp on", -0.5)
    assert contradicts(asked, "the lamp on", "en", 5.0)


@pytest.mark.parametrize(
    ("free", "surplus", "ruled_out"),
    [
        ("a house coffee with milk", 6.0, True),
        ("a hascoffee with milk", 6.0, True),
        ("a house coffee with milk", 2.0, False),  # "it a", said while thinking
        ("a cough with milk", 6.0, False),
        ("please a coffee with the milk", 6.0, False),
    ],
)
def test_a_sentence_does_not_leave_out_what_was_heard_beside_its_own_words(
    free: str, surplus: float, *, ruled_out: bool
) -> None:
    said = heard(free, math.log(0.3))
    assert contradicts(said, "a coffee with milk", "en", surplus) is ruled_out


def test_words_count_against_a_sentence_unless_another_model_wrote_it_word_for_word() -> None:
    sentence = "brew a small latte"
    same, other, number = (
        heard(text, math.log(0.9))
        for text in (sentence, "bring us tomatoes", "brew 20 small latte")
    )
    assert any_contradicts([other], sentence, "en", 10.0)
    assert not any_contradicts([other, same], sentence, "en", 10.0)
    assert any_contradicts([same, number], sentence, "en", 10.0)


ORDERS = frozenset(
    ("a", "coffee", "house", "iced", "cappuccino", "lots", "of", "lot", "bit", "little", "milk")
)


@pytest.mark.parametrize(
    ("free", "said", "score", "surplus", "ruled_out"),
    [
        ("an ice coffee", "a house coffee", 0.9, 15.0, True),
        ("a capicino", "a coffee", 0.3, 15.0, True),
        ("a coffee with a lot of milk", "a coffee with lots of milk", 0.9, 15.0, True),
        ("a coffee with a bit of milk", "a coffee with a little bit of milk", 0.9, 5.0, True),
        ("an ice coffee", "a house coffee", 0.9, 5.0, False),
        ("an ice coffee", "an iced coffee", 0.9, 15.0, False),
        ("a hose coffee", "a house coffee", 0.9, 15.0, False),
        ("a coffee with a bit of milk", "give me a coffee with a bit of milk", 0.9, 9.0, False),
    ],
)
def test_what_sounds_like_other_words_of_the_sentences_is_not_taken_for_this_one(
    free: str, said: str, score: float, surplus: float, *, ruled_out: bool
) -> None:
    words = heard(free, math.log(score))
    assert contradicts(words, said, "en", surplus, ORDERS) is ruled_out


def test_a_number_in_place_of_a_word_was_misheard_if_the_sentence_fits_as_well() -> None:
    said = heard("aktiviere partimodus 10", -0.5)
    assert not contradicts(said, "aktiviere partymodus szene", "de", 2.0)
    assert contradicts(said, "aktiviere partymodus szene", "de", 5.0)
    assert contradicts(heard("stop machine 10", -0.5), "stop machine", "en", 2.0)


def test_a_number_that_fits_as_well_as_other_words_was_misheard() -> None:
    said = heard("make me an egg out coffee", -0.5)
    assert not contradicts(said, "make me an eight ounce coffee", "en", 0.0)
    assert contradicts(said, "make me an eight ounce coffee", "en", 2.0)


def test_a_guard_word_in_a_stretch_that_was_heard_badly_says_nothing() -> None:
    sentence = "a coffee with sweetener and almond milk"
    badly, clearly = (heard("a coffee with sweetener and dont admit", at) for at in (-1.0, -0.1))
    assert not contradicts(badly, sentence, "en", 3.8)
    assert contradicts(clearly, sentence, "en", 3.8)


def test_a_short_word_that_is_part_of_another_one_is_not_left_out_of_it() -> None:
    assert not contradicts(heard("i want to eat coffee", -0.5), "i want a coffee", "en", 6.0)


def test_a_question_word_in_a_name_that_was_heard_in_other_parts_is_no_question() -> None:
    said = heard("mag staan de lampkluurna blauw", -0.4)
    assert not contradicts(said, "mag staande lamp kleur naar blauw", "nl", 6.0)


@pytest.mark.parametrize(
    ("free", "said", "surplus", "believed"),
    [
        ("turn on the kitchen fan", "turn on the kitchen lamp", 9.5, True),
        ("turn on the chicken light", "turn on the kitchen light", 7.4, True),
        ("turn on the kitchen fan", "turn on the kitchen lamp", 5.0, False),
        ("turn on the path light", "turn on the bathroom light", 5.0, True),
        ("turn on the kitchen at light", "turn on the kitchen light", 5.0, True),
        ("turn on the path light", "turn on the bathroom light", 4.5, False),
        ("reset the timer", "set the timer", 3.0, True),
        ("you set a timer", "set a timer", 3.0, True),
        ("please set a timer", "set a timer", 3.0, False),
        ("i turned on the kitchen light", "turn on the kitchen light", 9.0, True),
        ("they turned the kitchen light on", "turn the kitchen light on", 9.0, True),
        ("can i have an ice to mock her", "can i have an iced mocha", 5.5, False),
        (
            "make me a double shot dark first cappuccino with lots of milk and sugar",
            "make me a double shot dark roast cappuccino with lots of milk and sugar",
            7.9,
            False,
        ),
    ],
)
def test_one_other_stretch_of_words_rules_a_short_sentence_out_sooner_than_a_long_one(
    free: str, said: str, surplus: float, *, believed: bool
) -> None:
    assert contradicts(heard(free, -0.5), said, "en", surplus) is believed


def test_a_lone_stretch_that_was_heard_badly_rules_nothing_out() -> None:
    words = (*heard("turn on the kitchen"), HeardWord("fan", -1.5))
    assert not contradicts(words, "turn on the kitchen lamp", "en", 7.0)


def test_a_time_that_was_heard_badly_still_counts_in_place_of_a_word_that_says_nothing() -> None:
    words = (*heard("turn on the kitchen light"), HeardWord("later", -1.6))
    assert contradicts(words, "turn on the kitchen light please", "en", 4.0)


def test_a_short_command_that_was_misheard_as_a_whole_is_left_to_the_confidence() -> None:
    assert not contradicts(heard("fakise", -0.9), "vergiss es", "de", 7.2)
    assert contradicts(
        heard("turn on the kitchen fan", -0.5), "turn on the kitchen lamp", "en", 7.2
    )
