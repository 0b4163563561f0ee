"""Measures speed and memory, compared with unconstrained decoding in a window of 30 s."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from appliance.audio.decoder_process import decode_recording
from appliance.bench import prefix_speed
from appliance.bench.padded_whisper import PaddedWhisper
from appliance.bench.speech_model_advice import SpeechModelAdvice, advise
from appliance.endpointing.segmenter import utterance_from
from appliance.engines.silero import Silero
from appliance.errors import ApplianceError, ManifestError
from appliance.evaluation import manifest
from appliance.models import catalogue
from appliance.models.store import Store
from appliance.pipeline import pipeline_factory
from appliance.recognition import speech_models
from appliance.system.memory_and_sockets import peak_mb, resident_mb
from appliance.system.sensors import board_root, load_memory_disk
from appliance.values import SAMPLE_RATE, Question

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from appliance.config import Config
    from appliance.engines.llama.language_model import Llama
    from appliance.recognition.grammar_recogniser import GrammarRecogniser
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Samples

T = TypeVar("T")

QUESTIONS = ("Why is the sky blue?", "Name three fruits.", "What is a lamp for?")


class StartStep(msgspec.Struct, frozen=True):
    """The time of one step of the start."""

    name: str
    seconds: float


class BenchmarkClip(msgspec.Struct, frozen=True, kw_only=True):
    """One recording, decoded by the appliance and by the baseline in turn; medians of the runs."""

    name: str
    seconds: float
    """Seconds of speech, as cut out by the voice activity detector."""
    ours_ms: float
    encode_ms: float
    """The part of `ours_ms` until the audio is encoded; the rest is the search for the sentence."""
    padded_ms: float
    ratio: float
    """Median of ours_ms / padded_ms over the runs; below 1 the appliance is faster."""
    calls: int
    """Calls of the decoder."""
    tokens: int
    ours_right: bool
    padded_right: bool


class LanguageModelSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """The language model's process."""

    name: str
    load_s: float
    first_token_ms: list[float]
    """Values for each question; the first one without a warm cache, the others with the cached
    prefix."""
    tokens_per_s: float | None
    memory_mb: float | None
    prefix: prefix_speed.PrefixSpeed
    """Compared with the plain chat call of llama-cpp-python."""


class BenchmarkReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `appliance bench` prints."""

    board: str | None
    cores: int
    threads: int
    stt: str
    start: list[StartStep]
    memory_mb: float | None
    """Resident, after a use of speech recognition."""
    peak_memory_mb: float
    """Peak resident memory."""
    clips: list[BenchmarkClip]
    ratio: float
    """Median over the clips."""
    realtime_factor: float
    """Seconds of work per second of speech."""
    speech_models: list[SpeechModelAdvice]
    """Those that know the language; each that is installed was measured alone."""
    language_model: LanguageModelSpeed | None


@dataclass(frozen=True, slots=True)
class _Recording:
    clip: manifest.Clip
    samples: Samples


def measure(
    config: Config, clips: Path, runs: int, *, board: str | None, report: Callable[[str], None]
) -> BenchmarkReport:
    """Load all engines and time them; `report` receives progress. Run nothing else meanwhile."""
    start: list[StartStep] = []
    sentences = _timed("sentences", start, lambda: pipeline_factory.load_sentences(config))
    whisper = _timed("speech model", start, lambda: speech_models.open_transcriber(config))
    recogniser = speech_models.open_recogniser(config, whisper)
    _timed("grammar", start, lambda: recogniser.prepare(sentences))
    recordings = _recordings(clips, config)
    report(f"{len(recordings)} recordings, {runs} runs each")
    recogniser.decode(recordings[0].samples, sentences)  # warms the caches
    memory_mb, peak_memory_mb = resident_mb(), peak_mb()
    padded = _open_padded(config)
    padded.transcribe(recordings[0].samples, config.device.language)
    measured = [
        _compare(recording, recogniser, padded, sentences, runs) for recording in recordings
    ]
    report("other speech models")
    alone = _realtime_factors(config, recordings, sentences)
    report("language model")
    return BenchmarkReport(
        board=board,
        cores=os.cpu_count() or 1,
        threads=config.threads,
        stt="+".join(filter(None, (config.speech.model, config.speech.second_model))),
        start=start,
        memory_mb=memory_mb,
        peak_memory_mb=peak_memory_mb,
        clips=measured,
        ratio=round(float(np.median([clip.ratio for clip in measured])), 3),
        realtime_factor=round(
            sum(clip.ours_ms for clip in measured) / 1000 / sum(clip.seconds for clip in measured),
            4,
        ),
        speech_models=advise(
            config.device.language, alone, load_memory_disk.total_mb(board_root())
        ),
        language_model=_language_model(config),
    )


def _realtime_factors(
    config: Config, recordings: Sequence[_Recording], sentences: SentenceSet
) -> dict[str, float]:
    """Seconds of work per second of speech of each installed model that can be opened."""
    found = {}
    for name in [*catalogue.models(), *catalogue.hub_models()]:
        speech = msgspec.structs.replace(config.speech, model=name, second_model="")
        alone = msgspec.structs.replace(config, speech=speech)
        try:
            whisper = speech_models.open_transcriber(alone)
        except ApplianceError:  # not installed, not for speech, or not for this language
            continue
        recogniser = speech_models.open_recogniser(alone, whisper)
        recogniser.decode(recordings[0].samples, sentences)  # warms the caches
        began = time.perf_counter()
        for recording in recordings:
            recogniser.decode(recording.samples, sentences)
        worked = time.perf_counter() - began
        found[name] = worked * SAMPLE_RATE / sum(len(one.samples) for one in recordings)
    return found


def _timed(name: str, stages: list[StartStep], work: Callable[[], T]) -> T:
    began = time.perf_counter()
    done = work()
    stages.append(StartStep(name, round(time.perf_counter() - began, 3)))
    return done


def _recordings(path: Path, config: Config) -> list[_Recording]:
    detector = Silero()
    found = []
    for clip in manifest.read(path):
        if clip.audio is None or clip.intent is msgspec.UNSET or clip.intent is None:
            continue
        samples = decode_recording(path.parent / clip.audio, maximum_seconds=30.0)
        utterance = utterance_from(samples, detector, config.listening, new_id="bench")
        found.append(_Recording(clip, utterance.samples))
    if not found:
        raise ManifestError(f"{path}: it has no recording of a declared sentence")
    return found


def _compare(
    recording: _Recording,
    recogniser: GrammarRecogniser,
    padded: PaddedWhisper,
    sentences: SentenceSet,
    runs: int,
) -> BenchmarkClip:
    clip, samples = recording.clip, recording.samples
    ours: list[float] = []
    theirs: list[float] = []
    encoded: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        found, _ = recogniser.decode(
            samples, sentences, lambda _: encoded.append(time.perf_counter())
        )
        encoded[-1] -= began
        between = time.perf_counter()
        parsed = sentences.parse(padded.transcribe(samples, sentences.language))
        theirs.append(time.perf_counter() - between)
        ours.append(between - began)
    wanted = (clip.intent, manifest.comparable(clip.slots))
    return BenchmarkClip(
        name=clip.audio or "",
        seconds=round(len(samples) / SAMPLE_RATE, 2),
        ours_ms=_milliseconds(ours),
        encode_ms=_milliseconds(encoded),
        padded_ms=_milliseconds(theirs),
        ratio=round(float(np.median(np.array(ours) / np.array(theirs))), 3),
        calls=found.calls,
        tokens=found.tokens,
        ours_right=(found.intent, manifest.comparable(dict(found.slots))) == wanted,
        padded_right=parsed is not None
        and (parsed.name, manifest.comparable(parsed.slots)) == wanted,
    )


def _milliseconds(seconds: Sequence[float]) -> float:
    return round(1000 * float(np.median(seconds)), 1)


def _open_padded(config: Config) -> PaddedWhisper:
    folder = Store(config.models_directory).path_of(config.speech.model)
    return PaddedWhisper(folder, compute_type=config.speech.compute_type, threads=config.threads)


def _language_model(config: Config) -> LanguageModelSpeed | None:
    if not config.language_model.enabled:
        return None
    path = Store(config.models_directory).path_of(config.language_model.model)
    prefix = prefix_speed.measure(path, config.language_model, config.threads)
    began = time.perf_counter()
    model = pipeline_factory.open_language_model(config)
    if model is None:
        return None
    try:
        model.start()
        return _asked(model, round(time.perf_counter() - began, 2), prefix)
    finally:
        model.close()


def _asked(model: Llama, load_s: float, prefix: prefix_speed.PrefixSpeed) -> LanguageModelSpeed:
    first, tokens, seconds = [], 0, 0.0
    for question in QUESTIONS:
        began = time.perf_counter()
        completion = model.complete(Question((question,)), lambda: False)
        took = time.perf_counter() - began
        if completion.first_token_ms is not None:
            first.append(round(completion.first_token_ms, 1))
            seconds += took - completion.first_token_ms / 1000
            tokens += completion.generated_tokens - 1
    return LanguageModelSpeed(
        name=model.name,
        load_s=load_s,
        first_token_ms=first,
        tokens_per_s=round(tokens / seconds, 1) if tokens > 0 and seconds > 0 else None,
        memory_mb=None if model.process_id is None else resident_mb(model.process_id),
        prefix=prefix,
    )
