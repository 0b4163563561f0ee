"""Early recognition of one speaker's sentence: the open request and the newest verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.recognition.early_verdict import EarlyVerdict

if TYPE_CHECKING:
    import threading

    from appliance.values import Samples, SentenceProgress


@dataclass(slots=True, eq=False)
class LookRequest:
    """A request for a look at a sentence."""

    samples: Samples
    mark: int
    thorough: bool
    withdrawn: bool = False


class EarlyLooks:
    """Requests early recognition of one speaker's sentence, without waiting.

    `request`, `cancel`, `reset` and the properties are for the thread that listens to this speaker
    (`endpointing.early_endpointer.EarlyVerdictSource`); `begin` and `conclude` are the service's.
    """

    def __init__(
        self, changed: threading.Condition, area: str = "", names: tuple[str, ...] = ()
    ) -> None:
        """`changed` belongs to the service and is notified of each request.

        `area` is the room of the speaker; empty: that of the appliance. `names` are added to the
        list of names.
        """
        self.area = area
        self.names = names
        self._changed = changed
        self._request: LookRequest | None = None
        self._in_progress: LookRequest | None = None
        self._verdict: EarlyVerdict | None = None

    def request(self, samples: Samples, mark: int, *, thorough: bool = False) -> None:
        """Request a look at a sentence that is still being spoken; a newer request replaces it."""
        with self._changed:
            self._request = LookRequest(samples, mark, thorough)
            self._changed.notify_all()

    @property
    def waits(self) -> bool:
        """Whether a request waits that has not begun."""
        return self._request is not None

    @property
    def pending(self) -> bool:
        """Whether a request has no answer yet."""
        return self._in_progress is not None or self._request is not None

    @property
    def verdict(self) -> EarlyVerdict | None:
        """The newest answer, or None since `reset`."""
        return self._verdict

    def pending_thorough(self, mark: int) -> Samples | None:
        """The sound of a thorough request without an answer yet; None without such a request."""
        with self._changed:
            request = self._request or self._in_progress
            same = request is not None and request.thorough and request.mark == mark
            return request.samples if request is not None and same else None

    def cancel(self) -> None:
        """Drop the open request, because more is being said."""
        with self._changed:
            self._request = None
            if self._in_progress is not None:
                self._in_progress.withdrawn = True

    def reset(self) -> None:
        """Start with another sentence; a later answer to an old request does not count."""
        with self._changed:
            self.cancel()
            self._verdict = None

    def begin(self) -> LookRequest | None:
        """Take the request that waits; it is in progress until `conclude`."""
        with self._changed:
            request, self._request = self._request, None
            self._in_progress = request
            return request

    def conclude(self, request: LookRequest, progress: SentenceProgress | None) -> None:
        """Keep the answer, unless it is not needed any more; None for no answer."""
        with self._changed:
            self._in_progress = None
            if progress is not None and not request.withdrawn:
                self._verdict = EarlyVerdict(
                    request.samples, request.mark, progress, request.thorough
                )
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait until no request is open; False if that takes longer than `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.pending, timeout_s)
