"""The figures of `evaluate`, and what counts as correct."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from appliance.errors import ManifestError
from appliance.evaluation import manifest
from appliance.evaluation.manifest import Clip
from appliance.evaluation.scores import EvaluatedClip, summarise
from appliance.values import Intent, Outcome, Result, Source, Trigger

LAMP = Clip(audio="a.wav", intent="On", slots={"area": "Kitchen"})
NOTHING = Clip(audio="b.wav", intent=None)


def result(
    name: str | None = None, text: str | None = None, outcome: Outcome | None = None, **slots: Any
) -> Result:
    return Result(
        id="1",
        source=Source.SPEECH,
        trigger=Trigger.FILE,
        language="en",
        outcome=outcome or (Outcome.INTENT if name else Outcome.NOT_UNDERSTOOD),
        text=text,
        intent=Intent(name, slots) if name else None,
        at="2026-01-01T00:00:00Z",
    )


def summary(*pairs: tuple[Clip, Result], latency: float = 100.0) -> Any:
    return summarise([EvaluatedClip(clip, given, latency, 2.0) for clip, given in pairs], 100.0)


@pytest.mark.parametrize(
    ("clip", "given", "kind"),
    [
        (LAMP, result("On", area="kitchen"), None),
        (LAMP, result("On", area="bedroom"), "wrong_action"),
        (LAMP, result("On", area="kitchen", floor="first"), "wrong_action"),
        (LAMP, result("On"), "wrong_action"),
        (LAMP, result("Off", area="kitchen"), "wrong_action"),
        (LAMP, result(), "false_reject"),
        (NOTHING, result(), None),
        (NOTHING, result(outcome=Outcome.NO_SPEECH), None),
        (NOTHING, result("On", area="kitchen"), "false_accept"),
    ],
)
def test_a_clip_is_correct_when_intent_and_exactly_the_slots_are_equal(
    clip: Clip, given: Result, kind: str | None
) -> None:
    figures = summary((clip, given))
    assert [mistake.kind for mistake in figures.errors] == ([kind] if kind else [])
    assert figures.correct == (kind is None)
    assert figures.accuracy == float(kind is None)


def test_clips_that_mean_no_intent_count_for_words_alone() -> None:
    figures = summary(
        (Clip(audio="c.wav", text="Turn it on, please."), result(text="turn it on")),
        (Clip(audio="d.wav", text="five"), result(text="nine")),
    )
    assert figures.accuracy is None
    assert figures.wer == pytest.approx(2 / 5)
    assert [mistake.kind for mistake in figures.errors] == ["words", "words"]


def test_figures_about_nothing_are_null_and_not_zero() -> None:
    figures = summarise([], 0.0)
    assert (figures.accuracy, figures.wer, figures.latency_ms) == (None, None, None)
    assert figures.realtime_factor is None


def test_latency_and_real_time_are_over_all_clips() -> None:
    figures = summary((LAMP, result()), (LAMP, result()), latency=500.0)
    assert (figures.latency_ms.p50, figures.latency_ms.max) == (500.0, 500.0)
    assert figures.realtime_factor == pytest.approx(0.25)


def test_words_are_compared_without_capitals_and_punctuation() -> None:
    clip = Clip(audio="c.wav", text="What's UP, doc? It is 62 %.")
    figures = summary((clip, result(text="whats up doc it is 62 percent")))
    assert (figures.wer, figures.errors) == (0.0, [])


def test_a_manifest_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(
        '{"audio": "a.wav", "intent": "On", "note": "ours"}\n\n'
        '{"audio": "b.wav", "intent": null}\n{"text": "hello"}\n'
    )
    clips = manifest.read(path)
    assert [clip.intent for clip in clips] == ["On", None, UNSET]
    assert clips[2].audio is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "`audio` and `text` are both missing"),
        ('{"audio": 7}', "audio"),
        ("{", "truncated"),
        ("\xff", "malformed"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"audio": "a.wav"}\n' + text.encode("latin-1"))
    with pytest.raises(ManifestError, match=said) as caught:
        manifest.read(path)
    assert f"{path}:2:" in str(caught.value)


def test_a_manifest_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        manifest.read(tmp_path / "none.jsonl")


def test_one_result_must_be_as_expected_and_silence_may_have_none() -> None:
    silence = Clip(audio="s.wav", intent=None, outcome=Outcome.NO_SPEECH)
    assert manifest.is_as_expected(silence, [])
    assert not manifest.is_as_expected(silence, [result()])
    assert not manifest.is_as_expected(LAMP, [])
    right = result("On", area="kitchen")
    assert manifest.is_as_expected(LAMP, [right])
    assert not manifest.is_as_expected(LAMP, [right, right])
    assert manifest.is_as_expected(NOTHING, [result(outcome=Outcome.ANSWER)])
    assert not manifest.is_as_expected(NOTHING, [right])


def test_a_clip_without_an_expectation_is_not_a_mistake() -> None:
    figures = summary((Clip(audio="a.wav"), result("On", "turn it on", area="kitchen")))
    assert (figures.clips, figures.accuracy, figures.wer, figures.errors) == (1, None, None, [])
    assert figures.latency_ms is not None


def test_a_manifest_may_begin_with_the_mark_of_a_windows_editor(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"audio": "a.wav", "intent": null}\r\n')
    assert manifest.read(path) == [Clip(audio="a.wav", intent=None)]
