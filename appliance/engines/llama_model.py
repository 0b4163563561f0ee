"""A GGUF model through llama.cpp; the only file that imports llama_cpp, and only in its process."""

from __future__ import annotations

import codecs
import ctypes
from typing import TYPE_CHECKING, Any

import llama_cpp
from jinja2 import TemplateError
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLACE = "\ue000"
"""Stands for the user's text while the chat template is filled in; no text of a person holds it."""

WITHOUT_TEMPLATE = "{system}\n\nQuestion: {user}\nAnswer:"
"""For a model that has no chat template."""

REPEAT_PENALTY = 1.1
"""Without it the smallest models say one thing again and again."""

SENTENCE_ENDS = (".", "!", "?", "…", "。")

ERROR_LEVEL = 4
"""Of llama.cpp's log lines that tell of a failure (GGML_LOG_LEVEL_ERROR)."""


class ModelError(Exception):
    """The model cannot be opened, or cannot do what is asked; for an owner to read."""


class _Complaints:
    """What llama.cpp says on a failure: the reason is only ever in its log."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._callback = llama_cpp.llama_log_callback(self._take)  # kept, or C calls into nothing
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _take(self, level: int, text: bytes, _: Any) -> None:
        if level == ERROR_LEVEL:
            self.lines = [*self.lines[-3:], text.decode("utf-8", "replace").strip()]

    def first(self) -> str:
        """The oldest line kept says the cause; those after it say what followed."""
        return self.lines[0].split(": ", 1)[-1] if self.lines else "no reason was given"


class _Counting(llama_cpp.Llama):
    """Notes how many tokens were read, as opposed to found in the cache."""

    read = 0

    def eval(self, tokens: Any) -> None:
        self.read += len(tokens)
        super().eval(tokens)


class LlamaModel:
    """An open model that has read the fixed part of its prompt."""

    def __init__(self, path: str, settings: dict[str, Any], threads: int) -> None:
        complaints = _Complaints()
        try:
            self._llama = _Counting(
                path,
                n_ctx=settings["context_tokens"],
                n_threads=threads,
                n_threads_batch=threads,
                use_mmap=True,
                verbose=False,
            )
        except (ValueError, RuntimeError, OSError, MemoryError) as error:
            why = complaints.first() if complaints.lines else str(error)
            raise ModelError(f"the model file {path} cannot be opened: {why}") from error
        self._settings = settings
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._llama.model)
        self._head, self._tail = self._prompt(settings["system_prompt"])
        if len(self._head) + len(self._tail) + settings["maximum_tokens"] >= self._llama.n_ctx():
            raise ModelError("the system prompt is longer than language_model.context_tokens")
        self._llama.eval(self._head)

    def _prompt(self, system: str) -> tuple[list[int], list[int]]:
        """Tokens before and behind the user's text, as the model's chat template has them."""
        rendered = self._render(system)
        before, _, behind = rendered.partition(PLACE)
        adds_own = bool(llama_cpp.llama_vocab_get_add_bos(self._vocabulary))
        begins = self._piece(self._llama.token_bos()) if adds_own else ""
        add_bos = adds_own and not (begins and before.startswith(begins))
        return self._tokens(before, bos=add_bos, special=True), self._tokens(behind, special=True)

    def _render(self, system: str) -> str:
        template = self._llama.metadata.get("tokenizer.chat_template")
        if not template:
            return WITHOUT_TEMPLATE.format(system=system, user=PLACE)
        formatter = Jinja2ChatFormatter(
            template,
            eos_token=self._piece(self._llama.token_eos()),
            bos_token=self._piece(self._llama.token_bos()),
        )
        merged = [{"role": "user", "content": f"{system}\n\n{PLACE}"}]
        apart = [{"role": "system", "content": system}, {"role": "user", "content": PLACE}]
        # Some families know no system role: they raise, or leave it out without a word.
        for messages in (apart, merged):
            try:
                prompt = str(formatter(messages=messages).prompt)  # type: ignore[arg-type]
            except (TemplateError, ValueError, TypeError):
                continue
            if system.strip() in prompt and PLACE in prompt:
                return prompt
        raise ModelError("the model's chat template cannot be filled in")

    def _piece(self, token: int) -> str:
        if token < 0:
            return ""
        return self._llama.detokenize([token], special=True).decode("utf-8", "replace")

    def _tokens(self, text: str, *, bos: bool = False, special: bool) -> list[int]:
        return self._llama.tokenize(text.encode(), add_bos=bos, special=special)

    def write(self, text: str, stopping: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """The answer to `text`: `{"token": piece}` for each, then `{"done": {...}}`.

        `text` is read as plain text: a role marker in it is some characters, not a role.
        """
        user = self._tokens(text, special=False)
        prompt = [*self._head, *user, *self._tail]
        self._check_length(len(user), len(prompt))
        self._llama.read = 0
        pieces: list[str] = []
        cached = 0
        generated = 0
        for piece in self._pieces(prompt):
            if not generated:
                cached = len(prompt) - self._llama.read
            if stopping() or self._is_enough(pieces, piece, generated):
                break
            generated += 1
            pieces.append(piece)
            yield {"token": piece}
        yield {
            "done": {
                "text": self._whole_sentences("".join(pieces), generated),
                "prompt_tokens": len(prompt),
                "cached_tokens": cached or max(0, len(prompt) - self._llama.read),
                "generated_tokens": generated,
            }
        }

    def _check_length(self, user: int, prompt: int) -> None:
        room = self._llama.n_ctx() - self._settings["maximum_tokens"]
        if prompt > room:
            raise ModelError(
                f"the text is too long for the language model: {user} tokens, where "
                f"{room - (prompt - user)} fit; shorten it, or raise language_model.context_tokens"
            )

    def _pieces(self, prompt: list[int]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("ignore")  # a letter may be many tokens
        tokens = self._llama.generate(
            prompt, temp=self._settings["temperature"], repeat_penalty=REPEAT_PENALTY
        )
        for token in tokens:
            if llama_cpp.llama_vocab_is_eog(self._vocabulary, token):
                return
            yield decoder.decode(self._llama.detokenize([token], special=False))

    def _is_enough(self, pieces: list[str], piece: str, generated: int) -> bool:
        """No further sentence is begun in the second half of the tokens, to end in good time."""
        most = self._settings["maximum_tokens"]
        sentence_over = piece[:1].isspace() and _ends("".join(pieces[-2:]))
        return generated >= most or (sentence_over and generated * 2 >= most)

    def _whole_sentences(self, text: str, generated: int) -> str:
        """Without a last sentence that the bound cut off, where one before it is whole."""
        text = text.strip()
        if generated < self._settings["maximum_tokens"] or _ends(text):
            return text
        last = max(text.rfind(f"{end} ") for end in SENTENCE_ENDS)
        return text[: last + 1] if last > 0 else text


def _ends(text: str) -> bool:
    return text.rstrip().endswith(SENTENCE_ENDS)
