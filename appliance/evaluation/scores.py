"""Accuracy and latency on a manifest of recordings or texts: the figures, without any engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec import UNSET
from rapidfuzz.distance import Levenshtein

from appliance.evaluation.manifest import comparable
from appliance.text.normalise import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.evaluation.manifest import Clip
    from appliance.values import Result


class Latency(msgspec.Struct, frozen=True):
    """From the end of the sound (or the arrival of the text) to the result; milliseconds."""

    p50: float
    p95: float
    max: float


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """A clip that did not come out as the manifest says."""

    clip: str
    kind: str
    """`wrong_action`, `false_reject`, `false_accept` or `words`."""
    expected: str
    heard: str
    text: str | None
    confidence: float | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What `appliance evaluate` prints. A figure about nothing is null."""

    clips: int
    correct: int
    """Intent and exactly the slots given are equal, or it was refused as it must be."""
    accuracy: float | None
    """`correct` as a share of the clips that say what intent they mean."""
    wrong_action: int
    """An intent or slot other than what was said."""
    false_reject: int
    """A declared sentence that was refused."""
    false_accept: int
    """An intent made of something that is none of the sentences."""
    wer: float | None
    """Word error rate over the clips that give their words."""
    latency_ms: Latency | None
    realtime_factor: float | None
    """Seconds of work per second of sound."""
    peak_rss_mb: float
    errors: list[Mistake]


@dataclass(frozen=True, slots=True)
class Trial:
    """A clip and what came of it."""

    clip: Clip
    result: Result
    latency_ms: float
    audio_seconds: float | None
    """None for a text."""


def summarise(trials: Sequence[Trial], peak_rss_mb: float) -> Summary:
    """The figures of contract and table alike."""
    kinds = [_kind(trial) for trial in trials]
    judged = [kind for kind, trial in zip(kinds, trials, strict=True) if _means(trial.clip)]
    correct = judged.count("correct")
    sound = [trial for trial in trials if trial.audio_seconds]
    seconds = sum(trial.audio_seconds or 0.0 for trial in sound)
    return Summary(
        clips=len(trials),
        correct=correct,
        accuracy=round(correct / len(judged), 4) if judged else None,
        wrong_action=kinds.count("wrong_action"),
        false_reject=kinds.count("false_reject"),
        false_accept=kinds.count("false_accept"),
        wer=_word_error_rate(trials),
        latency_ms=_latency([trial.latency_ms for trial in trials]),
        realtime_factor=(
            round(sum(trial.latency_ms for trial in sound) / 1000 / seconds, 4) if seconds else None
        ),
        peak_rss_mb=round(peak_rss_mb, 1),
        errors=[
            _mistake(trial, kind)
            for trial, kind in zip(trials, kinds, strict=True)
            if kind != "correct"
        ],
    )


def _means(clip: Clip) -> bool:
    """Whether the manifest says which intent the clip means, or that it means none."""
    return clip.intent is not UNSET


def _kind(trial: Trial) -> str:
    clip, intent = trial.clip, trial.result.intent
    if clip.intent is UNSET and clip.text is None:
        return "correct"  # nothing is said of it: only its time counts
    if clip.intent is UNSET:
        return (
            "correct" if words_of(clip.text or "") == words_of(trial.result.text or "") else "words"
        )
    if clip.intent is None:
        return "correct" if intent is None else "false_accept"
    if intent is None:
        return "false_reject"
    same = intent.name == clip.intent and comparable(intent.slots) == comparable(clip.slots)
    return "correct" if same else "wrong_action"


def _word_error_rate(trials: Sequence[Trial]) -> float | None:
    """Levenshtein distance in words over the words said, pooled over all clips."""
    spoken = [(words_of(t.clip.text), words_of(t.result.text or "")) for t in trials if t.clip.text]
    said = sum(len(expected) for expected, _ in spoken)
    if not said:
        return None
    wrong = sum(Levenshtein.distance(expected, heard) for expected, heard in spoken)
    return round(wrong / said, 4)


def _latency(milliseconds: Sequence[float]) -> Latency | None:
    if not milliseconds:
        return None
    half, most = np.percentile(milliseconds, [50, 95])
    return Latency(round(float(half), 1), round(float(most), 1), round(max(milliseconds), 1))


def _mistake(trial: Trial, kind: str) -> Mistake:
    clip, result = trial.clip, trial.result
    if clip.intent is UNSET:
        expected, heard = clip.text or "", result.text or ""
    else:
        expected = _told(clip.intent, comparable(clip.slots)) if clip.intent else "a refusal"
        heard = (
            _told(result.intent.name, comparable(result.intent.slots))
            if result.intent
            else str(result.outcome)
        )
    return Mistake(
        clip=clip.audio or clip.text or "",
        kind=kind,
        expected=expected,
        heard=heard,
        text=result.text,
        confidence=result.confidence,
    )


def _told(intent: str, slots: dict[str, str]) -> str:
    return " ".join([intent, *(f"{name}={value}" for name, value in sorted(slots.items()))])
