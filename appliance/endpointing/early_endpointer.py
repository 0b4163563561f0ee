"""Asks what a sentence means while it is spoken, and says how long a pause ends it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from appliance.endpointing.endpointer import frames_in
from appliance.endpointing.speaker_level import HUSH, LEFT, SpeakerLevel
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Samples, SentenceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import ListeningSettings
    from appliance.endpointing.endpointer import Endpointer
    from appliance.recognition.lookahead import EarlyVerdict

ASK_AFTER = 2
"""Frames (64 ms) without speech after which it is asked what the sentence is so far."""

STUDY_AFTER = 11
"""Frames (352 ms) of stillness after which what nobody recognised at a glance is looked at with
all the effort of a sentence that is over: the rest of the pause is spent on what follows it."""

AGAIN_AFTER, AGAIN_UNTIL = 4, 10
"""Frames (128 ms) after which a sentence that could go on is looked at again, and those (320 ms)
without speech up to which that pays: with more silence a voice sounds clearer that all is said."""

ACT_AFTER = 3
"""Frames (96 ms) without speech that end a sentence which cannot go on; the detector is sure of
the end of a word only then."""

OVER = (SentenceProgress.COMPLETE, SentenceProgress.SOUNDS_OVER)
"""What is one of the sentences, and goes on no more."""

WHOLE = (*OVER, SentenceProgress.COULD_GO_ON)
"""What is one of the sentences already."""


TAIL = 3
"""Frames of the fainter speech that are still looked at: the talker's last sound may be in them."""


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class _Asked:
    """A sound that was asked about."""

    samples: Samples
    quiet: int
    """Frames without speech at its end."""
    voiced: int
    """Frames with any speech in it, faint or not."""


class EarlyVerdictSource(Protocol):
    """Says what a sentence is while it is still being spoken; a newer request replaces an older."""

    @property
    def pending(self) -> bool:
        """Whether the answer to a request is still to come."""

    @property
    def verdict(self) -> EarlyVerdict | None:
        """The newest answer, or None since `reset`."""

    def request(self, samples: Samples, mark: int, *, thorough: bool = False) -> None:
        """Ask for a verdict on a sentence that is still being spoken.

        `mark` is the number of its frames with speech; the verdict carries it. `thorough` asks
        for the effort that a finished sentence gets.
        """

    def pending_thorough(self, mark: int) -> Samples | None:
        """The sound of a thorough request of this mark whose answer is still to come."""

    def cancel(self) -> None:
        """More is being said: what was requested before needs no answer."""

    def reset(self) -> None:
        """Another sentence begins: cancel, and forget the verdict."""


