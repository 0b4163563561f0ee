"""The owner's facts: the lines that fit a question, and none if none fits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.fallback.owner_facts import MOST_LINES, OwnerFacts, is_about

LINES = """\
# what the house needs to know
The bin is collected on Tuesday.
The doctor's number is 555 1234.
The spare key is under the stone.
The heating was serviced in May.
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "facts.txt"
    path.write_text(LINES, encoding="utf-8")
    return path


def test_the_nearest_line_comes_first(file: Path) -> None:
    facts = OwnerFacts(file)
    assert facts.nearest("When is the bin collected?") == ["The bin is collected on Tuesday."]
    assert facts.nearest("where is the KEY")[0] == "The spare key is under the stone."


def test_words_of_every_line_find_nothing(file: Path) -> None:
    assert OwnerFacts(file).nearest("What is the meaning of it?") == []
    assert OwnerFacts(None).nearest("When is the bin collected?") == []


def test_one_single_fact_is_found(tmp_path: Path) -> None:
    file = tmp_path / "one.txt"
    file.write_text("Die Tonne wird am Dienstag geleert.", encoding="utf-8")
    assert OwnerFacts(file).nearest("Wann wird die Tonne geleert?") != []


def test_no_more_facts_are_added_than_are_quick_to_read(tmp_path: Path) -> None:
    file = tmp_path / "many.txt"
    file.write_text("\n".join(f"Lamp {n} is in room {n}." for n in range(9)) + "\nOther.\n" * 20)
    assert len(OwnerFacts(file).nearest("Which lamp?")) == MOST_LINES


def test_a_changed_file_is_read_again_and_a_missing_one_is_said_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    facts = OwnerFacts(file)
    facts.nearest("bin")
    file.write_text("The bin is collected on Friday.", encoding="utf-8")
    os.utime(file, (1, 1))
    assert facts.nearest("bin") == ["The bin is collected on Friday."]
    file.unlink()
    assert facts.nearest("bin") == []
    assert facts.nearest("bin") == []
    assert caplog.text.count("cannot be read") == 1


@pytest.mark.parametrize(
    ("language", "fact", "question", "about"),
    [
        ("en", "The bin is collected on Tuesday.", "When is the bin collected?", True),
        ("en", "Breakfast is at 7.", "When do we have breakfast?", True),
        ("en", "The bin is collected on Tuesday.", "Who emptied the bin?", False),
        ("en", "The bin is collected on Tuesday.", "What is the capital of France?", False),
        ("en", "The bin is collected on Tuesday.", "What is it?", False),
        ("de", "Der Müll wird am Dienstag abgeholt.", "Wann wird der Müll abgeholt?", True),
        ("nl", "De sleutel ligt onder de steen.", "Waar is de sleutel?", True),
        ("it", "La chiave è sotto la pietra.", "Dov'è la moto?", False),
    ],
)
def test_a_fact_is_about_a_question_if_it_has_each_of_its_telling_words(
    language: str, fact: str, question: str, *, about: bool
) -> None:
    assert is_about(fact, question, language) is about
