"""An open language model: what it has read once, what it writes, and what it weighs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.engines.llama.generation import Generation, Style
from appliance.engines.llama.option_scoring import OptionTree
from appliance.engines.llama.prefix_cache import PrefixCache
from appliance.engines.llama.prompt import Prompt
from appliance.engines.llama_library import BATCH, Cell, ModelError, Sequences, Weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

END = "\n"
"""Ends each line of a menu, and so each option."""

CHUNK = 64
"""Tokens that are read between two looks whether something else goes first."""

ANSWERS, MENU, FIRST_FREE = 0, 1, 2
"""Sequences: what all answers begin with, what all weighing begins with, and the others."""

NESTED = 4
"""Texts that may be written at once, one breaking into the other."""

WEIGHED = FIRST_FREE + NESTED
"""The sequence of the text that options are weighed behind; theirs are the next ones."""

OPTIONS = 58
"""Sequences for options that are weighed together."""

MENU_TOKENS = 1024
"""Room for what is read before options are weighed, and for the options."""


class LlamaModel:
    """A model that has read the fixed part of its prompt."""

    def __init__(
        self, path: str, settings: dict[str, Any], threads: int, states: str | None = None
    ) -> None:
        adapter = settings["adapter"]
        self._settings = settings
        self._weights = Weights(path)
        self._sequences = Sequences(
            self._weights,
            settings["context_tokens"] + MENU_TOKENS,
            WEIGHED + 1 + OPTIONS,
            threads,
        )
        if adapter:
            self._sequences.adapt(self._weights, adapter)
        self._prefixes = PrefixCache(
            Path(states) if states else None, Path(path), *([Path(adapter)] if adapter else [])
        )
        self._prompt = Prompt(self._weights, settings["system_prompt"], settings["chat_template"])
        self._menu: list[int] = []
        self._menu_said: str | None = None
        self._depth = 0
        if len(self._prompt.head) + settings["maximum_tokens"] >= settings["context_tokens"]:
            raise ModelError("the system prompt is longer than language_model.context_tokens")
        self.restored = self._know(self._prompt.head, ANSWERS)

    def work_with(self, threads: int) -> None:
        """From now on with so many threads."""
        self._sequences.work_with(threads)

    def _know(self, tokens: list[int], sequence: int) -> bool:
        """Have `tokens` in a sequence: from the disk, else by reading them."""
        state = self._prefixes.find(tokens)
        if state is not None and self._sequences.restore(sequence, state):
            return True
        self._sequences.forget(sequence)
        for _ in self._read(tokens, 0, sequence):
            pass
        self._prefixes.keep(tokens, self._sequences.save(sequence))
        return False

    def _read(
        self, tokens: list[int], begin: int, sequence: int
    ) -> Iterator[NDArray[np.float32] | None]:
        """Read `tokens[begin:]` chunk by chunk; with the last comes what may follow."""
        for start in range(begin, len(tokens), CHUNK):
            chunk = tokens[start : start + CHUNK]
            last = start + len(chunk) == len(tokens)
            cells = [
                Cell(token, start + index, (sequence,), last and index == len(chunk) - 1)
                for index, token in enumerate(chunk)
            ]
            scores = self._sequences.read(cells)
            yield scores[0] if scores else None

    def write(
        self, order: dict[str, Any], stopping: Callable[[], bool]
    ) -> Iterator[dict[str, Any]]:
        """The answer to `order["said"]`: `{"token": piece}` for each, then `{"done": {...}}`.

        Between two tokens another text may be written, or options weighed. What people said
        is read as plain text: a role marker in it is some characters, not a role.
        """
        said: list[str] = order["said"]
        prompt = self._prompt.tokens(said)
        style = Style.of(self._weights, self._settings, order)
        most = self._room(prompt, style)
        if self._depth >= NESTED:
            raise ModelError("too many texts are written at once")
        sequence = FIRST_FREE + self._depth
        self._depth += 1
        try:
            head = self._prompt.head
            cached = len(head) if prompt[: len(head)] == head and len(prompt) > len(head) else 0
            self._sequences.copy(ANSWERS, sequence)
            if not cached:
                self._sequences.forget(sequence)
            writing = Generation(self._weights, style, most)
            yield from self._follow(writing, prompt, cached, sequence, stopping)
            text = writing.finished()
            counts = {
                "prompt_tokens": len(prompt),
                "cached_tokens": cached,
                "generated_tokens": writing.generated,
            }
            yield {"done": {"text": text, **counts}}
        finally:
            self._depth -= 1
            self._sequences.forget(sequence)

    def _follow(
        self,
        writing: Generation,
        prompt: list[int],
        cached: int,
        sequence: int,
        stopping: Callable[[], bool],
    ) -> Iterator[dict[str, Any]]:
        scores = None
        for scores in self._read(prompt, cached, sequence):  # noqa: B007 (the last is wanted)
            yield {}
            if stopping():
                return
        length = len(prompt)
        while scores is not None and not stopping():
            tokens = writing.next(scores)
            if not tokens:
                return
            yield {"token": writing.last_words}
            if writing.over:
                return
            scores = self._sequences.read(
                [
                    Cell(token, length + index, (sequence,), index == len(tokens) - 1)
                    for index, token in enumerate(tokens)
                ]
            )[0]
            length += len(tokens)

    def _room(self, prompt: list[int], style: Style) -> int:
        """Tokens that may be written behind `prompt`."""
        context: int = self._settings["context_tokens"]
        most: int = min(style.most, context - len(prompt))
        least = min(style.most, int(self._settings["maximum_tokens"]))
        if most < least:
            raise ModelError(
                f"the text is too long for the language model: with what surrounds it "
                f"{len(prompt)} tokens, where {context - least} fit; shorten it, or raise "
                "language_model.context_tokens"
            )
        return most

    def weigh(self, order: dict[str, Any]) -> dict[str, Any]:
        """How likely each of `order["options"]` is to follow the menu and `order["text"]`."""
        self._open_menu(order["menu"])
        text = self._weights.tokens(order["text"], special=False)
        options = OptionTree(
            [self._weights.tokens(option, special=False) for option in order["options"]],
            self._weights.tokens(END, special=False),
        )
        if len(text) + options.size > BATCH or not text:
            raise ModelError(f"the text is too long to choose by: {len(text)} tokens")
        try:
            self._compute(text, options)
        finally:
            for sequence in range(WEIGHED, WEIGHED + 1 + OPTIONS):
                self._sequences.forget(sequence)
        prompt = len(self._menu) + len(text) + options.size
        weighed = {"scores": options.scores(), "prompt_tokens": prompt}
        return {"weighed": {**weighed, "cached_tokens": len(self._menu)}}

    def _compute(self, text: list[int], options: OptionTree) -> None:
        """Read the text and, in the same pass, as many options behind it as there are sequences."""
        begin = len(self._menu)
        behind = begin + len(text) - 1
        self._sequences.copy(MENU, WEIGHED)
        unread = text
        for nodes in options.rounds(OPTIONS):
            used = {WEIGHED + 1 + number for numbers in nodes.values() for number in numbers}
            for sequence in used:
                self._sequences.copy(WEIGHED, sequence)
            everywhere = (WEIGHED, *used)
            last = len(unread) - 1
            cells = [
                Cell(token, begin + at, everywhere, at == last) for at, token in enumerate(unread)
            ]
            forks: list[tuple[int, ...]] = [()] if unread else []
            for path, numbers in nodes.items():
                through = [WEIGHED + 1 + number for number in numbers]
                fork = options.is_fork(path)
                cells.append(Cell(path[-1], behind + len(path), through, fork))
                forks += [path] if fork else []
            options.learn(forks, self._sequences.read(cells))
            unread = []

    def _open_menu(self, menu: str) -> None:
        if menu == self._menu_said:
            return
        tokens = self._menu_tokens(menu)
        self._menu, self._menu_said = [], None
        self._know(tokens, MENU)
        self._menu, self._menu_said = tokens, menu

    def _menu_tokens(self, menu: str) -> list[int]:
        """Of the menu as many whole lines as there is room for.

        Where a word of the language is many tokens it may be the half; its first lines say most.
        """
        begin = self._weights.begin
        head = [] if begin is None else [begin]
        lines = menu.splitlines(keepends=True)
        for count in range(len(lines), 0, -1):
            text = "".join(lines[:count])
            tokens = [*head, *self._weights.tokens(text, special=False)]
            if len(tokens) <= MENU_TOKENS * 3 // 4:
                return tokens
        raise ModelError(f"the menu of intents is too long: {len(menu)} characters")
