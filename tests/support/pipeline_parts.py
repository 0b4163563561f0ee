"""A pipeline with scripted engines, and stand-ins for the parts around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from appliance.config import Config, LanguageModelSettings, SpeechSettings
from appliance.errors import AudioError
from appliance.events import EventBus
from appliance.pipeline.pipeline import Pipeline
from appliance.recognition.free_recogniser import FreeRecogniser
from appliance.recognition.service import RecognitionService
from appliance.recognition.speech_models import SpeechModels
from appliance.sentences.active_sentences import ActiveSentences
from appliance.system.board_state import BoardState
from appliance.values import Outcome
from support.scripted_engines import ScriptedTranscriber

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.dialogue.listener_control import Activation, ListenerCommand, ListenerControl
    from appliance.events import Event
    from appliance.jobs.result_builder import ResultBuilder
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import (
        Activity,
        Job,
        Result,
        Samples,
        SoundLevel,
        Transcript,
        Trigger,
        Utterance,
        Wake,
    )


class RecordedEvents(EventBus):
    """Keeps every event."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)
        super().emit(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class RecordedLedger:
    """Keeps what would be written to the journal."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.begun: list[str] = []
        self.put_off_jobs: list[str] = []
        self.dead_letters: list[str] = []

    def begin(self, job: Job) -> None:
        self.begun.append(job.id)

    def put_off(self, job: Job) -> None:
        self.put_off_jobs.append(job.id)

    def commit_job(self, job: Job, result: Result, *, dead_letter: bool = False) -> Result:
        assert job.id == result.id
        self.results.append(result)
        if dead_letter:
            self.dead_letters.append(job.id)
        return result


class CommitsAtOnce:
    """A dialogue that commits every result at once."""

    def __init__(self, ledger: RecordedLedger) -> None:
        self._ledger = ledger

    def confirm_result(self, job: Job, result: Result) -> None:
        self._ledger.commit_job(job, result)

    def stop(self, reason: str) -> None:
        """There is no session."""


class FixedBoard:
    """A board whose state the test sets."""

    def __init__(self, state: BoardState | None = None) -> None:
        self.now = state or BoardState()

    def state(self) -> BoardState:
        return self.now

    @property
    def low_voltage(self) -> bool:
        return self.now.low_voltage


class LoadedModels:
    """A loader of speech models that are loaded already."""

    def __init__(self, models: SpeechModels) -> None:
        self._models = models

    def load(self) -> SpeechModels:
        return self._models


class ScriptedDecode:
    """Takes the payload `sound` for a recording, of speech or of silence."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent

    def decode_recording(
        self, work: ResultBuilder, must_stop: Callable[[], bool], *, cut: bool
    ) -> None:
        if work.job.payload != b"sound":  # type: ignore[union-attr]
            raise AudioError("this is no sound file")
        work.stage("decode")
        work.samples = np.ones(1600, np.float32)
        if self.silent:
            work.end(Outcome.NO_SPEECH)


def scripted_pipeline(
    sentences: SentenceSet,
    *said: str | Transcript | Exception,
    model: Any = None,
    recogniser: Any = None,
    events: EventBus | None = None,
    grammar: bool = False,
    devices: Any = None,
    rules: Any = None,
    **settings: Any,
) -> Pipeline:
    """Its speech model hears `said`; `settings` are those of the language model."""
    config = Config(
        language_model=msgspec.structs.replace(
            LanguageModelSettings(answers_speech=True), **settings
        ),
        speech=SpeechSettings(grammar=grammar),
    )
    transcriber = ScriptedTranscriber(said, name="stt")
    models = SpeechModels(recogniser or FreeRecogniser(transcriber, 0.6), transcriber)
    active, bus = ActiveSentences(sentences), events or EventBus()
    recognition = RecognitionService(LoadedModels(models), active, bus, model)  # type: ignore[arg-type]
    recognition.open()
    pipeline = Pipeline(config, active, recognition, model, bus, devices=devices, rules=rules)
    pipeline._decode = ScriptedDecode()  # type: ignore[assignment]
    return pipeline


class RecordedIntake:
    """Keeps what the listener hears."""

    def __init__(self, take: Callable[[Utterance], bool] | None = None) -> None:
        self.utterances: list[Utterance] = []
        self.activities: list[Activity] = []
        self.woken: list[tuple[str, SoundLevel | None]] = []
        self.listening: list[Trigger] = []
        self.given_up: list[tuple[str | None, str]] = []
        self._take = take

    def new_id(self) -> str:
        return f"id-{len(self.utterances)}"

    def accept_utterance(self, utterance: Utterance) -> bool:
        if self._take is not None:
            return self._take(utterance)
        self.utterances.append(utterance)
        return True

    def give_up(self, activation: Activation, reason: str) -> None:
        self.given_up.append((activation.id, reason))

    def on_frame(self, frame: Samples) -> None:
        """The segmenter has it, too."""

    def on_listening(self, activation: Activation) -> None:
        self.listening.append(activation.trigger)

    def on_wake(self, wake: Wake, level: SoundLevel | None) -> None:
        self.woken.append((wake.word, level))

    def on_activity(self, activity: Activity) -> None:
        self.activities.append(activity)


def commands_of(control: ListenerControl) -> list[ListenerCommand]:
    """Those that wait, taken out."""
    return list(iter(control.next_command, None))
