"""Answers about the appliance itself: true, in each language, and honest about what is unknown."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from support.mqtt_stack import result_for

from appliance import config
from appliance.answers import fact_answers
from appliance.answers.fact_answers import FactAnswers
from appliance.answers.last_words import LastWords
from appliance.answers.loudspeaker_volume import LoudspeakerVolume
from appliance.config import Config, DeviceSettings, LanguageModelSettings, SpeechSettings
from appliance.events import JobFinished
from appliance.journal.journal import Journal
from appliance.sentences import sentence_set
from appliance.sentences.active_sentences import ActiveSentences
from appliance.sentences.sentence_set import SentenceSet
from appliance.system.board_state import BoardState
from appliance.values import (
    BoardReading,
    Intent,
    Operation,
    Outcome,
    Request,
    Source,
    TextInput,
    Trigger,
)

LANGUAGES = ("en", "de", "fr", "es", "it", "nl")


class FakeBoard:
    """A board with readings of the test's choice."""

    def __init__(self) -> None:
        self.reading = BoardReading()
        self.synced: bool | None = True

    def state(self) -> BoardState:
        return BoardState(clock_synced=self.synced)


class ConnectionState:
    connected = True


class QuietSpeech:
    """Keeps volume and mute."""

    def __init__(self) -> None:
        self.volume, self.muted = 0.8, False

    def use_volume(self, volume: float, *, muted: bool) -> None:
        self.volume, self.muted = volume, muted


TINY = SpeechSettings(model="whisper-tiny.en")


@functools.cache
def starter_sentences() -> SentenceSet:
    return sentence_set.load(None, "en", included=True)


class Asked:
    """The answers, with everything around them faked but the journal."""

    def __init__(self, folder: Path, settings: Config | None = None) -> None:
        self.board, self.connection = FakeBoard(), ConnectionState()
        self.speech, self.last = QuietSpeech(), LastWords()
        self.journal = Journal(folder, config.JournalSettings(), config.RequestSettings())
        self.number = 0
        self.answers = FactAnswers(
            settings
            or Config(device=DeviceSettings(name="kitchen-box", area="kitchen"), speech=TINY),
            ActiveSentences(starter_sentences()),
            self.board,  # type: ignore[arg-type]
            connection=self.connection,  # type: ignore[arg-type]
            volume=LoudspeakerVolume(self.journal, self.speech),  # type: ignore[arg-type]
            last=self.last,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def ask(self, name: str, language: str = "en", id_: str = "", **slots: Any) -> str | None:
        self.number += 1
        result = result_for("", id_ or f"r{self.number}", Outcome.INTENT)
        result = msgspec.structs.replace(result, intent=Intent(name, slots), language=language)
        action = self.answers.handle_intent(result)
        return None if action is None else action.answer


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with Asked(tmp_path) as made:
        yield made


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [
    "HassGetCurrentTime", "HassGetCurrentDate", "AskWeekday", "AskName", "AskRoom",
    "AskSentences", "AskModel", "AskTemperature", "AskPower", "AskNetwork", "AskLastCommand",
    "RepeatAnswer", "VolumeUp", "VolumeDown", "SpeakerMute", "SpeakerUnmute",
])  # fmt: skip
def test_every_question_has_an_answer_in_every_language(
    asked: Asked, name: str, language: str
) -> None:
    answer = asked.ask(name, language)
    assert answer
    assert "{" not in answer


def test_an_intent_that_is_no_such_question_is_left_to_others(asked: Asked) -> None:
    assert asked.ask("HassTurnOn") is None


def test_name_room_and_models_are_those_of_the_configuration(asked: Asked, tmp_path: Path) -> None:
    assert asked.ask("AskName") == "My name is kitchen-box."
    assert asked.ask("AskRoom") == "I am in the kitchen."
    assert asked.ask("AskModel") == (
        "I hear with whisper-tiny.en and answer with smollm2-135m-instruct."
    )
    settings = Config(language_model=LanguageModelSettings(enabled=False), speech=TINY)
    with Asked(tmp_path / "other", settings) as other:
        assert other.ask("AskRoom") == "Nobody has told me which room I am in."
        assert other.ask("AskModel") == (
            "I hear with whisper-tiny.en, and no language model is enabled."
        )


