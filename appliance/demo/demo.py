"""The first five minutes: samples where there is no microphone, and everything said aloud."""

from __future__ import annotations

import logging
import queue
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from appliance.audio import decode
from appliance.demo.file_microphone import FileMicrophone
from appliance.errors import MicrophoneError
from appliance.evaluation import manifest
from appliance.evaluation.manifest import SAMPLES
from appliance.jobs.result_text import readable
from appliance.values import Result

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.client import Watcher
    from appliance.messages.topics import Topics
    from appliance.protocols import Microphone
    from appliance.values import Utterance

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 1.5
"""Between two samples."""

LAST_RESULT_SECONDS = 120.0
"""How long the result of the last sample may take; a language model on a small board is slow."""


class Demo:
    """Plays, watches and prints; `turn` belongs to the caretaker, the rest to other threads."""

    def __init__(self, *, once: bool = False) -> None:
        """`once` ends the appliance after the samples, and never opens a microphone."""
        self.once = once
        self._clips: list[manifest.Clip] = []
        self._recordings: FileMicrophone | None = None
        self._playing: int | None = None
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._arrived: queue.SimpleQueue[tuple[float, str, bytes]] = queue.SimpleQueue()
        self._spoken: dict[str, tuple[float, int | None]] = {}
        """By the utterance's id: when its speech ended (monotonic), and which sample it was."""
        self._results: dict[int, list[Result]] = defaultdict(list)
        self._give_up_at: float | None = None
        self._refusal: str | None = None
        self.watcher: Watcher | None = None
        """How we look at the broker; told when it may not."""
        self._over = False

    def choose(self, card: Microphone) -> Microphone:
        """The microphone where there is one; else the samples, as if they were spoken."""
        if not self.once:
            try:
                card.open()
            except MicrophoneError as error:
                self._said.put(f"no microphone ({error}); the sample recordings are played instead")
            else:
                card.close()
                self._said.put(
                    "the microphone is open: say something, e.g. turn on the kitchen light"
                )
                return card
        self._clips = manifest.read(SAMPLES / "manifest.jsonl")
        self._recordings = FileMicrophone(
            [decode.decode(path, maximum_seconds=60.0) for path in self._paths()],
            silence_seconds=SILENCE_SECONDS,
            on_recording=self._on_recording,
        )
        return self._recordings

    def note(self, utterance: Utterance) -> None:
        """An utterance has been heard and goes to the worker."""
        self._spoken[utterance.id] = (utterance.speech_ended, self._playing)

    def on_message(self, topic: str, payload: bytes) -> None:
        """A message has come back from the broker."""
        self._arrived.put((time.monotonic(), topic, payload))

    def turn(self, topics: Topics) -> int | None:
        """Print what has happened; the exit status once a trial of `once` is over."""
        while not self._said.empty():
            print(self._said.get(), flush=True)
        self._tell_refusal()
        while not self._arrived.empty():
            self._tell(*self._arrived.get(), topics)
        if self._recordings is None or self._over or not self._recordings.ended.is_set():
            return None
        if not self._all_answered():
            return None
        self._over = True
        if self.once:
            return self._judge()
        self._end_of_samples()
        return None

    def _tell_refusal(self) -> None:
        refusal = None if self.watcher is None else self.watcher.refusal
        if refusal != self._refusal:
            self._refusal = refusal
            if refusal is not None:
                print(f"the broker does not let us see what is published: {refusal}", flush=True)

    def _paths(self) -> list[Path]:
        return [SAMPLES / clip.audio for clip in self._clips if clip.audio is not None]

    def _on_recording(self, index: int) -> None:
        self._said.put(f"playing {self._clips[index].audio}")
        self._playing = index

    def _tell(self, arrived: float, topic: str, payload: bytes, topics: Topics) -> None:
        if topic != topics.result and not topic.startswith(topics.intent("")):
            return
        try:
            result = msgspec.json.decode(payload, type=Result)
        except (msgspec.DecodeError, UnicodeDecodeError):
            logger.warning("somebody else published on %s what is no result", topic)
            return
        ended, sample = self._spoken.get(result.id, (None, None))
        if topic == topics.result:
            if sample is not None:
                self._results[sample].append(result)
            # The next sample may be playing by now, so a result names its own.
            name = "you" if sample is None else self._clips[sample].audio
            words, *more = readable(result)
            print(f"{name if ended else result.source}: {words}")
            for line in more:
                print(f"    {line}")
        after = "" if ended is None else f", {arrived - ended:.2f} s after the end of speech"
        print(f"    on {topic}{after}", flush=True)

    def _all_answered(self) -> bool:
        self._give_up_at = self._give_up_at or time.monotonic() + LAST_RESULT_SECONDS
        answered = sum(len(results) for results in self._results.values())
        return answered >= len(self._spoken) or time.monotonic() > self._give_up_at

    def _judge(self) -> int:
        wrong = [
            clip.audio or ""
            for index, clip in enumerate(self._clips)
            if not manifest.is_as_expected(clip, self._results[index])
        ]
        right = len(self._clips) - len(wrong)
        print(f"\n{right} of {len(self._clips)} samples gave what was expected", flush=True)
        if wrong:
            print(f"not as expected: {', '.join(wrong)}", file=sys.stderr)
        return 1 if wrong else 0

    def _end_of_samples(self) -> None:
        print(
            "\nThat was the last sample. The appliance goes on: send it requests, or connect a "
            "microphone and start it again. Ctrl-C stops it.",
            flush=True,
        )
