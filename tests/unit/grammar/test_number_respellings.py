"""Numbers as Whisper writes them, in the spellings that sentences have."""

from __future__ import annotations

import pytest

from appliance.grammar.number_respellings import MOST_RESPELLINGS, respellings
from appliance.grammar.numbers import spoken


@pytest.mark.parametrize(
    ("language", "written", "expected"),
    [
        ("en", "timer for 4.5 hours", "timer for 4 and a half hours"),
        ("en", "timer for 1h25 min", "timer for 1 hour and 25 minutes"),
        ("en", "timer for 1h25", "timer for 1 hour 25 minutes"),
        ("en", "a 90s timer", "a 90 seconds timer"),
        ("en", "set it to 50.0 percent", "set it to 50 percent"),
        ("de-CH", "timer auf 2,5 Minuten", "timer auf 2 ein halb Minuten"),
        ("de", "timer 1 Std. 20 Min.", "timer 1 Stunde und 20 Minuten"),
        ("fr", "minuteur de 4,5 heures", "minuteur de 4 heures et demie"),
        ("fr", "minuteur de 1h25", "minuteur de 1 heure et 25 minutes"),
        ("es", "temporizador de 4,5 horas", "temporizador de 4 horas y media"),
        ("it", "timer di 4,5 ore", "timer di 4 ore e mezza"),
        ("nl", "timer van 4,5 uur", "timer van 4 uur en een half uur"),
    ],
)
def test_a_number_is_written_as_sentences_have_it(
    language: str, written: str, expected: str
) -> None:
    found = list(respellings(written, language))
    assert expected in found
    assert len(found) <= MOST_RESPELLINGS


@pytest.mark.parametrize(
    "text",
    ["turn on the lamp", "room 5", "set it to 21.7", "call 112", "channel 3 h2o", "1.500", "2.000"],
)
def test_a_text_without_such_numbers_has_no_other_spelling(text: str) -> None:
    assert list(respellings(text, "en")) == []


def test_a_language_without_data_only_drops_zeroes() -> None:
    assert list(respellings("2.0 och 1h", "sv")) == ["2 och 1h"]


def test_a_hundred_may_be_said_without_its_one() -> None:
    assert {"one hundred", "hundred", "a hundred"} <= set(spoken(100, "en"))
    assert {"hundred and five", "a hundred five"} <= set(spoken(105, "en"))
    assert "two hundred and five" in spoken(205, "en")
    assert {"einhundert", "hundert"} <= set(spoken(100, "de"))
    assert spoken(4.5, "fr") != ()
