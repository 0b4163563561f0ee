"""The demo around the daemon: sample recordings as the microphone, and everything printed."""

from __future__ import annotations

import logging
import queue
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Self

import msgspec

from appliance.audio.decoder_process import decode_recording
from appliance.audio.microphone import SoundCardMicrophone
from appliance.client import Watcher
from appliance.demo.file_microphone import FileMicrophone
from appliance.errors import UNREADABLE_JSON, MicrophoneError
from appliance.evaluation import manifest
from appliance.evaluation.manifest import SAMPLES
from appliance.events import UtteranceHeard
from appliance.jobs.result_for_terminal import readable
from appliance.messages.topics import Topics
from appliance.mqtt import credentials
from appliance.page.access import PageAccess
from appliance.values import Result

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.config import Config
    from appliance.events import Event

logger = logging.getLogger(__name__)

SILENCE_S = 1.5
"""Seconds between two samples."""

LAST_RESULT_S = 120.0
"""Time limit for the result of the last sample; a language model on a small board is slow."""


class Demo:
    """Plays the samples and prints events: a companion of the daemon, and an observer."""

    def __init__(self, config: Config, *, once: bool = False) -> None:
        """`once` ends the daemon after the samples, and never opens a microphone.

        Raises:
            ManifestError: the samples are not there.

        """
        self._config = config
        self._once = once
        self._topics = Topics.of(config)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._clips = manifest.read(SAMPLES / "manifest.jsonl")
        self._playing: int | None = None
        self.microphone = self._choose_microphone()
        """The played recordings; None if the sound card is used."""
        self._arrived: queue.SimpleQueue[tuple[float, str, bytes]] = queue.SimpleQueue()
        self._spoken: dict[str, tuple[float, int | None]] = {}
        """End of speech (monotonic) and sample, by the utterance's id."""
        self._results: dict[int, list[Result]] = defaultdict(list)
        self._give_up_at: float | None = None
        self._refusal: str | None = None
        self._over = False
        self._page_is_shown = False
        self._watcher = Watcher(
            config.broker_host,
            config.broker_port,
            f"{config.root}/#",
            self._on_message,
            username=config.mqtt.username or None,
            password=credentials.password(config.mqtt),
            tls=credentials.tls_context(config.mqtt),
            version=config.mqtt.version,
        )

    def __enter__(self) -> Self:
        self._watcher.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watcher.__exit__(None, None, None)

    def on_event(self, event: Event) -> None:
        if isinstance(event, UtteranceHeard):
            utterance = event.utterance
            self._spoken[utterance.id] = (utterance.speech_ended, self._playing)

    def exit_status(self) -> int | None:
        """Print what has happened; the exit status once a demo of `once` is over."""
        while not self._lines.empty():
            print(self._lines.get(), flush=True)
        self._print_page_once()
        self._print_refusal()
        while not self._arrived.empty():
            self._print_message(*self._arrived.get())
        played = self.microphone is not None and self.microphone.ended.is_set()
        if self._over or not played or not self._all_answered():
            return None
        self._over = True
        if self._once:
            return self._judge()
        self._print_end_of_samples()
        return None

    def _choose_microphone(self) -> FileMicrophone | None:
        """The samples, as if they were spoken, unless a microphone can be opened."""
        if not self._once:
            if self._config.listening.trigger == "off":
                return None
            card = SoundCardMicrophone(
                self._config.microphone.device, self._config.microphone.channel
            )
            try:
                card.open()
            except MicrophoneError as error:
                self._lines.put(
                    f"no microphone ({error}); the sample recordings are played instead"
                )
            else:
                card.close()
                self._lines.put(
                    "the microphone is open: say something, e.g. turn on the kitchen light"
                )
                return None
        return FileMicrophone(
            [decode_recording(path, maximum_seconds=60.0) for path in self._paths()],
            silence_seconds=SILENCE_S,
            on_recording=self._on_recording,
        )

    def _paths(self) -> list[Path]:
        return [SAMPLES / clip.audio for clip in self._clips if clip.audio is not None]

    def _on_recording(self, index: int) -> None:
        self._lines.put(f"playing {self._clips[index].audio}")
        self._playing = index

    def _on_message(self, topic: str, payload: bytes) -> None:
        self._arrived.put((time.monotonic(), topic, payload))

    def _print_refusal(self) -> None:
        refusal = self._watcher.refusal
        if refusal != self._refusal:
            self._refusal = refusal
            if refusal is not None:
                print(f"the broker does not let us see what is published: {refusal}", flush=True)

    def _print_message(self, arrived: float, topic: str, payload: bytes) -> None:
        if topic != self._topics.result and not topic.startswith(self._topics.intent("")):
            return
        try:
            result = msgspec.json.decode(payload, type=Result)
        except UNREADABLE_JSON:
            logger.warning("unexpected payload on %s: it is not a result", topic)
            return
        ended, sample = self._spoken.get(result.id, (None, None))
        if topic == self._topics.result:
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

    def _print_page_once(self) -> None:
        """Where the page is, after everything has started."""
        if not self._page_is_shown and not self._once:
            self._page_is_shown = True
            self._print_page()

    def _print_page(self) -> None:
        if not self._config.page.listen:
            return
        scheme = "https" if self._config.page.certificate_file else "http"
        file = PageAccess(self._config.state_directory).password_path
        password = file.read_text("utf-8").strip() if file.exists() else "the one that you made"
        print(f"the page: {scheme}://{self._config.page.listen}/  password: {password}", flush=True)

    def _all_answered(self) -> bool:
        self._give_up_at = self._give_up_at or time.monotonic() + LAST_RESULT_S
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

    def _print_end_of_samples(self) -> None:
        print(
            "\nThat was the last sample. The appliance goes on: send it requests, or connect a "
            "microphone and start it again. Ctrl-C stops it.",
            flush=True,
        )
        self._print_page()
