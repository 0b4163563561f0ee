"""Sums, units and dates: exact, in each language."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.mqtt_stack import result_for

from appliance.answers import arithmetic
from appliance.answers.sum_answers import SumAnswers
from appliance.sentences import sentence_set
from appliance.values import Intent, Outcome


def answer(language: str, name: str, /, **slots: Any) -> str | None:
    result = result_for("", "x", Outcome.INTENT)
    result = msgspec.structs.replace(result, intent=Intent(name, slots), language=language)
    action = SumAnswers().handle_intent(result)
    return None if action is None else action.answer


@pytest.mark.parametrize(
    ("language", "left", "operation", "right", "expected"),
    [
        ("en", 2, "plus", 3, "That is 5."),
        ("en", 2, "minus", 3, "That is -1."),
        ("en", 12, "times", 12, "That is 144."),
        ("en", 1, "divided", 4, "That is 0.25."),
        ("de", 1, "divided", 4, "Das ist 0,25."),
        ("en", 1, "divided", 3, "That is about 0.3333."),
        ("en", 1, "divided", 0, "Nothing can be divided by zero."),
        ("en", 80, "percent", 15, "That is 12."),
    ],
)
def test_a_sum_is_exact_or_called_rounded(
    language: str, left: int, operation: str, right: int, expected: str
) -> None:
    said = answer(language, "Calculate", left=left, operation=operation, right=right)
    assert said == expected


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1, "mi", "m", "That is 1609.344 m."),
        (100, "°C", "°F", "That is 212 °F."),
        (32, "°F", "°C", "That is 0 °C."),
        (0, "°F", "°C", "That is about -17.7778 °C."),
        (1, "lb", "g", "That is about 453.5924 g."),
        (90, "min", "h", "That is 1.5 h."),
        (1, "kg", "m", "These units do not measure the same."),
    ],
)
def test_a_unit_is_converted_by_its_definition(
    value: int, source: str, target: str, expected: str
) -> None:
    said = answer("en", "ConvertUnits", **{"value": value, "from": source, "to": target})
    assert said == expected


@given(st.integers(0, 1000), st.sampled_from(sorted(arithmetic.UNITS)), st.data())
def test_a_conversion_there_and_back_changes_nothing(
    value: int, source: str, data: st.DataObject
) -> None:
    kind = arithmetic.UNITS[source][0]
    same = sorted(name for name, unit in arithmetic.UNITS.items() if unit[0] == kind)
    target = data.draw(st.sampled_from(same))
    there = arithmetic.convert(Fraction(value), source, target)
    assert there is not None
    assert arithmetic.convert(there, target, source) == value


@pytest.mark.parametrize(
    ("today", "month", "day", "expected"),
    [
        (date(2026, 12, 24), 12, 25, 1),
        (date(2026, 12, 25), 12, 25, 0),
        (date(2026, 12, 26), 12, 25, 364),
        (date(2026, 3, 1), 2, 29, 730),
        (date(2026, 3, 1), 2, 30, None),
    ],
)
def test_days_are_counted_to_the_next_such_date(
    today: date, month: int, day: int, expected: int | None
) -> None:
    assert arithmetic.days_until(today, month, day) == expected


SAID = [
    ("en", "what is 12 times 12", "That is 144."),
    ("en", "what's 15 percent of 80", "That is 12."),
    ("en", "how many kilometers are 5 miles", "That is about 8.0467 km."),
    ("en", "convert 100 degrees celsius to fahrenheit", "That is 212 °F."),
    ("de", "wie viel ist 3 mal 7", "Das ist 21."),
    ("de", "wie viele Gramm sind 2 Pfund", "Das ist ungefähr 907,1847 g."),
    ("fr", "combien font 3 fois 7", "Cela fait 21."),
    ("fr", "combien de mètres font 2 kilomètres", "Cela fait 2000 m."),
    ("es", "cuánto es 3 por 7", "Son 21."),
    ("es", "cuántos metros son 2 kilómetros", "Son 2000 m."),
    ("it", "quanto fa 3 per 7", "Fa 21."),
    ("it", "quanti metri sono 2 chilometri", "Fa 2000 m."),
    ("nl", "hoeveel is 3 keer 7", "Dat is 21."),
    ("nl", "hoeveel meter is 2 kilometer", "Dat is 2000 m."),
]


@pytest.mark.parametrize("language", sorted({language for language, *_ in SAID}))
def test_a_question_is_understood_and_answered(tmp_path: Path, language: str) -> None:
    own = f"language: {language}\nintents: {{Own: {{data: [{{sentences: [open sesame]}}]}}}}\n"
    (tmp_path / "own.yaml").write_text(own, encoding="utf-8")
    sentences = sentence_set.load(tmp_path, language, included=True)
    for of, text, expected in SAID:
        if of == language:
            intent = sentences.parse(text)
            assert intent is not None, text
            assert answer(language, intent.name, **intent.slots) == expected


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "nl"])
def test_days_until_a_date_are_answered_in_every_language(language: str) -> None:
    said = answer(language, "DaysUntil", month=12, day_of_month=25) or ""
    assert any(character.isdigit() for character in said)
