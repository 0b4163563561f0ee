"""Keeps the last recordings in memory, if the owner has switched that on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from appliance.audio.decoder_process import decode_recording
from appliance.audio.encode import encoded
from appliance.events import JobFinished
from appliance.values import SAMPLE_RATE, ClientRequest, Operation, Request, Spoken, Utterance

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.events import Event
    from appliance.values import Job, Samples

MOST = 20
"""Maximum number of recordings."""

MOST_BYTES = 8_000_000
"""Maximum size of all of them; a minute has 2 MB."""


class RecentRecordings:
    """An observer: any thread may tell it, and any thread may ask. Nothing of it is on disk."""

    def __init__(self, config: Config) -> None:
        self.is_on = config.clips.keep
        self._maximum_seconds = config.requests.maximum_audio_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def on_event(self, event: Event) -> None:
        """Keep the recording of a finished job by the id of its result."""
        if self.is_on and isinstance(event, JobFinished):
            recording = _recording_of(event.job)
            if recording and len(recording) <= MOST_BYTES:
                self._keep(event.result.id, recording)

    def has(self, result_id: str) -> bool:
        """Whether a result's recording is kept."""
        return result_id in self._kept

    def samples(self, result_id: str) -> Samples | None:
        """The recording; None if it is not kept, or not any more.

        Raises:
            AudioError: a client's recording cannot be decoded.

        """
        with self._lock:
            recording = self._kept.get(result_id)
        if recording is None:
            return None
        return decode_recording(recording, maximum_seconds=self._maximum_seconds)

    def _keep(self, result_id: str, recording: bytes) -> None:
        with self._lock:
            self._kept[result_id] = recording
            while len(self._kept) > MOST or sum(map(len, self._kept.values())) > MOST_BYTES:
                self._kept.popitem(last=False)


def _recording_of(job: Job) -> bytes:
    """A sound file; empty if the job has no sound, or is a reply to a question."""
    match job:
        case Utterance(reply=False, samples=samples):
            return wav_of(samples)
        case ClientRequest(operation=Operation.RECOGNIZE, samples=samples) if samples is not None:
            return wav_of(samples)
        case Request(operation=Operation.RECOGNIZE, payload=payload):
            return payload
    return b""


def wav_of(samples: Samples) -> bytes:
    """A WAV file, 16 kHz, 16 bit."""
    return encoded(Spoken(samples, SAMPLE_RATE), "wav")