def test_a_value_that_no_sensor_measures_is_called_unknown(asked: Asked) -> None:
    unknown = "I do not know, because no sensor measures it."
    assert asked.ask("AskTemperature") == unknown
    assert asked.ask("AskPower") == unknown
    asked.board.reading = BoardReading(temperature_c=51.6, watts=3.14)
    assert asked.ask("AskTemperature") == "My processor has 52 degrees."
    assert asked.ask("AskPower") == "I draw 3.1 watts."


def test_a_clock_that_is_not_synchronised_is_called_that(asked: Asked) -> None:
    assert "not set" not in (asked.ask("HassGetCurrentTime") or "")
    asked.board.synced = False
    for name in ("HassGetCurrentTime", "HassGetCurrentDate", "AskWeekday"):
        assert (asked.ask(name) or "").endswith("But my clock is not set yet.")


def test_the_broker_is_named_only_while_it_is_connected(asked: Asked) -> None:
    assert asked.ask("AskNetwork") == "I am connected to the broker 127.0.0.1."
    asked.connection.connected = False
    assert asked.ask("AskNetwork") == "I am not connected to the broker."


def test_what_can_be_said_is_shown_with_the_owners_own_sentences(asked: Asked) -> None:
    answer = asked.ask("AskSentences") or ""
    shown = answer.removeprefix("For example: ").removesuffix(".").split("; ")
    assert len(shown) == fact_answers.EXAMPLES
    parsed = [sentence_set.load(None, "en").parse(one) for one in shown]
    assert all(intent is not None for intent in parsed)


def finished(text: str, answer: str | None, job: Any = None) -> JobFinished:
    result = result_for(text, "x", Outcome.INTENT)
    result = msgspec.structs.replace(result, intent=Intent("A"), answer=answer)
    made = TextInput("x", text, Source.COMMAND_LINE, Trigger.COMMAND_LINE)
    return JobFinished(job or made, result)


def test_the_last_command_and_answer_are_repeated(asked: Asked) -> None:
    assert asked.ask("AskLastCommand") == "You have not said anything yet."
    assert asked.ask("RepeatAnswer") == "I have not said anything yet."
    asked.last.on_event(finished("set a timer for 5 minutes", "Timer set for 5 minutes"))
    asked.last.on_event(finished("turn on the light", None))
    asked.last.on_event(finished("only asked", "x", Request("x", Operation.PARSE, b"")))
    assert asked.ask("AskLastCommand") == "You said: turn on the light."
    assert asked.ask("RepeatAnswer") == "Timer set for 5 minutes"


def test_volume_and_mute_are_kept_over_a_restart_and_set_once_for_one_order(
    asked: Asked, tmp_path: Path
) -> None:
    assert asked.ask("VolumeSet", volume=50) == "The volume is 50 percent."
    assert asked.ask("VolumeUp", id_="once") == "The volume is 60 percent."
    assert asked.ask("VolumeUp", id_="once") == "The volume is 60 percent."
    assert asked.ask("SpeakerMute") == "I will be silent, except for alarms."
    asked.journal.close()
    with Asked(tmp_path) as again:
        assert (again.speech.volume, again.speech.muted) == (0.6, True)
        assert again.ask("SpeakerUnmute") == "I speak again."
        assert (again.speech.volume, again.speech.muted) == (0.6, False)


def test_the_volume_stays_between_silence_and_full(asked: Asked) -> None:
    for _ in range(12):
        asked.ask("VolumeDown")
    assert asked.speech.volume == 0.0
    for _ in range(12):
        asked.ask("VolumeUp")
    assert asked.speech.volume == 1.0
