"""The stages DECODE, RECOGNISE and TRANSCRIBE: from sound to words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.audio.decoder_process import decode_recording
from appliance.endpointing.segmenter import segments_in, spoken_part
from appliance.jobs.result_builder import EMPTY, SAID_STOP
from appliance.recognition.inference_turns import Urgency
from appliance.values import ClientRequest, Operation, Outcome, Request, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import Config
    from appliance.dialogue.yes_and_stop_words import Phrases
    from appliance.jobs.result_builder import ResultBuilder
    from appliance.protocols import VoiceActivityDetector
    from appliance.recognition.service import RecognitionService
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Job


class DecodeStage:
    """A recording from a request to samples, cut to what was said in it."""

    def __init__(self, config: Config, detector: VoiceActivityDetector) -> None:
        self._requests = config.requests
        self._listening = config.listening
        self._detector = detector

    def decode_recording(
        self, work: ResultBuilder, must_stop: Callable[[], bool], *, cut: bool
    ) -> None:
        """Decode the payload; `cut` drops the sound before and after the speech.

        Raises:
            AudioError: the payload is not a recording, or too long.
            Interrupted: `must_stop` said so.

        """
        if not isinstance(work.job, Request):
            return
        samples = decode_recording(
            work.job.payload,
            maximum_seconds=self._requests.maximum_audio_s,
            maximum_bytes=self._requests.maximum_bytes,
            must_stop=must_stop,
        )
        work.stage("decode")
        segments = list(segments_in(samples, self._detector, self._listening))
        work.stage("detect")
        if not segments:
            work.end(Outcome.NO_SPEECH)
            return
        work.samples = spoken_part(samples, segments) if cut else samples


class RecogniseStage:
    """Recognises a declared sentence in sound; without one, it keeps the words that were heard."""

    def __init__(self, recognition: RecognitionService, phrases: Phrases) -> None:
        self._recognition = recognition
        self._phrases = phrases

    def recognise_speech(
        self, work: ResultBuilder, sentences: SentenceSet, must_stop: Callable[[], bool]
    ) -> None:
        """Fill in text, confidence and, for a declared sentence, the intent.

        Raises:
            EngineError: the model failed.
            Interrupted: `must_stop` said so, in a recording that is too long for a command.

        """
        if not _take_samples(work):
            return
        work.stt = self._recognition.recogniser_name
        heard = self._recognition.recognise(
            work.samples,
            sentences,
            work.stage,
            must_stop,
            urgency_of(work.job),
            trigger_of(work.job),
        )
        work.stt = heard.by or work.stt
        if not heard.intents and not heard.text:
            work.end(Outcome.NO_SPEECH)
            return
        work.text, work.confidence, work.intents = heard.text, heard.confidence, heard.intents
        work.runner_up = heard.runner_up
        if not heard.intents and self._phrases.means_stop(heard.text):
            work.end(Outcome.CANCELLED, SAID_STOP)


class TranscribeStage:
    """Transcribes sound to any words."""

    def __init__(self, recognition: RecognitionService) -> None:
        self._recognition = recognition

    def transcribe_speech(self, work: ResultBuilder, must_stop: Callable[[], bool]) -> None:
        """Fill in the text, and set the outcome.

        Raises:
            EngineError: the model failed.
            Interrupted: `must_stop` said so.

        """
        if not _take_samples(work):
            return
        work.stt = self._recognition.transcriber_name
        transcript = self._recognition.transcribe(
            work.samples, work.language, must_stop, urgency_of(work.job)
        )
        work.stage("transcribe")
        work.text = transcript.text
        if isinstance(work.job, Request):
            work.confidence = transcript.confidence if work.text else None
            work.segments = transcript.segments if work.text else None
        work.end(Outcome.TRANSCRIPT if work.text else Outcome.NO_SPEECH)


def _take_samples(work: ResultBuilder) -> bool:
    """Take the sound of a job; False if nobody spoke, with `no_speech` as the outcome."""
    job = work.job
    if isinstance(job, Utterance):
        work.samples = job.samples
        silent = job.speech_seconds == 0.0
    elif isinstance(job, ClientRequest):
        work.samples = EMPTY if job.samples is None else job.samples
        silent = False
    else:
        return True  # it was decoded
    if silent or not len(work.samples):
        work.end(Outcome.NO_SPEECH)
    return not work.is_over


def trigger_of(job: Job) -> Trigger:
    """The trigger of a job; a recording from elsewhere counts as a request."""
    return job.trigger if isinstance(job, Utterance) else Trigger.REQUEST


def urgency_of(job: Job) -> Urgency:
    """Speech at the device goes before a client, and both before a recording."""
    if isinstance(job, Utterance):
        return Urgency.UTTERANCE
    spoken = isinstance(job, ClientRequest) and job.operation is Operation.RECOGNIZE
    return Urgency.CLIENT_UTTERANCE if spoken else Urgency.TRANSCRIPTION
