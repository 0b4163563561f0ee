"""llama.cpp: a model, its vocabulary and its KV cache; the only file that imports it."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np

from appliance.engines.llama_variants import open_variants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

VERSION: str = llama_cpp.__version__
"""Version of the binding and its library; another version cannot load the saved states."""

ERROR_LEVEL = 4
"""GGML_LOG_LEVEL_ERROR of llama.cpp."""

MAXIMUM_BATCH = 512
"""Maximum number of tokens in one call."""

MICROBATCH = 64
"""Number of tokens that llama.cpp computes together. It reserves memory for the scores of each: 1
MB with Gemma's vocabulary of 262,144 tokens."""

ADD_BEGIN = False
"""A prompt is tokenised piece by piece; `Prompt` adds the token that begins it."""

PIECE_BYTES = 512
"""No token of a known vocabulary is longer than 128 bytes."""


class ModelError(Exception):
    """The model does not open, or cannot serve a request; the message is for an owner."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A token of the KV cache, at a position in one sequence or in several."""

    token: int
    position: int
    sequences: Sequence[int]
    with_scores: bool = False
    """Whether to compute the scores of the tokens after it."""


class _ErrorLog:
    """The last error lines of llama.cpp: it reports the reason of a failure only there."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._callback = llama_cpp.llama_log_callback(self._add)  # a reference: C still calls it
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _add(self, level: int, text: bytes, _: Any) -> None:
        if level == ERROR_LEVEL:
            self.lines = [*self.lines[-3:], text.decode("utf-8", "replace").strip()]

    def cause(self) -> str:
        """The oldest line: it has the cause, the others have what followed."""
        return self.lines[0].split(": ", 1)[-1] if self.lines else "llama.cpp gave no reason"


_error_log = _ErrorLog()


@functools.cache
def _open_library() -> None:
    """Load the variant for this CPU, before the first model of the process."""
    library = llama_cpp.llama_cpp._lib  # noqa: SLF001 (a handle of our own would load it twice)
    open_all = library.ggml_backend_load_all_from_path
    open_all.argtypes, open_all.restype = [ctypes.c_char_p], None
    open_variants(Path(library._name).parent, open_all)  # noqa: SLF001


class Weights:
    """A model file, mapped into memory, with its vocabulary."""

    def __init__(self, path: str) -> None:
        """ModelError, with the reason, if the file does not open."""
        _open_library()
        _error_log.lines.clear()
        settings = llama_cpp.llama_model_default_params()
        settings.use_mmap = True
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), settings)
        if not self.model:
            raise ModelError(f"the model file {path} cannot be opened: {_error_log.cause()}")
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.size = int(llama_cpp.llama_vocab_n_tokens(self.vocabulary))

    def metadata(self, key: str) -> str | None:
        """The file's value of `key`; None if it has none."""
        length = llama_cpp.llama_model_meta_val_str(
            self.model, key.encode(), ctypes.create_string_buffer(1), 1
        )
        if length < 0:
            return None
        buffer = ctypes.create_string_buffer(length + 1)
        llama_cpp.llama_model_meta_val_str(self.model, key.encode(), buffer, length + 1)
        return buffer.value.decode("utf-8", "replace")

    def tokens(self, text: str, *, special: bool) -> list[int]:
        """Tokens of a text; without `special`, a role marker in it is plain characters."""
        raw = text.encode("utf-8", "replace")
        size = len(raw) + 16
        for _ in range(2):
            found = (llama_cpp.llama_token * size)()
            count = llama_cpp.llama_tokenize(
                self.vocabulary, raw, len(raw), found, size, ADD_BEGIN, special
            )
            if count >= 0:
                return list(found[:count])
            size = -count
        raise ModelError("llama.cpp cannot tokenise the text")

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes that a token stands for; a letter may be several tokens."""
        buffer = ctypes.create_string_buffer(PIECE_BYTES)
        length = llama_cpp.llama_token_to_piece(
            self.vocabulary, token, buffer, PIECE_BYTES, 0, special
        )
        return buffer.raw[: max(0, length)]

    @property
    def begin(self) -> int | None:
        """The token that a prompt begins with; None if the model has none."""
        if not llama_cpp.llama_vocab_get_add_bos(self.vocabulary):
            return None
        token = int(llama_cpp.llama_vocab_bos(self.vocabulary))
        return token if token >= 0 else None

    @property
    def end(self) -> int:
        """The token that ends a text; -1 if there is none."""
        return int(llama_cpp.llama_vocab_eos(self.vocabulary))

    def is_end(self, token: int) -> bool:
        """Whether a token ends the answer."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))


