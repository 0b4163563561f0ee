"""Tests of the time of several commands: nothing is done at once that may be meant for later."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.fallback.cascade import Cascade
from appliance.pipeline.several_commands import SeveralCommands
from appliance.sentences.sentence_set import SentenceSet, load

HOUSES = {
    "en": 'TurnOn: {data: [{sentences: ["turn on [the] {name} [in {n} minutes]", "<at>"]}]}',
    "de": 'TurnOn: {data: [{sentences: ["schalte [(der|die|das|den)] {name} ein"]}]}',
    "fr": 'TurnOn: {data: [{sentences: ["allume [(le|la)] {name}"]}]}',
    "es": 'TurnOn: {data: [{sentences: ["enciende [(el|la)] {name}"]}]}',
    "it": 'TurnOn: {data: [{sentences: ["accendi [(il|la)] {name}"]}]}',
    "nl": 'TurnOn: {data: [{sentences: ["zet [(de|het)] {name} aan"]}]}',
}

MORE = """
  Night: {data: [{sentences: ["good night"]}]}
  Next: {data: [{sentences: ["next song"]}]}
  Lock: {data: [{sentences: ["schließe die Tür ab"]}]}
  Heat: {data: [{sentences: ["set the heating at {n} degrees"]}]}
expansion_rules: {at: "{name} at {n}"}
lists:
  name: {values: [lamp, fan, night light]}
  n: {range: {from: 1, to: 60}}
"""

READER = SeveralCommands(Cascade())


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SentenceSet]:
    return {language: _loaded(tmp_path_factory.mktemp(language), language) for language in HOUSES}


def _loaded(folder: Path, language: str) -> SentenceSet:
    text = f"language: {language}\nintents:\n  {HOUSES[language]}{MORE}"
    (folder / "house.yaml").write_text(text, "utf-8")
    return load(folder, language, included=True)


def commands(sentences: SentenceSet, text: str) -> list[str]:
    """What would be done, read as the stage RESOLVE does."""
    found = sentences.parse_all(text) or READER.meant(text, sentences)[0]
    return [one.name for one in found]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "wake me up at 7 and turn on the lamp"),
        ("en", "turn on the lamp and wake me up at 7"),
        ("en", "wake me up tomorrow at 7 and turn on the lamp"),
        ("en", "turn on the lamp in 5 minutes and turn on the fan"),
        ("en", "turn on the lamp and turn on the fan in 5 minutes"),
        ("en", "lamp at 7 and turn on the fan"),
        ("en", "set a timer for 5 minutes and then turn on the lamp"),
        ("en", "set a timer for 5 minutes, after that turn on the lamp"),
        ("en", "turn on the night light and wake me up at 7"),
        ("de", "weck mich um 7 uhr und schalte die lamp ein"),
        ("de", "schalte die lamp ein und weck mich um 7 uhr"),
        ("de", "stelle einen Timer auf 5 Minuten und danach schalte die lamp ein"),
        ("fr", "réveille-moi à 7 heures et allume la lamp"),
        ("fr", "allume la lamp et réveille-moi à 7 heures"),
        ("fr", "mets un minuteur de 5 minutes puis allume la lamp"),
        ("es", "despiértame a las 7 y enciende la lamp"),
        ("es", "enciende la lamp y despiértame a las 7"),
        ("es", "pon un temporizador de 5 minutos y luego enciende la lamp"),
        ("it", "svegliami alle 7 e accendi la lamp"),
        ("it", "accendi la lamp e svegliami alle 7"),
        ("it", "imposta un timer di 5 minuti e poi accendi la lamp"),
        ("nl", "maak me om 7 uur wakker en zet de lamp aan"),
        ("nl", "zet de lamp aan en maak me om 7 uur wakker"),
        ("nl", "zet een timer van 5 minuten en daarna zet de lamp aan"),
    ],
)
def test_nothing_is_done_if_a_time_may_be_meant_for_the_other_command_too(
    houses: dict[str, SentenceSet], language: str, text: str
) -> None:
    assert commands(houses[language], text) == []


def test_the_reason_says_which_command_has_a_time(houses: dict[str, SentenceSet]) -> None:
    _, reason = READER.meant("wake me up at 7 and turn on the lamp", houses["en"])
    assert reason is not None
    assert reason.startswith('"wake me up at 7" has a time and "turn on the lamp" has none')


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "wake me up at 7 and turn on the lamp now", ["AlarmSet", "TurnOn"]),
        ("en", "turn on the lamp right now and wake me up at 7", ["TurnOn", "AlarmSet"]),
        ("en", "wake me up at 7 and what time is it", ["AlarmSet", "HassGetCurrentTime"]),
        ("en", "wake me up at 7 and remind me at 8 to eat", ["AlarmSet", "ReminderSet"]),
        ("en", "set a timer for 5 minutes and turn on the lamp", ["HassStartTimer", "TurnOn"]),
        ("en", "turn on the lamp and then set a timer for 5 minutes", ["TurnOn", "HassStartTimer"]),
        ("en", "turn on the night light and turn on the lamp", ["TurnOn", "TurnOn"]),
        ("en", "good night and turn on the lamp", ["Night", "TurnOn"]),
        ("en", "next song and turn on the lamp", ["Next", "TurnOn"]),
        ("en", "set the heating at 21 degrees and turn on the fan", ["Heat", "TurnOn"]),
        ("de", "schließe die Tür ab und schalte die lamp ein", ["Lock", "TurnOn"]),
        ("de", "weck mich um 7 uhr und schalte die lamp jetzt ein", ["AlarmSet", "TurnOn"]),
        (
            "de",
            "stelle einen Timer auf 5 Minuten und schalte die lamp ein",
            ["HassStartTimer", "TurnOn"],
        ),
        ("fr", "mets un minuteur de 5 minutes et allume la lamp", ["HassStartTimer", "TurnOn"]),
        ("fr", "réveille-moi à 7 heures et allume la lamp maintenant", ["AlarmSet", "TurnOn"]),
        ("es", "pon un temporizador de 5 minutos y enciende la lamp", ["HassStartTimer", "TurnOn"]),
        ("es", "despiértame a las 7 y enciende la lamp ahora", ["AlarmSet", "TurnOn"]),
        ("it", "imposta un timer di 5 minuti e accendi la lamp", ["HassStartTimer", "TurnOn"]),
        ("it", "svegliami alle 7 e accendi la lamp adesso", ["AlarmSet", "TurnOn"]),
        ("nl", "zet een timer van 5 minuten en zet de lamp aan", ["HassStartTimer", "TurnOn"]),
        ("nl", "maak me om 7 uur wakker en zet de lamp nu aan", ["AlarmSet", "TurnOn"]),
    ],
)
def test_they_are_done_if_the_words_say_when_each_is_meant(
    houses: dict[str, SentenceSet], language: str, text: str, expected: list[str]
) -> None:
    assert commands(houses[language], text) == expected


def test_a_time_before_the_last_command_is_for_that_one_only(
    houses: dict[str, SentenceSet],
) -> None:
    found = houses["en"].parse_all("turn on the lamp and in 5 minutes turn on the fan")
    assert [one.name for one in found] == ["TurnOn", "HassStartTimer"]
    assert found[1].slots["conversation_command"] == "turn on the fan"
