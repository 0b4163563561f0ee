"""In which order the language model's process serves its requests."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from appliance.engines.llama.server_main import _Inbox, _Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class TwoTokenModel:
    """A model that writes two tokens for each text, and counts the texts in progress."""

    def __init__(self) -> None:
        self.nested = 0
        self.most_nested = 0

    def use_threads(self, threads: int) -> None:
        pass

    def complete(
        self, request: dict[str, Any], must_stop: Callable[[], bool]
    ) -> Iterator[dict[str, Any]]:
        self.nested += 1
        self.most_nested = max(self.most_nested, self.nested)
        yield {"token": "a"}
        yield {"token": "b"}
        yield {"done": {"text": "ab"}}
        self.nested -= 1


class FakeClient(io.StringIO):
    """Receives the responses, and sends the next request at a certain one."""

    def __init__(self, inbox: _Inbox, at: str, requests: int) -> None:
        super().__init__()
        self._inbox, self._at, self._requests = inbox, at, requests
        self.received: list[tuple[int, str]] = []

    def write(self, text: str) -> int:
        if text.strip():
            response = json.loads(text)
            kind = next(key for key in response if key != "id")
            self.received.append((response["id"], kind))
            if kind == self._at and response["id"] < self._requests:
                self._inbox.requests.put({"id": response["id"] + 1, "threads": 1})
        return len(text)


def served(at: str, requests: int) -> tuple[TwoTokenModel, list[tuple[int, str]]]:
    model, inbox = TwoTokenModel(), _Inbox()
    client = FakeClient(inbox, at, requests)
    service = _Service(model, inbox, client, ValueError)  # type: ignore[arg-type]
    service.serve({"id": 1, "threads": 1})
    while not inbox.requests.empty():
        service.serve(inbox.requests.get())
    return model, client.received


def test_a_request_sent_right_after_an_answer_is_not_served_within_that_answer() -> None:
    model, responses = served("done", requests=9)
    assert model.most_nested == 1
    assert [number for number, kind in responses if kind == "done"] == list(range(1, 10))


def test_a_request_between_two_tokens_is_served_first() -> None:
    model, responses = served("token", requests=2)
    assert model.most_nested == 2
    assert [number for number, kind in responses if kind == "done"] == [
        2,
        2,
        1,
    ]  # one at each token
