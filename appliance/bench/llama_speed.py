"""How fast a language model is here: cold, warm, restored, and by the plain chat call."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.engines.child_process import Child, ChildDied
from appliance.engines.llama.client import Llama
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

ASKED = 3
"""Times each; the median counts."""

PLAIN_TAKES = 180.0
"""Seconds that opening the model, or one plain call, may take."""


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
    plain_ms: float
    """By llama-cpp-python's chat call, a clock standing before the prompt."""


def measure(
    path: Path,
    settings: LanguageModelSettings,
    threads: int,
    *,
    times: int = ASKED,
    restarts: int = 1,
) -> PrefixSpeed:
    """All of it in one run, a warm request and a plain call in turn.

    Raises:
        EngineError: the model cannot be opened.

    """
    wanted = msgspec.structs.replace(settings, system_prompt=SYSTEM, maximum_tokens=8)
    with tempfile.TemporaryDirectory() as folder:
        warm, plain, loads, restored = [], [], [], []
        with (
            _started(path, wanted, threads, folder) as (model, read_s),
            _plain_call(path, wanted, threads) as call,
        ):
            for number in range(times):
                warm.append(_asked(model, number))
                plain.append(_called(call, number))
        for number in range(restarts):
            with _started(path, wanted, threads, folder) as (model, load_s):
                loads.append(load_s)
                restored.append(_asked(model, number))
    reading_s = max(0.0, read_s - statistics.median(loads))
    return PrefixSpeed(
        prompt_tokens=warm[0].prompt_tokens,
        cached_tokens=warm[0].cached_tokens,
        prompt_tokens_per_s=round(warm[0].cached_tokens / reading_s, 1) if reading_s else None,
        cold_ms=round(reading_s * 1000 + (warm[0].first_token_ms or 0.0), 1),
        warm_ms=_middle(warm),
        restored_ms=_middle(restored),
        plain_ms=round(statistics.median(plain), 1),
    )


def _middle(answers: list[Completion]) -> float:
    return round(statistics.median(answer.first_token_ms or 0.0 for answer in answers), 1)


@contextlib.contextmanager
def _started(
    path: Path, settings: LanguageModelSettings, threads: int, folder: str
) -> Iterator[tuple[Llama, float]]:
    """The model, and the seconds that it took to start."""
    model = Llama(ServerLauncher(path, settings, threads, Path(folder)))
    began = time.perf_counter()
    try:
        model.start()
        yield model, time.perf_counter() - began
    finally:
        model.close()


def _asked(model: Llama, number: int) -> Completion:
    return model.complete(Question((f"{REQUEST} {number}",)), lambda: False)


@contextlib.contextmanager
def _plain_call(path: Path, settings: LanguageModelSettings, threads: int) -> Iterator[Child]:
    child = Child("appliance.bench.plain_llama", threads)
    try:
        order = {"path": str(path), "threads": threads, "context_tokens": settings.context_tokens}
        child.send(order)
        child.receive(PLAIN_TAKES)
        yield child
    except ChildDied as death:
        raise EngineError(f"the plain chat call died ({death})") from death
    finally:
        child.kill()


def _called(child: Child, number: int) -> float:
    child.send({"system": SYSTEM, "question": f"{REQUEST} {number}"})
    told = child.receive(PLAIN_TAKES)
    if told is None:
        raise EngineError(f"the plain chat call said nothing for {PLAIN_TAKES:g} s")
    spent: float = told["first_token_ms"]
    return spent
