"""Engines that say what they are told to: for tests, and for a look at the rest without models."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from appliance.errors import Interrupted
from appliance.values import Completion, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from appliance.values import Samples


class ScriptedTranscriber:
    """Gives the next line of its script for every sound; raises a line that is an error."""

    def __init__(
        self, script: Iterable[str | Transcript | Exception], name: str = "scripted"
    ) -> None:
        self.name = name
        self._script = deque(script)
        self.heard: list[Samples] = []

    def transcribe(self, samples: Samples, language: str) -> Transcript:
        self.heard.append(samples)
        line = self._script.popleft()
        if isinstance(line, Exception):
            raise line
        return line if isinstance(line, Transcript) else Transcript(line, language)


class ScriptedLanguageModel:
    """Writes the next line of its script, a word as a token; raises a line that is an error."""

    def __init__(self, script: Iterable[str | Exception], name: str = "scripted") -> None:
        self.name = name
        self._script = deque(script)
        self.asked: list[str] = []

    def complete(self, text: str, stopping: Callable[[], bool]) -> Completion:
        self.asked.append(text)
        line = self._script.popleft()
        if isinstance(line, Exception):
            raise line
        words = line.split()
        for _ in words:
            if stopping():
                raise Interrupted("the appliance stops")
        prompt = len(text.split())
        return Completion(line, prompt_tokens=prompt, cached_tokens=0, generated_tokens=len(words))
