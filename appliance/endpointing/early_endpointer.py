"""Early endpointing: chooses the pause that ends an utterance by the words that were said."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from appliance.endpointing.endpointer import Endpointer, EndpointEvent, EndpointPolicy, frames_in
from appliance.endpointing.speaker_level import BACKGROUND_FRAMES, SPEAKER_GONE_FRAMES, SpeakerLevel
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Samples, SentenceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import ListeningSettings
    from appliance.recognition.early_verdict import EarlyVerdict

REQUEST_AFTER_FRAMES = 2
"""Frames (64 ms) without speech after which a verdict is requested."""

THOROUGH_AFTER_FRAMES = 11
"""Frames (352 ms) without any voice after which a thorough verdict is requested if the quick one
found nothing. The work, which is needed in any case, is then done during the rest of the pause."""

REPEAT_AFTER_FRAMES, REPEAT_UNTIL_FRAMES = 4, 10
"""Frames (128 ms) after which a verdict on a sentence that could go on is requested again, and
frames (320 ms) without speech up to which this helps: more silence sounds more like the end."""

COMPLETE_PAUSE_FRAMES = 3
"""Frames (96 ms) without speech that end a sentence which cannot go on; the detector needs them to
be sure of the end of a word."""

BACKGROUND_TAIL_FRAMES = 3
"""Frames of background speech that are recognised, too, because they may have the speaker's last
sound."""

FINAL = (SentenceProgress.COMPLETE, SentenceProgress.SOUNDS_OVER)
"""States of a complete sentence that does not go on."""

SENTENCE = (*FINAL, SentenceProgress.COULD_GO_ON)
"""States of a complete sentence."""


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class _VerdictRequest:
    samples: Samples
    speech_frames: int
    """Number of frames with the speaker's speech at the request; the mark."""
    voiced_frames: int
    """Number of frames with any speech, background speech included."""
    trailing_frames: int
    """Number of frames without speech at the end."""
    thorough: bool


_NO_REQUEST = _VerdictRequest(np.zeros(0, dtype=np.float32), 0, 0, 0, thorough=False)


class EarlyVerdictSource(Protocol):
    """Source of verdicts on an unfinished sentence; a newer request replaces an older one."""

    @property
    def pending(self) -> bool:
        """Whether a request has no answer yet."""

    @property
    def verdict(self) -> EarlyVerdict | None:
        """The newest answer, or None since `reset`."""

    def request(self, samples: Samples, mark: int, *, thorough: bool = False) -> None:
        """Ask for a verdict on a sentence that is still being spoken.

        `mark` is the number of its frames with speech; the verdict carries it. `thorough` asks
        for the effort that a finished sentence gets.
        """

    def pending_thorough(self, mark: int) -> Samples | None:
        """The sound of a thorough request of this mark that has no answer yet."""

    def cancel(self) -> None:
        """Cancel the request, because more is being said."""

    def reset(self) -> None:
        """Cancel the request and forget the verdict, because another sentence begins."""


