"""llama.cpp: a model, its vocabulary, and sequences of tokens; the only file that imports it."""

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
"""Of the binding and with it of the library: states saved by one are not another's."""

ERROR_LEVEL = 4
"""Of llama.cpp's log lines that tell of a failure (GGML_LOG_LEVEL_ERROR)."""

BATCH = 512
"""Tokens of one call at most."""

AT_ONCE = 64
"""Tokens that llama.cpp computes together. It keeps room for the scores of all of them: with
Gemma's 262,144 tokens that is 1 MB each."""

WITHOUT_BEGIN = False
"""Texts are cut into tokens piece by piece; the token that begins a prompt is set by hand."""

LONGEST_PIECE = 512
"""Bytes; no token of a known vocabulary is longer than 128."""


class ModelError(Exception):
    """The model cannot be opened, or cannot do what is asked; for an owner to read."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A token at its place in a sequence, or at the same place in several."""

    token: int
    position: int
    sequences: Sequence[int]
    wanted: bool = False
    """Whether what may follow is wanted."""


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


_complaints = _Complaints()


@functools.cache
def _open_library() -> None:
    """Before the first model of a process; takes nothing where it was built for one CPU."""
    library = llama_cpp.llama_cpp._lib  # noqa: SLF001 (this very handle: ours would be a second one)
    open_all = library.ggml_backend_load_all_from_path
    open_all.argtypes, open_all.restype = [ctypes.c_char_p], None
    open_variants(Path(library._name).parent, open_all)  # noqa: SLF001


