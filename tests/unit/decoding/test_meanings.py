"""What was heard as written otherwise, and declared words before the words of a wildcard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from support.sentences import intents_of

from appliance.decoding.meanings import declared_sentences_near, is_contested, meanings_of
from appliance.decoding.search_types import Candidate, Decoding, SearchEffort
from appliance.grammar.grammar import Grammar

TIMERS = Grammar.of(
    intents_of(
        {
            "Start": [
                "set a timer for {hours} hour[s]",
                "set a timer for {hours} hour[s] and {minutes} minute[s]",
                "set a timer for {hours} and a half hours",
            ],
            "Later": "{what} in {minutes} minute[s]",
            "Stop": ["stop [the|my] timer", "stop [the|my] {what} timer"],
            "Add": "add {what} to the list",
        },
        lists={
            "hours": {"range": {"from": 1, "to": 12}},
            "minutes": {"range": {"from": 1, "to": 59}},
            "what": {"wildcard": True},
        },
    )
)


def found(
    free: str, *others: tuple[str, float], free_score: float = -2.0
) -> tuple[Decoding, list[str]]:
    """A decoding of these sentences, with the texts of the tokens."""
    texts = [free, *(text for text, _ in others)]
    candidates = tuple(
        Candidate((number,), score, score) for number, (_, score) in enumerate(others, 1)
    )
    free_candidate = Candidate((0,), free_score, free_score)
    return Decoding(candidates, free_candidate, free.casefold(), (), 1, 1), texts


def meanings(free: str, *others: tuple[str, float]) -> list[tuple[str, dict[str, object]]]:
    decoding, texts = found(free, *others)
    ordered = meanings_of(decoding, TIMERS, lambda tokens: texts[tokens[0]])
    return [(one.reading.intent, dict(one.reading.slots)) for one in ordered]


@pytest.mark.parametrize(
    ("heard", "slots"),
    [
        ("Set a timer for 4.5 hours.", {"hours": 4}),
        ("Set a timer for 1h25.", {"hours": 1, "minutes": 25}),
        ("Set a timer for 1h 25 min", {"hours": 1, "minutes": 25}),
        ("Set a timer for 3.0 hours.", {"hours": 3}),
    ],
)
def test_a_sentence_that_is_written_otherwise_is_what_was_heard(
    heard: str, slots: dict[str, object]
) -> None:
    best, *_ = meanings(heard, ("set a timer for 12 hours", -9.0))
    assert best == ("Start", slots)


def test_words_that_were_written_as_one_are_understood_without_a_search_for_them() -> None:
    rooms = Grammar.of(
        intents_of(
            {"Ask": "[die] {floor} temperatur"},
            language="de",
            lists={"floor": {"values": ["Erdgeschoss", "Dachgeschoss"]}},
        )
    )
    assert not rooms.allows("die Erdgeschosstemperatur")
    decoding, texts = found("Die Erdgeschosstemperatur.")
    [best] = meanings_of(decoding, rooms, lambda tokens: texts[tokens[0]])
    assert best.reading.slots == {"floor": "Erdgeschoss"}
    assert best.score == decoding.free.score


def test_other_words_than_a_sentence_are_not_added() -> None:
    assert meanings("the weather was fine", ("stop the timer", -9.0)) == [("Stop", {})]
    assert meanings("walk the dog in 5 minutes") == [], "a wildcard takes any words"


def test_a_declared_sentence_goes_before_a_wildcard_that_takes_its_words() -> None:
    wild = ("set a timer for 6 hours in 20 minutes", -2.0)
    meant = ("set a timer for 6 hours and 20 minutes", -4.0)
    assert meanings(wild[0], wild, meant) == [("Start", {"hours": 6, "minutes": 20})]


def test_a_value_of_a_wildcard_is_not_shortened() -> None:
    said, shorter = ("add oat milk to the list", -2.0), ("add milk to the list", -2.5)
    best, _ = meanings(said[0], said, shorter)
    assert best == ("Add", {"what": "oat milk"})


@pytest.mark.parametrize(("score", "contested"), [(-9.0, True), (-14.0, False)])
def test_a_wildcard_is_doubted_if_a_declared_sentence_is_near(
    score: float,
    contested: bool,  # noqa: FBT001
) -> None:
    decoding, texts = found("stop tha timer", ("stop tha timer", -2.0), ("stop the timer", score))

    def spell(tokens: Sequence[int]) -> str:
        return texts[tokens[0]]

    assert is_contested(meanings_of(decoding, TIMERS, spell)) == contested


def test_sentences_without_the_wildcard_are_looked_up() -> None:
    wild = ("set a timer for 6 hours in 20 minutes", -2.0)
    decoding, texts = found(wild[0], wild)
    near = declared_sentences_near(
        decoding, TIMERS, lambda tokens: texts[tokens[0]], SearchEffort()
    )
    assert "set a timer for 6 hours and 20 minutes" in near
    assert len(near) <= SearchEffort().batch_size
    plain = ("stop the timer", -2.0)
    decoding, texts = found(plain[0], plain)
    assert not declared_sentences_near(
        decoding, TIMERS, lambda tokens: texts[tokens[0]], SearchEffort()
    )


LIST = Grammar.of(
    intents_of(
        {"Add": ["[setze] {item} auf die liste", "setze {item} dazu"], "Next": "weiter"},
        lists={"item": {"wildcard": True}},
    )
)


def test_a_misheard_verb_that_a_wildcard_took_is_looked_up() -> None:
    wild = ("wette milch auf die liste", -2.0)
    decoding, texts = found(wild[0], wild)
    near = declared_sentences_near(decoding, LIST, lambda tokens: texts[tokens[0]], SearchEffort())
    assert near == ["setze milch auf die liste"]


DOORS = Grammar.of(
    intents_of(
        {"State": ["is {name} closed", "is [the] garage deur closed"], "Open": "open {name}"},
        lists={"name": {"values": ["garagedeur", "deur"]}},
    )
)


@pytest.mark.parametrize(
    ("heard", "name"),
    [("is garage deur closed", "garagedeur"), ("is deur closed", "deur")],
)
def test_two_words_that_are_one_name_are_that_device_as_they_sound_alike(
    heard: str, name: str
) -> None:
    decoding, texts = found(heard, (heard, -3.0))
    [best] = meanings_of(decoding, DOORS, lambda tokens: texts[tokens[0]])
    assert dict(best.reading.slots) == {"name": name}
    assert best.score == -3.0


def test_the_score_of_a_name_in_one_word_and_in_two_counts_together() -> None:
    decoding, texts = found("x", ("is garage deur closed", -3.0), ("is garagedeur closed", -3.0))
    [best] = meanings_of(decoding, DOORS, lambda tokens: texts[tokens[0]])
    assert best.score == pytest.approx(-3.0 + np.log(2))