class Sequences:
    """The KV cache of a model: sequences of tokens that it has read, by number from 0."""

    def __init__(self, weights: Weights, cells: int, sequences: int, threads: int) -> None:
        _error_log.lines.clear()
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = cells
        settings.n_seq_max = sequences
        settings.n_batch = MAXIMUM_BATCH
        settings.n_ubatch = MICROBATCH
        settings.n_threads = settings.n_threads_batch = threads
        settings.no_perf = True
        # One pool of cells: a copied sequence shares the cells of its original.
        settings.kv_unified = True
        # A sliding window would drop cells that a copy of the prefix still needs.
        settings.swa_full = True
        # On a CPU, flash attention pays only from MICROBATCH tokens on; fewer, as in a usual
        # request, take two and a half times as long with it.
        settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = llama_cpp.llama_init_from_model(weights.model, settings)
        if not self._context:
            raise ModelError(f"there is not enough memory: {_error_log.cause()}")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._size = weights.size
        self._batch = llama_cpp.llama_batch_init(MAXIMUM_BATCH, 0, sequences)

    def use_threads(self, threads: int) -> None:
        """Set the number of threads, at most that of the start."""
        llama_cpp.llama_set_n_threads(self._context, threads, threads)

    def apply_adapter(self, weights: Weights, path: str) -> None:
        """Apply a LoRA adapter to the model; ModelError if it does not fit."""
        _error_log.lines.clear()
        adapter = llama_cpp.llama_adapter_lora_init(weights.model, path.encode())
        if not adapter:
            raise ModelError(
                f"the adapter {path} cannot be applied to the model: {_error_log.cause()}"
            )
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter)
        scales = (ctypes.c_float * 1)(1.0)
        if llama_cpp.llama_set_adapters_lora(self._context, adapters, 1, scales) != 0:
            raise ModelError(f"the adapter {path} does not fit the model")

    def read(self, cells: Sequence[Cell]) -> list[NDArray[np.float32]]:
        """Compute up to MAXIMUM_BATCH cells.

        Returns:
            For each cell with `with_scores` the logits after it, shape (vocabulary,).

        Raises:
            ModelError: llama.cpp failed, for example for lack of memory.

        """
        batch = self._batch
        batch.n_tokens = len(cells)
        for index, cell in enumerate(cells):
            batch.token[index] = cell.token
            batch.pos[index] = cell.position
            batch.n_seq_id[index] = len(cell.sequences)
            for number, sequence in enumerate(cell.sequences):
                batch.seq_id[index][number] = sequence
            batch.logits[index] = cell.with_scores
        _error_log.lines.clear()
        status = llama_cpp.llama_decode(self._context, batch)
        if status:
            raise ModelError(f"llama.cpp cannot compute (status {status}): {_error_log.cause()}")
        return [self._scores(index) for index, cell in enumerate(cells) if cell.with_scores]

    def _scores(self, index: int) -> NDArray[np.float32]:
        pointer = llama_cpp.llama_get_logits_ith(self._context, index)
        return np.ctypeslib.as_array(pointer, shape=(self._size,)).copy()

    def copy(self, source: int, target: int) -> None:
        """Make `target` a copy of `source`; costs nothing, as they share cells."""
        self.clear(target)
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def clear(self, sequence: int) -> None:
        """Empty a sequence."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def save(self, sequence: int) -> bytes:
        """The state of one sequence, for `restore` with the same VERSION; empty if that fails."""
        size = llama_cpp.llama_state_seq_get_size(self._context, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(self._context, buffer, size, sequence)
        return bytes(buffer[:written]) if written == size else b""

    def restore(self, sequence: int, state: bytes) -> bool:
        """Fill a sequence from a saved state; False if it does not fit."""
        self.clear(sequence)
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        size = llama_cpp.llama_state_seq_set_data(self._context, buffer, len(state), sequence)
        if size != len(state):
            self.clear(sequence)
            return False
        return True


def plain(path: str, **settings: Any) -> Any:
    """The binding's own model object: the baseline of `appliance bench`."""
    _open_library()
    return llama_cpp.Llama(path, verbose=False, **settings)