class EarlyEndpointer:
    """Decides per frame whether an utterance is over; without `source` by the pause only."""

    def __init__(self, settings: ListeningSettings, source: EarlyVerdictSource | None) -> None:
        self._endpointer = Endpointer.of(settings)
        self._source = source
        self._pause_frames = {
            SentenceProgress.COMPLETE: COMPLETE_PAUSE_FRAMES,
            SentenceProgress.SOUNDS_OVER: frames_in(settings.over_pause_ms / 1000),
            SentenceProgress.COULD_GO_ON: frames_in(settings.short_pause_ms / 1000),
            SentenceProgress.INCOMPLETE: frames_in(settings.long_pause_ms / 1000),
            SentenceProgress.UNKNOWN: frames_in(settings.pause_ms / 1000),
        }
        self._until_release = False
        self._speaker = SpeakerLevel()
        self._speaker_gone = False
        self._progress = SentenceProgress.UNKNOWN
        self._requests = deque([_NO_REQUEST], maxlen=4)
        """The last requests, the newest at the end."""
        self._last_sentence: EarlyVerdict | None = None
        """The newest verdict of a complete sentence."""
        self._background_since: int | None = None
        """Number of voiced frames before the background speech, if the newest request is about
        them."""

    @property
    def open(self) -> bool:
        """Whether an utterance may have begun and is not over."""
        return self._endpointer.open

    @property
    def in_speech(self) -> bool:
        """Whether an utterance is open and has lasted long enough to be speech."""
        return self._endpointer.open and self._endpointer.confirmed

    @property
    def counts(self) -> Endpointer:
        """The frame counts of the utterance, open or just ended. Read only."""
        return self._endpointer

    def reset(self, *, until_release: bool = False) -> None:
        """Drop an open utterance. With `until_release` no pause ends the next: `close` does."""
        self._endpointer.reset()
        self._until_release = until_release

    def feed(
        self, probability: float, frame: Samples, audio: Callable[[], Samples]
    ) -> EndpointEvent | None:
        """Take a frame and its probability of speech.

        `audio` gives the utterance from its pre-roll to this frame.
        """
        loudness = float(np.std(frame))
        background = self._speaker.is_background_frame(loudness)
        voiced_before = self._endpointer.voiced_frames
        event = self._endpointer.feed(probability, self._policy, background=background)
        if event is EndpointEvent.BEGAN:
            self._begin(loudness)
            voiced_before = 0
        if self._endpointer.voiced_frames > voiced_before:
            self._speaker.add_speech(loudness)
            gone = self._speaker.is_background(SPEAKER_GONE_FRAMES)
            self._speaker_gone = gone and not self._until_release
        if not self.in_speech:
            return event
        if self._source is not None and not self._until_release:
            self._update(self._source, audio)
        # A verdict that has just come may make the pause long enough.
        return self._endpointer.close_if_over(self._policy)

    def close(self) -> EndpointEvent:
        """End the open utterance, whatever was heard."""
        return self._endpointer.close(self._policy)

    def recognised(self) -> Samples | None:
        """The sound that was, or is being, recognised as the whole sentence."""
        if self._source is None or self._until_release:
            return None
        if self._speaker_gone:
            is_final = self._foreground_is_final(self._source.verdict)
            return self._newest.samples if is_final else None
        verdict = self._current_verdict(self._source)
        if verdict is not None and verdict.progress in SENTENCE:
            return verdict.samples
        if self._newest.voiced_frames != self._endpointer.voiced_frames:
            return None  # a fainter word came after the request
        if verdict is not None and verdict.thorough:
            return verdict.samples
        return self._source.pending_thorough(self._endpointer.speech_frames)

    def trailing_frames(self, recognised: Samples | None) -> int:
        """Number of frames without speech at the end of `recognised`'s sound; None: all of it."""
        request = None if recognised is None else self._request_for(recognised)
        return self._endpointer.frames_since_speech if request is None else request.trailing_frames

    @property
    def background_frames(self) -> int:
        """Number of frames at the end of the utterance that are certainly not the speaker's."""
        return SPEAKER_GONE_FRAMES - BACKGROUND_FRAMES if self._speaker_gone else 0

    @property
    def _policy(self) -> EndpointPolicy:
        pause_frames = self._pause_frames[self._progress]
        return EndpointPolicy(
            self._endpointer.maximum_frames if self._until_release else pause_frames,
            is_sentence=self._progress in SENTENCE,
            is_final=self._progress in FINAL,
            speaker_gone=self._speaker_gone,
        )

    @property
    def _newest(self) -> _VerdictRequest:
        return self._requests[-1]

    def _begin(self, loudness: float) -> None:
        self._speaker.begin(loudness)
        self._speaker_gone = False
        self._progress = SentenceProgress.UNKNOWN
        self._requests.clear()
        self._requests.append(_NO_REQUEST)
        self._last_sentence = self._background_since = None
        if self._source is not None:
            self._source.reset()

    def _update(self, source: EarlyVerdictSource, audio: Callable[[], Samples]) -> None:
        """Follow the newest verdict, and request another if it is time."""
        counts, paused = self._endpointer, self._endpointer.frames_since_speech
        verdict = self._current_verdict(source)
        self._progress = SentenceProgress.UNKNOWN if verdict is None else verdict.progress
        new_speech = self._newest.speech_frames != counts.speech_frames
        if source.pending and new_speech and self._background_since is None:
            source.cancel()
        if paused >= REQUEST_AFTER_FRAMES and new_speech:
            source.cancel()
            self._request(source, audio())
        elif source.pending:
            pass
        elif paused >= REQUEST_AFTER_FRAMES:
            self._request_again(source, audio)
        else:
            self._request_foreground(source, audio)

    def _request_again(self, source: EarlyVerdictSource, audio: Callable[[], Samples]) -> None:
        """Request another verdict on the same speech, after a longer pause."""
        counts, newest = self._endpointer, self._newest
        if self._progress in FINAL:
            return
        # The last word may have faded away after the request.
        silent = counts.frames_since_voice
        faded = silent >= REQUEST_AFTER_FRAMES and newest.voiced_frames != counts.voiced_frames
        if self._progress in SENTENCE:
            due = newest.trailing_frames + REPEAT_AFTER_FRAMES
            if faded or due <= min(counts.frames_since_speech, REPEAT_UNTIL_FRAMES):
                self._request(source, audio())
            return
        thorough = silent >= THOROUGH_AFTER_FRAMES and (faded or not newest.thorough)
        if faded or thorough:
            self._request(source, audio(), thorough=thorough)

    def _request_foreground(self, source: EarlyVerdictSource, audio: Callable[[], Samples]) -> None:
        """While background speech goes on, ask whether a sentence was said before it."""
        voiced_frames = self._endpointer.voiced_frames
        due = True
        if self._background_since is not None:
            lasted = voiced_frames - self._background_since
            if not self._speaker.is_background(lasted):
                self._background_since = None  # it was the speaker's voice
            elif self._foreground_is_final(source.verdict):
                # In the middle of a word, the end of the sentence may have been a guess.
                due = False
                self._speaker_gone = lasted >= self._pause_frames[SentenceProgress.INCOMPLETE]
            else:
                due = lasted >= 2 * BACKGROUND_FRAMES
        if due and self._speaker.is_background(BACKGROUND_FRAMES):
            cut = BACKGROUND_FRAMES - BACKGROUND_TAIL_FRAMES
            self._request(source, audio()[: -cut * FRAME_SAMPLES])
            self._background_since = voiced_frames - BACKGROUND_FRAMES

    def _foreground_is_final(self, verdict: EarlyVerdict | None) -> bool:
        """Whether the speech before the background speech is a complete sentence."""
        if verdict is None or self._background_since is None:
            return False
        return verdict.samples is self._newest.samples and verdict.progress in FINAL

    def _request(
        self, source: EarlyVerdictSource, samples: Samples, *, thorough: bool = False
    ) -> None:
        counts = self._endpointer
        request = _VerdictRequest(
            samples,
            counts.speech_frames,
            counts.voiced_frames,
            counts.frames_since_speech,
            thorough,
        )
        self._requests.append(request)
        self._background_since = None
        source.request(samples, request.speech_frames, thorough=thorough)

    def _request_for(self, samples: Samples) -> _VerdictRequest | None:
        return next((one for one in self._requests if one.samples is samples), None)

    def _current_verdict(self, source: EarlyVerdictSource) -> EarlyVerdict | None:
        """The progress of the sentence, unless more has been said since the request."""
        verdict = source.verdict
        if verdict is None or verdict.mark != self._endpointer.speech_frames:
            return None
        if verdict.progress in SENTENCE:
            self._last_sentence = verdict
        elif self._last_sentence is not None and self._still_holds(self._last_sentence, verdict):
            return self._last_sentence
        return verdict

    def _still_holds(self, sentence: EarlyVerdict, later: EarlyVerdict) -> bool:
        """Whether the earlier verdict stays valid after a later one that finds no sentence.

        It does not if a fainter word was heard in between and the whole is the beginning of a
        sentence: "to", and then "fifty". Otherwise the word may be somebody else's.
        """
        if sentence.mark != later.mark:
            return False
        first, second = self._request_for(sentence.samples), self._request_for(later.samples)
        heard = first is None or second is None or first.voiced_frames != second.voiced_frames
        return not heard or later.progress is SentenceProgress.UNKNOWN
