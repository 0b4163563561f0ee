"""A question mark: what requests something before it, and what only asks."""

from __future__ import annotations

import pytest
from support.sentences import sentence_set

from appliance.fallback.question_mark import is_asked, only_asks
from appliance.fallback.sentence_patterns import patterns_of

QUESTIONS = [
    ("en", "all lights off except the kitchen?"),
    ("en", "The lamp on ?!"),
    ("en", "Hello. All lights off?"),
    ("en", "turn off the fan? all lights off?"),
    ("de", "alle Lichter aus außer in der Küche?"),
    ("de", "alle Lichter ausschalten?"),
    ("nl", "alle lampen uit behalve de keuken?"),
    ("fr", "éteindre toutes les lumières ?"),
    ("es", "¿apagar todas las luces?"),
    ("it", "spegnere tutte le luci?"),
    ("pl", "światło?"),
]

HALF_MARKED = "¿apagar todas las luces"

REQUESTS = [
    ("en", "Can you turn off the light?"),
    ("en", "all lights off, please?"),
    ("en", "Close the blinds?"),
    ("en", "Hey? Turn on the lamp."),
    ("de", "Könntest du bitte das Licht ausschalten?"),
    ("de", "Mach das Licht aus?"),
    ("nl", "Kun je het licht uitdoen?"),
    ("nl", "Wil jij het licht uitdoen?"),
    ("de", "Du könntest das Licht ausschalten?"),
    ("fr", "Pourrais-tu éteindre la lumière, s'il te plaît ?"),
    ("es", "¿Puedes apagar la luz?"),
    ("it", "Puoi spegnere la luce?"),
    ("es", "¿Te importaría apagar la luz?"),
]


@pytest.mark.parametrize(("language", "text"), QUESTIONS)
def test_a_question_without_a_verb_that_requests_only_asks(language: str, text: str) -> None:
    assert only_asks(text, language)
    assert not only_asks(text.replace("?", ".").replace("¿", ""), language)


def test_one_of_the_two_spanish_marks_is_enough() -> None:
    assert only_asks(HALF_MARKED, "es")
    assert not only_asks(HALF_MARKED[1:], "es")
    assert not only_asks("¿puedes apagar la luz", "es")


@pytest.mark.parametrize(
    ("language", "sentence", "asked"),
    [
        ("en", "[what is the] lamp state", True),
        ("en", "please tell me [the] lamp state", True),
        ("en", "make sure [that] the lamp is on", False),
        ("en", "a coffee", False),
        ("de", "wie [warm] ist es", True),
        ("de", "einen Kaffee", False),
        ("pl", "kawa", True),
    ],
)
def test_an_intent_is_a_question_if_a_sentence_of_it_begins_like_one(
    language: str,
    sentence: str,
    asked: bool,  # noqa: FBT001
) -> None:
    patterns = patterns_of(sentence_set({"Own": sentence, "Other": "what else"}))
    assert is_asked("Own", patterns, language) is asked


@pytest.mark.parametrize(("language", "text"), REQUESTS)
def test_a_polite_or_imperative_question_requests(language: str, text: str) -> None:
    assert not only_asks(text, language)
