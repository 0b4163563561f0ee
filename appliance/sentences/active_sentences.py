"""The sentence set that is active now; a reload replaces it while the daemon runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.sentences.sentence_set import SentenceSet


class ActiveSentences:
    """Shared by everything that reads sentences. Any thread."""

    def __init__(self, sentences: SentenceSet) -> None:
        self._current = sentences

    @property
    def current(self) -> SentenceSet:
        """The set of this moment: keep it for as long as one job runs."""
        return self._current

    def replace(self, sentences: SentenceSet) -> None:
        """Make another set the active one; prepare it first (`Pipeline.prepare`)."""
        self._current = sentences
