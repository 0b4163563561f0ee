"""The sentence set that is active now; a reload replaces it while the daemon runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from appliance.text.normalise import normalise

if TYPE_CHECKING:
    from appliance.sentences.sentence_set import SentenceSet

KEPT_ROOMS = 16
"""Rooms whose sets are kept: a sentence has the same set from its early looks to its end."""

KEPT_WIDENED = 3
"""Sets with names of clients that are kept; each has a grammar of its own."""


class ActiveSentences:
    """Shared by everything that reads sentences. Any thread."""

    def __init__(self, sentences: SentenceSet) -> None:
        self._current = sentences
        self._lock = threading.Lock()
        self._widened: dict[tuple[str, ...], SentenceSet] = {}
        self._placed: dict[tuple[str, tuple[str, ...]], SentenceSet] = {}
        """Sets by room and names, made from the current set, like `_widened`."""
        self.reload_asked = threading.Event()
        """Set after sentence files were written, so that they are read at once."""

    @property
    def current(self) -> SentenceSet:
        """The set of this moment: keep it for as long as one job runs."""
        return self._current

    def for_speaker(self, area: str, names: tuple[str, ...] = ()) -> SentenceSet:
        """The set of this moment for somebody in this room, with some names more.

        The same object for the same speaker, until others become active. An empty room is that of
        the appliance. Names that are new take a moment: their grammar is compiled.

        Raises:
            SentencesError: with these names it is more than a grammar can hold.

        """
        if not area and not names:
            return self._current
        with self._lock:
            key = (normalise(area), names)
            if key not in self._placed:
                base = self._with_names(names)
                _keep(self._placed, key, base.in_area(area) if area else base, KEPT_ROOMS)
            return self._placed[key]

    def _with_names(self, names: tuple[str, ...]) -> SentenceSet:
        if not names:
            return self._current
        if names not in self._widened:
            widened = self._current.with_names(names)
            _ = widened.grammar  # compiled now, and once for all rooms
            _keep(self._widened, names, widened, KEPT_WIDENED)
            for key in [one for one in self._placed if one[1] and one[1] not in self._widened]:
                del self._placed[key]
        return self._widened[names]

    def replace(self, sentences: SentenceSet) -> None:
        """Make another set the active one; prepare it first (`Pipeline.prepare`)."""
        with self._lock:
            self._current = sentences
            self._widened.clear()
            self._placed.clear()


def _keep(kept: dict[Any, SentenceSet], key: Any, sentences: SentenceSet, most: int) -> None:
    """Keep one more, and forget the oldest if there are too many."""
    kept[key] = sentences
    while len(kept) > most:
        del kept[next(iter(kept))]
