"""The figures of an evaluation: accuracy, word error rate, latency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec import UNSET
from rapidfuzz.distance import Levenshtein

from appliance.evaluation.manifest import comparable, expected_commands, is_as_meant
from appliance.text.normalise import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from appliance.evaluation.manifest import Clip
    from appliance.values import Result


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from the end of the sound (or the arrival of the text) to the result."""

    p50: float
    p95: float
    max: float


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """A clip whose result is not the expected one."""

    clip: str
    kind: str
    """`wrong_action`, `false_reject`, `false_accept` or `words`."""
    expected: str
    heard: str
    text: str | None
    confidence: float | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What `appliance evaluate` prints. A figure over no clips is null."""

    clips: int
    correct: int
    """Intent and all slots are equal, or it was rejected as expected."""
    accuracy: float | None
    """`correct` as a share of the clips that have an expected intent or rejection."""
    wrong_action: int
    """The intent or a slot is another one than expected."""
    false_reject: int
    """A declared sentence was rejected."""
    false_accept: int
    """Something that is not a declared sentence became an intent."""
    wer: float | None
    """Word error rate over the clips that have `text`."""
    latency_ms: Latency | None
    realtime_factor: float | None
    """Seconds of work per second of sound."""
    peak_rss_mb: float
    errors: list[Mistake]


@dataclass(frozen=True, slots=True)
class EvaluatedClip:
    """A clip and its result."""

    clip: Clip
    result: Result
    latency_ms: float
    audio_seconds: float | None
    """Seconds of sound; None for a text."""


def summarise(evaluated: Sequence[EvaluatedClip], peak_rss_mb: float) -> Summary:
    """All figures of an evaluation."""
    kinds = [_kind(one) for one in evaluated]
    judged = [
        kind for kind, one in zip(kinds, evaluated, strict=True) if one.clip.intent is not UNSET
    ]
    correct = judged.count("correct")
    sound = [one for one in evaluated if one.audio_seconds]
    seconds = sum(one.audio_seconds or 0.0 for one in sound)
    return Summary(
        clips=len(evaluated),
        correct=correct,
        accuracy=round(correct / len(judged), 4) if judged else None,
        wrong_action=kinds.count("wrong_action"),
        false_reject=kinds.count("false_reject"),
        false_accept=kinds.count("false_accept"),
        wer=_word_error_rate(evaluated),
        latency_ms=_latency([one.latency_ms for one in evaluated]),
        realtime_factor=(
            round(sum(one.latency_ms for one in sound) / 1000 / seconds, 4) if seconds else None
        ),
        peak_rss_mb=round(peak_rss_mb, 1),
        errors=[
            _mistake(one, kind)
            for one, kind in zip(evaluated, kinds, strict=True)
            if kind != "correct"
        ],
    )


def _kind(one: EvaluatedClip) -> str:
    clip, intent = one.clip, one.result.intent
    if clip.intent is UNSET and clip.text is None:
        return "correct"  # nothing is expected: only its latency counts
    if clip.intent is UNSET:
        return (
            "correct" if words_of(clip.text or "") == words_of(one.result.text or "") else "words"
        )
    if clip.intent is None:
        return "correct" if intent is None else "false_accept"
    if intent is None:
        return "false_reject"
    return "correct" if is_as_meant(clip, one.result) else "wrong_action"


def _word_error_rate(evaluated: Sequence[EvaluatedClip]) -> float | None:
    """Levenshtein distance in words over the words said, pooled over all clips."""
    spoken = [
        (words_of(t.clip.text), words_of(t.result.text or "")) for t in evaluated if t.clip.text
    ]
    said = sum(len(expected) for expected, _ in spoken)
    if not said:
        return None
    wrong = sum(Levenshtein.distance(expected, heard) for expected, heard in spoken)
    return round(wrong / said, 4)


def _latency(milliseconds: Sequence[float]) -> Latency | None:
    if not milliseconds:
        return None
    median, p95 = np.percentile(milliseconds, [50, 95])
    return Latency(round(float(median), 1), round(float(p95), 1), round(max(milliseconds), 1))


def _mistake(one: EvaluatedClip, kind: str) -> Mistake:
    clip, result = one.clip, one.result
    if clip.intent is UNSET:
        expected, heard = clip.text or "", result.text or ""
    else:
        expected = _commands_text(expected_commands(clip)) or "a rejection"
        heard = _commands_text((one.name, one.slots) for one in result.commands)
        heard = heard or str(result.outcome)
    return Mistake(
        clip=clip.audio or clip.text or "",
        kind=kind,
        expected=expected,
        heard=heard,
        text=result.text,
        confidence=result.confidence,
    )


def _commands_text(commands: Iterable[tuple[str, dict[str, Any]]]) -> str:
    return ", ".join(
        " ".join(
            [intent, *(f"{name}={value}" for name, value in sorted(comparable(slots).items()))]
        )
        for intent, slots in commands
    )
