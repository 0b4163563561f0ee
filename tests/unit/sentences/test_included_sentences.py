"""The sentences that come with the appliance, in each language, beside the owner's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.sentences import sentence_set
from appliance.sentences.sentence_set import SentenceSet

LANGUAGES = ("en", "de", "fr", "es", "it", "nl")

OURS = {
    *("AlarmSet", "AlarmCancel", "AlarmCancelAll", "AlarmStatus", "AlarmSnooze", "ReminderSet"),
    *("ReminderCancel", "ReminderStatus", "CommandAtTime", "AskWeekday", "AskName", "AskRoom"),
    *("AskSentences", "AskModel", "AskTemperature", "AskPower", "AskNetwork", "AskLastCommand"),
    *("RepeatAnswer", "VolumeSet", "VolumeUp", "VolumeDown", "SpeakerMute", "SpeakerUnmute"),
    *("Calculate", "ConvertUnits", "DaysUntil"),
}


def loaded(folder: Path, language: str, *sentences: str, more: str = "") -> SentenceSet:
    lines = "".join(f'\n          - "{one}"' for one in sentences or ("open sesame",))
    (folder / "own.yaml").write_text(
        f"language: {language}\nintents:\n  Own:\n    data:\n      - sentences:{lines}\n{more}",
        encoding="utf-8",
    )
    return sentence_set.load(folder, language, included=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_every_intent_without_a_warning(tmp_path: Path, language: str) -> None:
    found = loaded(tmp_path, language)
    assert found.declared.keys() >= OURS
    assert found.declared.keys() >= {"HassStartTimer", "HassGetCurrentTime"}
    assert found.warnings == ()
    for name in OURS:
        assert found.count(name)[0] > 0, name


SAID: list[tuple[str, str, str, dict[str, Any]]] = [
    ("en", "set a timer for 10 minutes", "HassStartTimer", {"minutes": 10}),
    ("en", "set an alarm for 7:30", "AlarmSet", {"hour": 7, "minute": 30}),
    ("en", "set an alarm for 7:05", "AlarmSet", {"hour": 7, "minute": 5}),
    ("en", "wake me up at half past six tomorrow", "AlarmSet",
     {"hour": 6, "minute": 30, "day": "tomorrow"}),
    ("en", "remind me in 10 minutes to call Anna", "ReminderSet",
     {"minutes": 10, "text": "call Anna"}),
    ("en", "in ten minutes turn off the fan", "HassStartTimer",
     {"minutes": 10, "conversation_command": "turn off the fan"}),
    ("en", "at eight turn off the fan", "CommandAtTime",
     {"hour": 8, "conversation_command": "turn off the fan"}),
    ("de", "stell den Wecker auf halb acht", "AlarmSet", {"hour": 8, "to": 30}),
    ("de", "weck mich werktags um 7:05 Uhr", "AlarmSet",
     {"hour": 7, "minute": 5, "repeat": "weekdays"}),
    ("de", "wie spät ist es", "HassGetCurrentTime", {}),
    ("fr", "règle le réveil à sept heures et demie", "AlarmSet", {"hour": 7, "minute": 30}),
    ("fr", "rappelle-moi dans 10 minutes d'appeler Anna", "ReminderSet",
     {"minutes": 10, "text": "appeler Anna"}),
    ("es", "pon una alarma a las 7 y media", "AlarmSet", {"hour": 7, "minute": 30}),
    ("it", "svegliami domani alle 6", "AlarmSet", {"hour": 6, "day": "tomorrow"}),
    ("nl", "zet de wekker op half acht", "AlarmSet", {"hour": 8, "to": 30}),
    ("nl", "hoe laat is het", "HassGetCurrentTime", {}),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "name", "slots"), SAID)
def test_what_people_say_is_understood(
    tmp_path: Path, language: str, text: str, name: str, slots: dict[str, Any]
) -> None:
    intent = loaded(tmp_path, language).parse(text)
    assert intent is not None
    assert (intent.name, intent.slots) == (name, slots)


def test_a_sentence_of_the_owner_counts_before_an_included_one(tmp_path: Path) -> None:
    intent = loaded(tmp_path, "en", "what time is it").parse("what time is it")
    assert intent is not None
    assert intent.name == "Own"


def test_lists_and_rules_of_the_owner_do_not_change_the_included_sentences(tmp_path: Path) -> None:
    more = (
        'lists:\n  hour: {values: [rush]}\nexpansion_rules:\n  clock: "church"\n'
        '  timer_set: "never"\n'
    )
    found = loaded(tmp_path, "en", "{hour} at the <clock> <timer_set>", more=more)
    alarm, own = found.parse("set an alarm for 7"), found.parse("rush at the church never")
    assert alarm is not None
    assert alarm.slots == {"hour": 7}
    assert own is not None
    assert own.slots == {"hour": "rush"}


def test_no_included_sentence_begins_with_any_words(tmp_path: Path) -> None:
    # Otherwise all talk that ends in "in ten minutes" would be one.
    assert loaded(tmp_path, "en").parse("the train leaves in ten minutes") is None


def test_nothing_guessed_starts_an_included_intent(tmp_path: Path) -> None:
    declared = loaded(tmp_path, "en").declared
    assert not any(declared[name].by_fuzzy or declared[name].by_model for name in OURS)


def test_rooms_in_them_need_the_owners_list_of_rooms(tmp_path: Path) -> None:
    text = "cancel the timer in the kitchen"
    without = loaded(tmp_path, "en").parse(text)
    assert without is None
    found = loaded(tmp_path, "en", more="lists:\n  area: {values: [kitchen]}\n").parse(text)
    assert found is not None
    assert found.slots == {"area": "kitchen"}


def test_without_the_switch_there_are_none(tmp_path: Path) -> None:
    loaded(tmp_path, "en")
    assert sentence_set.load(tmp_path, "en").parse("what time is it") is None
