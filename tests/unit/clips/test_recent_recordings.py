"""Tests of the recordings in memory: only if they are switched on, and never too many."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.audio.encode import encoded
from appliance.clips import recent_recordings
from appliance.clips.recent_recordings import RecentRecordings
from appliance.config import ClipSettings, Config
from appliance.events import JobFinished
from appliance.values import (
    SAMPLE_RATE,
    ClientRequest,
    Job,
    Operation,
    Outcome,
    Request,
    Result,
    Source,
    Spoken,
    TextInput,
    Trigger,
    Utterance,
)

SOUND = np.linspace(-0.5, 0.5, SAMPLE_RATE, dtype=np.float32)
ON = Config(clips=ClipSettings(keep=True))


def finished(job: Job) -> JobFinished:
    ended = Result(
        id=job.id,
        source=Source.SPEECH,
        trigger=Trigger.ALWAYS,
        language="en",
        outcome=Outcome.NOT_UNDERSTOOD,
        at="2026-01-01T00:00:00Z",
    )
    return JobFinished(job, ended)


def utterance(name: str, *, reply: bool = False) -> Utterance:
    return Utterance(name, SOUND, Trigger.ALWAYS, 0.0, 0.0, reply=reply)


def test_nothing_is_kept_unless_the_owner_asked_for_it() -> None:
    recordings = RecentRecordings(Config())
    recordings.on_event(finished(utterance("a")))
    assert not recordings.is_on
    assert not recordings.has("a")
    assert recordings.samples("a") is None


def test_what_was_said_here_at_a_satellite_and_in_a_trial_is_kept_and_texts_are_not() -> None:
    recordings = RecentRecordings(ON)
    payload = encoded(Spoken(SOUND, SAMPLE_RATE), "wav")
    jobs: list[Job] = [
        utterance("here"),
        ClientRequest("trial", Operation.RECOGNIZE, samples=SOUND),
        Request("satellite", Operation.RECOGNIZE, payload),
    ]
    others: list[Job] = [
        utterance("yes", reply=True),
        ClientRequest("text", Operation.PARSE, text="turn on"),
        Request("words", Operation.TRANSCRIBE, payload),
        TextInput("typed", "turn on", Source.MQTT, Trigger.REQUEST),
    ]
    for job in (*jobs, *others):
        recordings.on_event(finished(job))
    for job in jobs:
        heard = recordings.samples(job.id)
        assert heard is not None
        assert np.allclose(heard, SOUND, atol=1e-3)
    assert not any(recordings.has(job.id) for job in others)


def test_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_recordings, "MOST", 3)
    recordings = RecentRecordings(ON)
    for name in "abcd":
        recordings.on_event(finished(utterance(name)))
    assert [name for name in "abcd" if recordings.has(name)] == ["b", "c", "d"]
    monkeypatch.setattr(recent_recordings, "MOST_BYTES", 70_000)
    recordings.on_event(finished(utterance("e")))
    assert [name for name in "abcde" if recordings.has(name)] == ["d", "e"]
    monkeypatch.setattr(recent_recordings, "MOST_BYTES", 10)
    recordings.on_event(finished(utterance("f")))
    assert not recordings.has("f")
