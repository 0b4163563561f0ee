"""Asks what a sentence means while it is spoken, and says how long a pause ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from appliance.audio.endpoint import frames_in
from appliance.values import SoFar

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.audio.endpoint import Endpoint
    from appliance.audio.meaning import Verdict
    from appliance.config import Listening
    from appliance.values import Samples

ASK_AFTER = 2
"""Frames (64 ms) without speech after which it is asked what the sentence is so far."""

STUDY_AFTER = 11
"""Frames (352 ms) of stillness after which what nobody recognised at a glance is looked at with
all the effort of a sentence that is over: the rest of the pause is spent on what follows it."""

ACT_AFTER = 3
"""Frames (96 ms) without speech that end a sentence which cannot go on; the detector is sure of
the end of a word only then."""

WHOLE = (SoFar.COMPLETE, SoFar.SOUNDS_OVER, SoFar.COULD_GO_ON)
"""What is one of the sentences already."""


class Considering(Protocol):
    """Says what a sentence is while it is still being spoken; see Meaning."""

    @property
    def busy(self) -> bool:
        """Whether the answer to a question is still to come."""

    @property
    def verdict(self) -> Verdict | None:
        """The newest answer, or None since `forget`."""

    def ask(self, samples: Samples, mark: int, *, thorough: bool = False) -> None:
        """Have a sentence looked at that is still being spoken."""

    def studied(self, mark: int) -> Samples | None:
        """The sound of a thorough question whose answer is still to come."""

    def withdraw(self) -> None:
        """More is being said: what was asked before is of no use."""

    def forget(self) -> None:
        """Another sentence begins."""


class Outlook:
    """Belongs to one endpoint, and sets its pause. Without `meaning` that is always the same."""

    def __init__(
        self, endpoint: Endpoint, settings: Listening, meaning: Considering | None
    ) -> None:
        self._endpoint = endpoint
        self._meaning = meaning
        self._pause = endpoint.pause
        self._held = False
        self._pauses = {
            SoFar.COMPLETE: ACT_AFTER,
            SoFar.SOUNDS_OVER: frames_in(settings.over_pause_ms / 1000),
            SoFar.COULD_GO_ON: frames_in(settings.short_pause_ms / 1000),
            SoFar.INCOMPLETE: frames_in(settings.long_pause_ms / 1000),
            SoFar.UNKNOWN: endpoint.pause,
        }
        self._asked = (0, 0)
        self._studied = False
        self.asked_at = 0
        """Frames without speech at the end of the sound that was asked about last."""

    def wait_for_release(self, *, held: bool) -> None:
        """Whether no pause ends the sentence, since whoever speaks says when it is over."""
        self._held = held
        self._endpoint.pause = self._endpoint.maximum if held else self._pause

    def begin(self) -> None:
        """A sentence begins."""
        self.wait_for_release(held=self._held)
        self._asked, self._studied = (0, 0), False
        if self._meaning is not None:
            self._meaning.forget()

    def consider(self, so_far: Callable[[], Samples]) -> None:
        """Ask what the sentence is so far, and let the answer say how long a pause ends it."""
        endpoint, meaning = self._endpoint, self._meaning
        if meaning is None or self._held:
            return
        verdict = self._verdict()
        what = SoFar.UNKNOWN if verdict is None else verdict.so_far
        endpoint.pause = self._pauses[what]
        endpoint.whole = what in WHOLE
        endpoint.settled = what in (SoFar.COMPLETE, SoFar.SOUNDS_OVER)
        if meaning.busy and self._asked[0] != endpoint.speech:
            meaning.withdraw()
        if endpoint.quiet >= ASK_AFTER and self._asked[0] != endpoint.speech:
            self._ask(so_far(), thorough=False)
        elif not meaning.busy and not endpoint.whole and not self._studied:
            # The last word may have faded away behind the question.
            faded = endpoint.still >= ASK_AFTER and self._asked[1] != endpoint.voiced
            study = endpoint.still >= STUDY_AFTER
            if self._asked[0] == endpoint.speech and (faded or study):
                self._ask(so_far(), thorough=study)

    def known(self) -> Samples | None:
        """The sound that has been understood already as what is over now, or is about to be."""
        if self._meaning is None or self._held:
            return None
        verdict = self._verdict()
        if verdict is not None and (verdict.thorough or verdict.so_far in WHOLE):
            return verdict.samples
        return self._meaning.studied(self._endpoint.speech)

    def _ask(self, samples: Samples, *, thorough: bool) -> None:
        endpoint = self._endpoint
        self._asked, self._studied = (endpoint.speech, endpoint.voiced), thorough
        self.asked_at = endpoint.quiet
        if self._meaning is not None:
            self._meaning.ask(samples, endpoint.speech, thorough=thorough)

    def _verdict(self) -> Verdict | None:
        """What the sentence is, unless more has been said since that was asked."""
        verdict = None if self._meaning is None else self._meaning.verdict
        return verdict if verdict is not None and verdict.mark == self._endpoint.speech else None