class EarlyEndpointer:
    """Belongs to one endpoint, and sets its pause. Without `meaning` that is always the same."""

    def __init__(
        self, endpoint: Endpointer, settings: ListeningSettings, meaning: EarlyVerdictSource | None
    ) -> None:
        self._endpoint = endpoint
        self._meaning = meaning
        self._pause = endpoint.pause
        self._held = False
        self._pauses = {
            SentenceProgress.COMPLETE: ACT_AFTER,
            SentenceProgress.SOUNDS_OVER: frames_in(settings.over_pause_ms / 1000),
            SentenceProgress.COULD_GO_ON: frames_in(settings.short_pause_ms / 1000),
            SentenceProgress.INCOMPLETE: frames_in(settings.long_pause_ms / 1000),
            SentenceProgress.UNKNOWN: endpoint.pause,
        }
        self._talker = SpeakerLevel()
        self._asked = (0, 0)
        self._studied = False
        self._samples: Samples | None = None
        self._whole: EarlyVerdict | None = None
        """The newest answer that called it a whole sentence."""
        self._before: tuple[Samples | None, int] | None = None
        """What was said before a fainter voice, and how many frames of speech that is."""
        self._asked_at = deque[_Asked](maxlen=4)

    def wait_for_release(self, *, held: bool) -> None:
        """Whether no pause ends the sentence, since whoever speaks says when it is over."""
        self._held = held
        self._endpoint.pause = self._endpoint.maximum if held else self._pause

    def begin(self) -> None:
        """A sentence begins."""
        self.wait_for_release(held=self._held)
        self._talker.begin()
        self._asked, self._studied, self._before = (0, 0), False, None
        self._whole = None
        self._asked_at.clear()
        if self._meaning is not None:
            self._meaning.reset()

    def hear(self, loudness: float) -> None:
        """Take the root mean square of a frame of speech."""
        self._talker.hear(loudness)
        self._endpoint.left = not self._held and self._talker.is_fainter(LEFT)

    def consider(self, so_far: Callable[[], Samples]) -> None:
        """Ask what the sentence is so far, and let the answer say how long a pause ends it."""
        endpoint, meaning = self._endpoint, self._meaning
        if meaning is None or self._held:
            return
        verdict = self._verdict()
        what = SentenceProgress.UNKNOWN if verdict is None else verdict.progress
        endpoint.pause = self._pauses[what]
        endpoint.whole = what in WHOLE
        endpoint.settled = what in OVER
        if meaning.pending and self._asked[0] != endpoint.speech and self._before is None:
            meaning.cancel()
        if endpoint.quiet >= ASK_AFTER and self._asked[0] != endpoint.speech:
            meaning.cancel()
            self._ask(so_far(), thorough=False)
        elif meaning.pending:
            pass
        elif endpoint.quiet >= ASK_AFTER:
            self._ask_again(so_far)
        else:
            self._consider_what_was_before(so_far)

    def _ask_again(self, so_far: Callable[[], Samples]) -> None:
        endpoint = self._endpoint
        if self._asked[0] != endpoint.speech or endpoint.settled:
            return
        # The last word may have faded away behind the question.
        faded = endpoint.still >= ASK_AFTER and self._asked[1] != endpoint.voiced
        if endpoint.whole:
            later = self._asked_at[-1].quiet + AGAIN_AFTER
            if faded or later <= min(endpoint.quiet, AGAIN_UNTIL):
                self._ask(so_far(), thorough=False)
            return
        study = endpoint.still >= STUDY_AFTER and (faded or not self._studied)
        if faded or study:
            self._ask(so_far(), thorough=study)

    def _consider_what_was_before(self, so_far: Callable[[], Samples]) -> None:
        """See, while a fainter voice goes on, whether a sentence was said before it."""
        endpoint = self._endpoint
        verdict = None if self._meaning is None else self._meaning.verdict
        again = True
        if self._before is not None:
            samples, voiced = self._before
            since = endpoint.voiced - voiced
            if not self._talker.is_fainter(since):
                self._before = None  # it was the talker's own voice
            elif verdict is not None and verdict.samples is samples and verdict.progress in OVER:
                # In the middle of a word it was perhaps guessed how the sentence ends.
                again, endpoint.left = False, since >= self._pauses[SentenceProgress.INCOMPLETE]
            else:
                again = since >= 2 * HUSH
        if again and self._talker.is_fainter(HUSH):
            self._ask(so_far()[: (TAIL - HUSH) * FRAME_SAMPLES], thorough=False)
            self._before = self._samples, endpoint.voiced - HUSH

    def known(self) -> Samples | None:
        """The sound that has been understood already as what is over now, or is about to be."""
        if self._meaning is None or self._held:
            return None
        if self._endpoint.left:
            verdict = self._meaning.verdict
            before = None if self._before is None else self._before[0]
            over = verdict is not None and verdict.samples is before and verdict.progress in OVER
            return before if over else None
        verdict = self._verdict()
        if verdict is not None and verdict.progress in WHOLE:
            return verdict.samples
        if self._asked[1] != self._endpoint.voiced:
            return None  # a softer word came behind what was asked about
        if verdict is not None and verdict.thorough:
            return verdict.samples
        return self._meaning.pending_thorough(self._endpoint.speech)

    def quiet_at_end_of(self, known: Samples | None) -> int:
        """Frames without speech at the end of what `known` gave; of all that was heard for None."""
        asked = None if known is None else self._asked_about(known)
        return self._endpoint.quiet if asked is None else asked.quiet

    def _asked_about(self, samples: Samples) -> _Asked | None:
        return next((one for one in self._asked_at if one.samples is samples), None)

    def _ask(self, samples: Samples, *, thorough: bool) -> None:
        endpoint = self._endpoint
        self._asked, self._studied = (endpoint.speech, endpoint.voiced), thorough
        self._samples, self._before = samples, None
        self._asked_at.append(_Asked(samples, endpoint.quiet, endpoint.voiced))
        if self._meaning is not None:
            self._meaning.request(samples, endpoint.speech, thorough=thorough)

    def _verdict(self) -> EarlyVerdict | None:
        """What the sentence is, unless more has been said since that was asked."""
        verdict = None if self._meaning is None else self._meaning.verdict
        if verdict is None or verdict.mark != self._endpoint.speech:
            return None
        if verdict.progress in WHOLE:
            self._whole = verdict
        elif self._whole is not None and self._still_holds(self._whole, verdict):
            return self._whole
        return verdict

    def _still_holds(self, whole: EarlyVerdict, later: EarlyVerdict) -> bool:
        """Whether a later look that finds no whole sentence takes nothing back.

        It does where a softer word was heard since, and what there is then begins a sentence:
        "to", and behind it "fifty". What begins none may be somebody else.
        """
        if whole.mark != later.mark:
            return False
        first, second = self._asked_about(whole.samples), self._asked_about(later.samples)
        heard = first is None or second is None or first.voiced != second.voiced
        return not heard or later.progress is SentenceProgress.UNKNOWN
