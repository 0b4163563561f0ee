"""One service for all recognition: early looks and whole recordings, one inference at a time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.pipeline_parts import LoadedModels, RecordedEvents
from support.scripted_engines import ScriptedLanguageModel, ScriptedTranscriber
from support.sentences import sentence_set

from appliance.errors import EngineError, Interrupted
from appliance.events import WordsHeard
from appliance.recognition.early_looks import EarlyLooks
from appliance.recognition.early_recogniser import EarlyRecogniser
from appliance.recognition.free_recogniser import FreeRecogniser
from appliance.recognition.inference_turns import Urgency
from appliance.recognition.recogniser_interface import RecognisedSpeech
from appliance.recognition.service import RecognitionService
from appliance.recognition.speech_models import SpeechModels
from appliance.sentences.active_sentences import ActiveSentences
from appliance.sentences.sentence_set import SentenceSet
from appliance.values import Samples, SentenceProgress, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable

SOUND: Samples = np.zeros(512, dtype=np.float32)
SENTENCES = sentence_set({"Stop": "stop"})


class ScriptedLooks(EarlyRecogniser):
    """Says of every sentence what the test wants."""

    def __init__(self, look: Any) -> None:
        self._look = look

    def look(
        self,
        samples: Samples,
        sentences: SentenceSet,
        *,
        thorough: bool = False,
        outdated: Callable[[], bool] = lambda: False,
        on_words: Callable[[str], None] | None = None,
    ) -> SentenceProgress:
        assert sentences is SENTENCES
        if on_words is not None:
            on_words("make some")
        progress: SentenceProgress = self._look(samples, thorough, outdated)
        return progress


def complete(*_: object) -> SentenceProgress:
    return SentenceProgress.COMPLETE


def service(
    look: Any = complete, *said: Any, model: Any = None, publishes_words: bool = False
) -> RecognitionService:
    transcriber = ScriptedTranscriber(said)
    models = SpeechModels(FreeRecogniser(transcriber, 0.6), transcriber)
    made = RecognitionService(
        LoadedModels(models),  # type: ignore[arg-type]
        ActiveSentences(SENTENCES),
        RecordedEvents(),
        model,
        publishes_words=publishes_words,
    )
    made.open()
    made._early[made.device] = ScriptedLooks(look)
    return made


def test_a_verdict_names_the_sound_and_the_moment_that_it_is_about() -> None:
    asked = service()
    asked.device.request(SOUND, 7)
    assert asked.device.pending
    asked.turn()

    assert not asked.device.pending
    assert asked.device.verdict is not None
    assert asked.device.verdict.samples is SOUND
    assert (asked.device.verdict.mark, asked.device.verdict.progress) == (
        7,
        SentenceProgress.COMPLETE,
    )


def test_a_newer_request_takes_the_place_of_one_that_waits() -> None:
    looked_at: list[int] = []

    def look(samples: Samples, *_: object) -> SentenceProgress:
        looked_at.append(len(samples))
        return SentenceProgress.UNKNOWN

    asked = service(look)
    asked.device.request(SOUND[:100], 1)
    asked.device.request(SOUND[:200], 2)
    asked.turn()
    asked.turn()

    assert looked_at == [200]


def test_a_verdict_that_comes_when_another_sentence_has_begun_does_not_count() -> None:
    def look(*_: object) -> SentenceProgress:
        asked.device.reset()
        return SentenceProgress.COMPLETE

    asked = service(look)
    asked.device.request(SOUND, 1)
    asked.turn()

    assert asked.device.verdict is None
    assert not asked.device.pending


def test_a_request_is_given_up_when_more_was_said_and_has_no_verdict() -> None:
    seen: list[bool] = []

    def look(_samples: Samples, _thorough: bool, outdated: Any) -> SentenceProgress:  # noqa: FBT001
        seen.append(outdated())
        asked.device.cancel()
        seen.append(outdated())
        raise Interrupted("more has been said")

    asked = service(look)
    asked.device.request(SOUND, 1)
    asked.turn()

    assert seen == [False, True]
    assert not asked.device.pending
    assert asked.device.verdict is None


def test_a_thorough_request_names_its_sound_until_it_is_answered() -> None:
    named: list[Samples | None] = []

    def look(*_: object) -> SentenceProgress:
        named.extend((asked.device.pending_thorough(3), asked.device.pending_thorough(4)))
        return SentenceProgress.UNKNOWN

    asked = service(look)
    asked.device.request(SOUND, 3, thorough=True)
    assert asked.device.pending_thorough(3) is SOUND
    asked.turn()

    assert named[0] is SOUND
    assert named[1] is None
    assert asked.device.pending_thorough(3) is None
    assert asked.device.verdict is not None
    assert asked.device.verdict.thorough


def test_a_model_that_fails_leaves_the_end_to_the_pauses_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> SentenceProgress:
        raise EngineError("the model is damaged")

    asked = service(fail)
    with caplog.at_level(logging.WARNING):
        for mark in (1, 2):
            asked.device.request(SOUND, mark)
            asked.turn()

    assert asked.device.verdict is not None
    assert asked.device.verdict.progress is SentenceProgress.UNKNOWN
    assert len(caplog.records) == 1


def test_without_a_request_a_turn_returns_by_itself() -> None:
    asked = service()
    asked.turn()

    assert asked.device.verdict is None


def test_the_words_of_a_look_are_published_only_if_wanted() -> None:
    for wanted, expected in ((True, ["make some"]), (False, [])):
        asked = service(publishes_words=wanted)
        asked.device.request(SOUND, 1)
        asked.turn()

        events = asked._events
        assert isinstance(events, RecordedEvents)
        assert [event.text for event in events.of(WordsHeard)] == expected


def test_the_language_model_waits_while_somebody_speaks() -> None:
    model = ScriptedLanguageModel([])
    asked = service(model=model)
    asked.device.request(SOUND, 1)
    asked.turn()

    assert model.pauses == 1


def test_between_the_pieces_of_a_long_recording_somebody_who_spoke_is_heard_first() -> None:
    heard: list[RecognisedSpeech] = []

    def speech_comes() -> bool:
        heard.append(asked.recognise(SOUND, SENTENCES, lambda _: None))
        return False

    class InterruptibleTranscriber(ScriptedTranscriber):
        def transcribe(
            self, samples: Samples, language: str, stopping: Callable[[], bool] = lambda: False
        ) -> Transcript:
            if len(samples) > len(SOUND):
                assert not stopping()
            return super().transcribe(samples, language)

    asked = service()
    transcriber = InterruptibleTranscriber(["spoken", "a long recording"])
    asked._models = SpeechModels(FreeRecogniser(transcriber, 0.6), transcriber)
    asked._early.clear()
    long = np.zeros(2 * len(SOUND), np.float32)

    assert asked.transcribe(long, "en", speech_comes).text == "a long recording"
    assert [one.text for one in heard] == ["spoken"]


def test_words_that_a_model_invents_for_silence_are_dropped() -> None:
    asked = service(complete, Transcript("Thank you.", "en", no_speech=0.9))

    assert asked.transcribe(SOUND, "en").text == ""


def test_a_recording_from_elsewhere_leaves_the_early_looks_at_the_speaker_alone() -> None:
    taken: list[Samples] = []
    asked = service(complete, "a recording")
    early = asked._early[asked.device]
    early.take_known = lambda samples, _: taken.append(samples)  # type: ignore[method-assign, assignment]
    asked.recognise(SOUND, SENTENCES, lambda _: None, urgency=Urgency.TRANSCRIPTION)

    assert taken == []


def test_a_long_recording_can_be_stopped_between_its_pieces() -> None:
    class InPieces(ScriptedTranscriber):
        def transcribe(
            self, samples: Samples, language: str, must_stop: Callable[[], bool] = lambda: False
        ) -> Transcript:
            if must_stop():
                raise Interrupted("stopped between pieces")
            return super().transcribe(samples, language)

    asked = service()
    transcriber = InPieces(["never"])
    asked._models = SpeechModels(FreeRecogniser(transcriber, 0.6), transcriber)
    asked._early.clear()
    with pytest.raises(Interrupted):
        asked.recognise(SOUND, SENTENCES, lambda _: None, lambda: True)


def test_the_device_is_looked_at_before_a_client_whose_request_came_first() -> None:
    order: list[int] = []

    def look(samples: Samples, *_: object) -> SentenceProgress:
        order.append(len(samples))
        return SentenceProgress.UNKNOWN

    asked = service(look)
    client = EarlyLooks(asked._changed)
    asked._early[client] = ScriptedLooks(look)
    client.request(SOUND[:300], 1)
    asked.device.request(SOUND[:200], 1)
    asked.turn()
    asked.turn()

    assert order == [200, 300]
    assert client.wait(0.0)
    assert client.verdict is not None
    assert client.verdict.mark == 1


def test_what_a_client_says_while_it_speaks_is_not_published() -> None:
    asked = service(publishes_words=True)
    client = EarlyLooks(asked._changed)
    asked._early[client] = ScriptedLooks(complete)
    client.request(SOUND, 1)
    asked.turn()

    events = asked._events
    assert isinstance(events, RecordedEvents)
    assert events.of(WordsHeard) == []
