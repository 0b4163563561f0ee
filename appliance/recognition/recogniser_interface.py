"""The interface of every recogniser: sound to one of the declared sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from appliance.values import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent, RunnerUp, Samples


@dataclass(frozen=True, slots=True)
class RecognisedSpeech:
    """The result of a recogniser for an utterance."""

    text: str
    """The words, also if they are not a declared sentence; empty if nobody spoke."""
    intents: tuple[Intent, ...] = ()
    """The intent, or several in their order; empty if no declared sentence was said."""
    confidence: float | None = None
    """Probability that `text` was said, 0.0 to 1.0."""
    by: str | None = None
    """The models that decided, joined by "+"."""
    runner_up: RunnerUp | None = None


class Recogniser(Protocol):
    """Recognises one of the declared sentences in sound."""

    name: str
    """The speech model's name in the catalogue."""

    def prepare(self, sentences: SentenceSet) -> object:
        """Compile `sentences` in advance, so that no speaker waits for it.

        Raises:
            SentencesError: they allow nothing, or name what is not there.

        """

    def recognise(
        self,
        samples: Samples,
        sentences: SentenceSet,
        stage: Callable[[str], None],
        must_stop: Callable[[], bool] = lambda: False,
        trigger: Trigger = Trigger.REQUEST,
    ) -> RecognisedSpeech:
        """Recognise one of `sentences`; EngineError if the engine fails.

        `stage` is called at the end of each step with the step's name, and takes its time.
        `trigger` is what started listening: it says how probable a command is.
        """
