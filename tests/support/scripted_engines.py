"""Scripted engines in place of real models."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from typing import TYPE_CHECKING

from appliance.errors import Interrupted
from appliance.values import Completion, OptionScores, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from appliance.values import Pace, Question, Samples


class ScriptedTranscriber:
    """Returns the next line of its script for each recording; raises a line that is an error."""

    def __init__(
        self, script: Iterable[str | Transcript | Exception], name: str = "scripted"
    ) -> None:
        self.name = name
        self._script = deque(script)
        self.heard: list[Samples] = []

    def transcribe(
        self, samples: Samples, language: str, must_stop: Callable[[], bool] = lambda: False
    ) -> Transcript:
        self.heard.append(samples)
        line = self._script.popleft()
        if isinstance(line, Exception):
            raise line
        return line if isinstance(line, Transcript) else Transcript(line, language)

    def phrase_score(self, samples: Samples, phrase: str) -> float | None:
        return 0.0

    def use_pace(self, pace: Pace) -> None:
        pass


class ScriptedLanguageModel:
    """Writes the next line of its script, a word as a token; raises a line that is an error.

    `option_probabilities` gives by text the probabilities of its options; others share the rest.
    """

    def __init__(
        self,
        script: Iterable[str | Exception],
        name: str = "scripted",
        option_probabilities: Mapping[str, Mapping[str, float]] | None = None,
        certainty: float | None = None,
    ) -> None:
        self.name = name
        self.certainty = certainty
        self._script = deque(script)
        self._option_probabilities = option_probabilities or {}
        self.asked: list[Question] = []
        self.scored_options: list[tuple[str, tuple[str, ...]]] = []
        self.pauses = 0
        self.fault: str | None = None

    def complete(
        self,
        question: Question,
        must_stop: Callable[[], bool],
        on_token: Callable[[str | None], None] | None = None,
    ) -> Completion:
        self.asked.append(question)
        line = self._script.popleft()
        if isinstance(line, Exception):
            raise line
        words = line.split()
        for word in words:
            if must_stop():
                raise Interrupted("the appliance is stopping")
            if on_token is not None:
                on_token(word)
        prompt = len(question.turns[-1].split())
        return Completion(line, prompt, 0, len(words), certainty=self.certainty)

    def score_options(
        self, menu: str, text: str, options: Sequence[str], must_stop: Callable[[], bool]
    ) -> OptionScores:
        self.scored_options.append((text, tuple(options)))
        given = self._option_probabilities.get(text.removesuffix(" =>"), {})
        others = [option for option in options if option not in given]
        rest = max(1e-9, 1.0 - sum(given.values())) / max(1, len(others))
        return OptionScores(tuple(math.log(given.get(option, rest)) for option in options), 9, 5)

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        self.pauses += 1
        yield

    def restart_if_dead(self) -> None:
        pass

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    restarts = 0

    def use_threads(self, count: int) -> None:
        pass