class Weights:
    """A model file, mapped into memory, with its vocabulary."""

    def __init__(self, path: str) -> None:
        _open_library()
        _complaints.lines.clear()
        settings = llama_cpp.llama_model_default_params()
        settings.use_mmap = True
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), settings)
        if not self.model:
            raise ModelError(f"the model file {path} cannot be opened: {_complaints.first()}")
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.size = int(llama_cpp.llama_vocab_n_tokens(self.vocabulary))
        self.trained_context = int(llama_cpp.llama_model_n_ctx_train(self.model))

    def metadata(self, key: str) -> str | None:
        """What the file says under `key`; None where it says nothing."""
        length = llama_cpp.llama_model_meta_val_str(
            self.model, key.encode(), ctypes.create_string_buffer(1), 1
        )
        if length < 0:
            return None
        room = ctypes.create_string_buffer(length + 1)
        llama_cpp.llama_model_meta_val_str(self.model, key.encode(), room, length + 1)
        return room.value.decode("utf-8", "replace")

    def tokens(self, text: str, *, special: bool) -> list[int]:
        """Tokens of a text; without `special`, a role marker in it is only characters."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 16
        for _ in range(2):
            found = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(
                self.vocabulary, raw, len(raw), found, room, WITHOUT_BEGIN, special
            )
            if count >= 0:
                return list(found[:count])
            room = -count
        raise ModelError("the text cannot be cut into tokens")

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes that a token stands for; a letter may be spread over many tokens."""
        room = ctypes.create_string_buffer(LONGEST_PIECE)
        length = llama_cpp.llama_token_to_piece(
            self.vocabulary, token, room, LONGEST_PIECE, 0, special
        )
        return room.raw[: max(0, length)]

    @property
    def begin(self) -> int | None:
        """The token that a prompt begins with; None where the model wants none."""
        if not llama_cpp.llama_vocab_get_add_bos(self.vocabulary):
            return None
        token = int(llama_cpp.llama_vocab_bos(self.vocabulary))
        return token if token >= 0 else None

    @property
    def end(self) -> int:
        """The token that ends a text; -1 where there is none."""
        return int(llama_cpp.llama_vocab_eos(self.vocabulary))

    def is_end(self, token: int) -> bool:
        """Whether a token says that the answer is over."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))


class Sequences:
    """The context of a model: sequences of tokens that have been read, by number from 0."""

    def __init__(self, weights: Weights, cells: int, sequences: int, threads: int) -> None:
        _complaints.lines.clear()
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = cells
        settings.n_seq_max = sequences
        settings.n_batch = BATCH
        settings.n_ubatch = AT_ONCE
        settings.n_threads = settings.n_threads_batch = threads
        settings.no_perf = True
        # One pool of cells: a copied sequence shares the cells of its original.
        settings.kv_unified = True
        # A sliding window would throw away what a copy of the prefix still needs.
        settings.swa_full = True
        # On a CPU it pays from AT_ONCE tokens on; fewer, which is what is asked of us all day,
        # take two and a half times as long with it.
        settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = llama_cpp.llama_init_from_model(weights.model, settings)
        if not self._context:
            raise ModelError(f"there is not enough memory: {_complaints.first()}")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._size = weights.size
        self._batch = llama_cpp.llama_batch_init(BATCH, 0, sequences)
        self.cells = int(llama_cpp.llama_n_ctx(self._context))

    def work_with(self, threads: int) -> None:
        """Compute with so many threads from now on; no more than it was made with."""
        llama_cpp.llama_set_n_threads(self._context, threads, threads)

    def adapt(self, weights: Weights, path: str) -> None:
        """Lay a LoRA adapter over the model."""
        _complaints.lines.clear()
        adapter = llama_cpp.llama_adapter_lora_init(weights.model, path.encode())
        if not adapter:
            raise ModelError(
                f"the adapter {path} cannot be laid over the model: {_complaints.first()}"
            )
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter)
        scales = (ctypes.c_float * 1)(1.0)
        if llama_cpp.llama_set_adapters_lora(self._context, adapters, 1, scales) != 0:
            raise ModelError(f"the adapter {path} does not fit the model")

    def read(self, cells: Sequence[Cell]) -> list[NDArray[np.float32]]:
        """Compute up to BATCH cells; for each that is wanted, a score of every token after it."""
        batch = self._batch
        batch.n_tokens = len(cells)
        for index, cell in enumerate(cells):
            batch.token[index] = cell.token
            batch.pos[index] = cell.position
            batch.n_seq_id[index] = len(cell.sequences)
            for number, sequence in enumerate(cell.sequences):
                batch.seq_id[index][number] = sequence
            batch.logits[index] = cell.wanted
        _complaints.lines.clear()
        status = llama_cpp.llama_decode(self._context, batch)
        if status:
            raise ModelError(f"the model cannot compute (status {status}): {_complaints.first()}")
        return [self._scores(index) for index, cell in enumerate(cells) if cell.wanted]

    def _scores(self, index: int) -> NDArray[np.float32]:
        pointer = llama_cpp.llama_get_logits_ith(self._context, index)
        return np.ctypeslib.as_array(pointer, shape=(self._size,)).copy()

    def copy(self, source: int, target: int) -> None:
        """Let `target` begin as `source` is; costs nothing, the cells are shared."""
        self.forget(target)
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def forget(self, sequence: int, position: int = -1) -> None:
        """Empty a sequence, from `position` on or all of it."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, position, -1)

    def save(self, sequence: int) -> bytes:
        """The state of one sequence, for `restore` in another process of the same library."""
        size = llama_cpp.llama_state_seq_get_size(self._context, sequence)
        room = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(self._context, room, size, sequence)
        return bytes(room[:written]) if written == size else b""

    def restore(self, sequence: int, state: bytes) -> bool:
        """Fill a sequence from a saved state; False where it does not fit."""
        self.forget(sequence)
        room = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        taken = llama_cpp.llama_state_seq_set_data(self._context, room, len(state), sequence)
        if taken != len(state):
            self.forget(sequence)
            return False
        return True


def plain(path: str, **settings: Any) -> Any:
    """The binding's own object for a model, as programs use it: what ours is held to."""
    _open_library()
    return llama_cpp.Llama(path, verbose=False, **settings)
