"""In which order the language model's process does what it is sent."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from appliance.engines.llama.server import _Inbox, _Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class TwoTokens:
    """A model that writes two tokens for each text, and knows how many it is at."""

    def __init__(self) -> None:
        self.at_once = 0
        self.most_at_once = 0

    def work_with(self, threads: int) -> None:
        pass

    def write(
        self, order: dict[str, Any], stopping: Callable[[], bool]
    ) -> Iterator[dict[str, Any]]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        yield {"token": "a"}
        yield {"token": "b"}
        yield {"done": {"text": "ab"}}
        self.at_once -= 1


class Asker(io.StringIO):
    """Reads what the process says, and sends the next order at a certain line."""

    def __init__(self, inbox: _Inbox, at: str, orders: int) -> None:
        super().__init__()
        self._inbox, self._at, self._orders = inbox, at, orders
        self.said: list[tuple[int, str]] = []

    def write(self, text: str) -> int:
        if text.strip():
            event = json.loads(text)
            kind = next(key for key in event if key != "id")
            self.said.append((event["id"], kind))
            if kind == self._at and event["id"] < self._orders:
                self._inbox.orders.put({"id": event["id"] + 1, "threads": 1})
        return len(text)


def served(at: str, orders: int) -> tuple[TwoTokens, list[tuple[int, str]]]:
    model, inbox = TwoTokens(), _Inbox()
    asker = Asker(inbox, at, orders)
    service = _Service(model, inbox, asker, ValueError)  # type: ignore[arg-type]
    service.do({"id": 1, "threads": 1})
    while not inbox.orders.empty():
        service.do(inbox.orders.get())
    return model, asker.said


def test_who_asks_again_as_soon_as_it_has_its_answer_never_asks_within_it() -> None:
    model, said = served("done", orders=9)
    assert model.most_at_once == 1
    assert [number for number, kind in said if kind == "done"] == list(range(1, 10))


def test_what_comes_between_two_tokens_goes_first() -> None:
    model, said = served("token", orders=2)
    assert model.most_at_once == 2
    assert [number for number, kind in said if kind == "done"] == [2, 2, 1]  # one at each token
