"""Measures a language model: cold, warm, restored from disk, and by the plain chat call."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.child_process import Child, ChildDied
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.errors import EngineError
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.config import LanguageModelSettings
    from appliance.values import Completion

SYSTEM = "You are the voice of a house. " + "\n".join(
    f"Room {n}: there is a lamp, a window and a door; it is {n} degrees warm." for n in range(1, 24)
)
"""About 500 tokens."""

REQUEST = (
    "Please tell me in one short sentence which of the rooms is the warmest one and whether "
    "its window should be opened now."
)
"""About 25 tokens."""

RUNS = 3
"""The median counts."""

PLAIN_TIMEOUT_S = 180.0
"""For opening the model, or for one plain call."""


class PrefixSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """Time to the first token of a request of 25 tokens after a prefix of 500."""

    prompt_tokens: int
    cached_tokens: int
    prompt_tokens_per_s: float | None
    cold_ms: float
    """The prefix is not cached."""
    warm_ms: float
    """The prefix is cached in memory."""
    restored_ms: float
    """After a restart; the prefix is cached on disk."""
    plain_ms: float
    """By the plain chat call of llama-cpp-python, with the time at the beginning of the prompt."""


def measure(
    path: Path,
    settings: LanguageModelSettings,
    threads: int,
    *,
    runs: int = RUNS,
    restarts: int = 1,
) -> PrefixSpeed:
    """Measure all in one run, warm requests and plain calls in turn.

    Raises:
        EngineError: the model cannot be opened.

    """
    changed = msgspec.structs.replace(settings, system_prompt=SYSTEM, maximum_tokens=8)
    with tempfile.TemporaryDirectory() as folder:
        warm, plain, loads, restored = [], [], [], []
        with (
            _started(path, changed, threads, folder) as (model, read_s),
            _plain_call(path, changed, threads) as call,
        ):
            for number in range(runs):
                warm.append(_asked(model, number))
                plain.append(_called(call, number))
        for number in range(restarts):
            with _started(path, changed, threads, folder) as (model, load_s):
                loads.append(load_s)
                restored.append(_asked(model, number))
    reading_s = max(0.0, read_s - statistics.median(loads))
    return PrefixSpeed(
        prompt_tokens=warm[0].prompt_tokens,
        cached_tokens=warm[0].cached_tokens,
        prompt_tokens_per_s=round(warm[0].cached_tokens / reading_s, 1) if reading_s else None,
        cold_ms=round(reading_s * 1000 + (warm[0].first_token_ms or 0.0), 1),
        warm_ms=_median_ms(warm),
        restored_ms=_median_ms(restored),
        plain_ms=round(statistics.median(plain), 1),
    )


def _median_ms(answers: list[Completion]) -> float:
    return round(statistics.median(answer.first_token_ms or 0.0 for answer in answers), 1)


@contextlib.contextmanager
def _started(
    path: Path, settings: LanguageModelSettings, threads: int, folder: str
) -> Iterator[tuple[Llama, float]]:
    """The model, and the seconds of its start."""
    model = Llama(ServerLauncher(path, settings, threads, Path(folder)))
    started = time.perf_counter()
    try:
        model.start()
        yield model, time.perf_counter() - started
    finally:
        model.close()


def _asked(model: Llama, number: int) -> Completion:
    return model.complete(Question((f"{REQUEST} {number}",)), lambda: False)


@contextlib.contextmanager
def _plain_call(path: Path, settings: LanguageModelSettings, threads: int) -> Iterator[Child]:
    child = Child("appliance.bench.plain_llama", threads)
    try:
        start = {"path": str(path), "threads": threads, "context_tokens": settings.context_tokens}
        child.send(start)
        child.receive(PLAIN_TIMEOUT_S)
        yield child
    except ChildDied as death:
        raise EngineError(f"the plain chat call died ({death})") from death
    finally:
        child.kill()


def _called(child: Child, number: int) -> float:
    child.send({"system": SYSTEM, "question": f"{REQUEST} {number}"})
    response = child.receive(PLAIN_TIMEOUT_S)
    if response is None:
        raise EngineError(f"the plain chat call wrote nothing for {PLAIN_TIMEOUT_S:g} s")
    first_token_ms: float = response["first_token_ms"]
    return first_token_ms
