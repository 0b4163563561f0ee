"""An open language model: completes texts and scores options, with cached prefixes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.engines.llama.generation import Generation, GenerationLimits
from appliance.engines.llama.option_scoring import OptionTree
from appliance.engines.llama.prefix_cache import PrefixCache
from appliance.engines.llama.prompt import Prompt
from appliance.engines.llama_library import MAXIMUM_BATCH, Cell, ModelError, Sequences, Weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

END = "\n"
"""End of each line of a menu, and so of each option."""

CHUNK = 64
"""Number of tokens read between two checks for another request."""

PREFIX, MENU, FIRST_FREE = 0, 1, 2
"""Numbers of sequences: the fixed part of all prompts, the menu of options, and the others."""

MAXIMUM_NESTED = 4
"""Maximum number of answers in progress, one interrupting the other."""

SCORED_TEXT = FIRST_FREE + MAXIMUM_NESTED
"""The sequence of the text that options follow; the options have the next ones."""

OPTIONS = 58
"""Number of sequences for options that are scored together."""

MENU_TOKENS = 1024
"""Cells of the KV cache for the menu, the text and its options."""


class LlamaModel:
    """A model that has read the fixed part of its prompt."""

    def __init__(
        self, path: str, settings: dict[str, Any], threads: int, cache_folder: str | None = None
    ) -> None:
        """Open the model; ModelError, with the reason, if that fails."""
        adapter = settings["adapter"]
        self._settings = settings
        self._weights = Weights(path)
        self._sequences = Sequences(
            self._weights,
            settings["context_tokens"] + MENU_TOKENS,
            SCORED_TEXT + 1 + OPTIONS,
            threads,
        )
        if adapter:
            self._sequences.apply_adapter(self._weights, adapter)
        files = [Path(path), Path(adapter)] if adapter else [Path(path)]
        self._cache = PrefixCache(Path(cache_folder) if cache_folder else None, *files)
        self._prompt = Prompt(self._weights, settings["system_prompt"], settings["chat_template"])
        self._menu_tokens: list[int] = []
        self._menu: str | None = None
        self._nested = 0
        if len(self._prompt.head) + settings["maximum_tokens"] >= settings["context_tokens"]:
            raise ModelError("the system prompt is longer than language_model.context_tokens")
        self.restored = self._load_prefix(self._prompt.head, PREFIX)
        """Whether the fixed part of the prompt came from the disk."""

    def use_threads(self, threads: int) -> None:
        """Set the number of threads."""
        self._sequences.use_threads(threads)

    def _load_prefix(
        self,
        tokens: list[int],
        sequence: int,
        on_read: Callable[[int, int], None] = lambda *_: None,
    ) -> bool:
        """Put `tokens` into a sequence; True if their state came from the disk.

        `on_read` is called with the number of tokens read so far, and with that of all.
        """
        state = self._cache.load(tokens)
        if state is not None and self._sequences.restore(sequence, state):
            return True
        self._sequences.clear(sequence)
        on_read(0, len(tokens))
        for number, _ in enumerate(self._read(tokens, 0, sequence), 1):
            on_read(min(number * CHUNK, len(tokens)), len(tokens))
        self._cache.save(tokens, self._sequences.save(sequence))
        return False

    def _read(
        self, tokens: list[int], begin: int, sequence: int
    ) -> Iterator[NDArray[np.float32] | None]:
        """Read `tokens[begin:]` chunk by chunk; the last chunk yields the next token's scores."""
        for start in range(begin, len(tokens), CHUNK):
            chunk = tokens[start : start + CHUNK]
            last = start + len(chunk) == len(tokens)
            cells = [
                Cell(token, start + index, (sequence,), last and index == len(chunk) - 1)
                for index, token in enumerate(chunk)
            ]
            scores = self._sequences.read(cells)
            yield scores[0] if scores else None

    def complete(
        self, request: dict[str, Any], must_stop: Callable[[], bool]
    ) -> Iterator[dict[str, Any]]:
        """The answer to `request["turns"]`: `{"token": piece}` for each, then `{"done": {...}}`.

        Between two tokens another text may be completed, or options scored. What people said
        is read as plain text: a role marker in it is some characters, not a role.

        Raises:
            ModelError: the text is too long, or the schema cannot be met.

        """
        prompt = self._prompt.tokens(request["turns"])
        limits = GenerationLimits.of(self._weights, self._settings, request)
        maximum_tokens = self._maximum_tokens(prompt, limits)
        if self._nested >= MAXIMUM_NESTED:
            raise ModelError(f"more than {MAXIMUM_NESTED} answers are in progress at once")
        sequence = FIRST_FREE + self._nested
        self._nested += 1
        try:
            head = self._prompt.head
            cached = len(head) if prompt[: len(head)] == head and len(prompt) > len(head) else 0
            if cached:
                self._sequences.copy(PREFIX, sequence)
            else:
                self._sequences.clear(sequence)
            generation = Generation(self._weights, limits, maximum_tokens)
            yield from self._generate(generation, prompt, cached, sequence, must_stop)
            text = generation.text()
            counts = {
                "prompt_tokens": len(prompt),
                "cached_tokens": cached,
                "generated_tokens": generation.generated,
            }
            yield {"done": {"text": text, "certainty": generation.certainty, **counts}}
        finally:
            self._nested -= 1
            self._sequences.clear(sequence)

    def _generate(
        self,
        generation: Generation,
        prompt: list[int],
        cached: int,
        sequence: int,
        must_stop: Callable[[], bool],
    ) -> Iterator[dict[str, Any]]:
        scores = None
        for scores in self._read(prompt, cached, sequence):  # noqa: B007 (the last is used)
            yield {}
            if must_stop():
                return
        length = len(prompt)
        while scores is not None and not must_stop():
            tokens = generation.next(scores)
            if not tokens:
                return
            yield {"token": generation.last_piece}
            if generation.is_over:
                return
            scores = self._sequences.read(
                [
                    Cell(token, length + index, (sequence,), index == len(tokens) - 1)
                    for index, token in enumerate(tokens)
                ]
            )[0]
            length += len(tokens)

    def _maximum_tokens(self, prompt: list[int], limits: GenerationLimits) -> int:
        """Tokens that may follow `prompt`."""
        context: int = self._settings["context_tokens"]
        maximum: int = min(limits.maximum_tokens, context - len(prompt))
        least = min(limits.maximum_tokens, int(self._settings["maximum_tokens"]))
        if maximum < least:
            raise ModelError(
                f"the text is too long for the language model: it has {len(prompt)} tokens with "
                f"the system prompt, and {context - least} fit; shorten it, or raise "
                "language_model.context_tokens"
            )
        return maximum

    def score_options(
        self, request: dict[str, Any], on_read: Callable[[int, int], None] = lambda *_: None
    ) -> dict[str, Any]:
        """The probability of each of `request["options"]` after the menu and `request["text"]`.

        A menu that was not read before takes long: `on_read` is told how far that is, and may
        raise to break it off.

        Raises:
            ModelError: the menu or the text is too long.

        """
        self._load_menu(request["menu"], on_read)
        text = self._weights.tokens(request["text"], special=False)
        options = OptionTree(
            [self._weights.tokens(option, special=False) for option in request["options"]],
            self._weights.tokens(END, special=False),
        )
        if len(text) + options.size > MAXIMUM_BATCH or not text:
            raise ModelError(f"the text is too long to choose by: {len(text)} tokens")
        try:
            self._score(text, options)
        finally:
            for sequence in range(SCORED_TEXT, SCORED_TEXT + 1 + OPTIONS):
                self._sequences.clear(sequence)
        prompt = len(self._menu_tokens) + len(text) + options.size
        scored = {"scores": options.scores(), "prompt_tokens": prompt}
        return {"scored": {**scored, "cached_tokens": len(self._menu_tokens)}}

    def _score(self, text: list[int], options: OptionTree) -> None:
        """Read the text and, in the same pass, as many options after it as there are sequences."""
        begin = len(self._menu_tokens)
        last_position = begin + len(text) - 1
        self._sequences.copy(MENU, SCORED_TEXT)
        unread = text
        for nodes in options.rounds(OPTIONS):
            used = {SCORED_TEXT + 1 + number for numbers in nodes.values() for number in numbers}
            for sequence in used:
                self._sequences.copy(SCORED_TEXT, sequence)
            everywhere = (SCORED_TEXT, *used)
            last = len(unread) - 1
            cells = [
                Cell(token, begin + at, everywhere, at == last) for at, token in enumerate(unread)
            ]
            forks: list[tuple[int, ...]] = [()] if unread else []
            for path, numbers in nodes.items():
                through = [SCORED_TEXT + 1 + number for number in numbers]
                fork = options.is_fork(path)
                cells.append(Cell(path[-1], last_position + len(path), through, fork))
                forks += [path] if fork else []
            options.add_scores(forks, self._sequences.read(cells))
            unread = []

    def _load_menu(self, menu: str, on_read: Callable[[int, int], None]) -> None:
        if menu == self._menu:
            return
        tokens = self._tokens_of_menu(menu)
        self._menu_tokens, self._menu = [], None
        self._load_prefix(tokens, MENU, on_read)
        self._menu_tokens, self._menu = tokens, menu

    def _tokens_of_menu(self, menu: str) -> list[int]:
        """The first lines of the menu that fit; they are the most important ones.

        In a language whose words are many tokens each, that may be half of the menu.
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
