"""How fast a language model is here: cold, warm, restored, and by the plain chat call."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.engines.child import Child, ChildDied
from appliance.engines.llama import Llama
from appliance.errors import EngineError
from appliance.values import Question

if TYPE_CHECKING:
    from appliance.config import LanguageModel

SYSTEM = "You are the voice of a house. " + "\n".join(
    f"Room {n}: there is a lamp, a window and a door; it is {n} degrees warm." for n in range(1, 24)
)
"""About 500 tokens."""

REQUEST = (
    "Please tell me in one short sentence which of the rooms is the warmest one and whether "
    "its window should be opened now."
)
"""About 25 tokens."""

ASKED = 3
"""Times each; the median counts."""

PLAIN_TAKES = 300.0
"""Seconds that the plain calls may take together."""


class PrefixSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """A request of 25 tokens behind a prefix of 500, in milliseconds to the first token."""

    prompt_tokens: int
    cached_tokens: int
    prompt_tokens_per_s: float | None
    cold_ms: float
    """With the prefix still to be read."""
    warm_ms: float
    restored_ms: float
    """After a restart."""
    plain_ms: float | None
    """By llama-cpp-python's chat call, a clock standing before the prompt."""


def measure(path: Path, settings: LanguageModel, threads: int) -> PrefixSpeed:
    """All of it in one run; EngineError where the model cannot be opened."""
    wanted = msgspec.structs.replace(settings, system_prompt=SYSTEM, maximum_tokens=8)
    with tempfile.TemporaryDirectory() as folder:
        read_s, warm, cached, prompt = _asked(Llama(path, wanted, threads, states=Path(folder)))
        load_s, restored, _, _ = _asked(Llama(path, wanted, threads, states=Path(folder)))
    reading_s = max(0.0, read_s - load_s)
    return PrefixSpeed(
        prompt_tokens=prompt,
        cached_tokens=cached,
        prompt_tokens_per_s=round(cached / reading_s, 1) if reading_s else None,
        cold_ms=round(reading_s * 1000 + warm[0], 1),
        warm_ms=round(statistics.median(warm), 1),
        restored_ms=round(restored[0], 1),
        plain_ms=_plain(path, wanted, threads),
    )


def _asked(model: Llama) -> tuple[float, list[float], int, int]:
    """Seconds to start, milliseconds to each first token, and tokens cached and in all."""
    began = time.perf_counter()
    try:
        model.start()
        started = time.perf_counter() - began
        done = [model.complete(Question((f"{REQUEST} {n}",)), lambda: False) for n in range(ASKED)]
    finally:
        model.close()
    first = [one.first_token_ms or 0.0 for one in done]
    return started, first, done[0].cached_tokens, done[0].prompt_tokens


def _plain(path: Path, settings: LanguageModel, threads: int) -> float | None:
    child = Child("appliance.engines.llama_plain", threads)
    try:
        child.send(
            {
                "path": str(path),
                "threads": threads,
                "context_tokens": settings.context_tokens,
                "system": SYSTEM,
                "questions": [f"{REQUEST} {n}" for n in range(ASKED)],
            }
        )
        told = child.receive(PLAIN_TAKES)
    except ChildDied as death:
        raise EngineError(f"the plain chat call died ({death})") from death
    finally:
        child.kill()
    return None if told is None else round(statistics.median(told["first_token_ms"]), 1)
