"""Boards side by side: health, drift, and which of them come first."""

from __future__ import annotations

import itertools
import json

import msgspec
import pytest

from appliance.fleet.overview import boards_of, staged
from appliance.messages.status_payloads import ContentHashes
from appliance.pushed_bundle import BundleRecord
from appliance.reference.wire import INFO


def said(name: str, sentences: str = "s", **health: object) -> dict[str, bytes]:
    hashes = ContentHashes(configuration="c", sentences=sentences, models={})
    bundle = BundleRecord(serial=1, highest=1, state="active")
    info = msgspec.structs.replace(INFO, hashes=hashes, bundle=bundle)
    return {
        f"appliance/{name}/status": b"online",
        f"appliance/{name}/info": msgspec.json.encode(info),
        f"appliance/{name}/health": json.dumps(health).encode(),
    }


def test_a_board_that_differs_from_most_is_named_and_the_others_are_not() -> None:
    boards = boards_of({**said("a"), **said("b"), **said("c", sentences="other")})
    assert [board.problems for board in boards] == [
        *((), ()),
        ("sentences differs from most boards",),
    ]


def test_faults_in_health_are_problems() -> None:
    (board,) = boards_of(said("a", mqtt={"dropped": 3, "damaged_journals": 1}, microphone="lost"))
    assert board.problems == (*("3 messages dropped", "1 damaged journals", "microphone lost"),)


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{}", b'{"version": 3}'])
def test_a_board_whose_messages_cannot_be_read_is_listed_and_ends_nothing(payload: bytes) -> None:
    topics = ("status", "info", "health")
    (board,) = boards_of({f"x/odd/{topic}": payload for topic in topics})
    assert "publishes no info" in board.problems


def test_a_bundle_that_was_taken_back_is_a_problem() -> None:
    record = BundleRecord(serial=1, highest=2, state="taken_back", reason="not well")
    info = msgspec.structs.replace(INFO, bundle=record)
    messages = {**said("a"), "appliance/a/info": msgspec.json.encode(info)}
    assert "bundle 2 was rolled back: not well" in boards_of(messages)[0].problems


def test_a_larger_share_holds_each_smaller_one_and_another_bundle_has_another_order() -> None:
    roots = [f"appliance/{number}" for number in range(200)]
    shares = [set(staged(roots, 7, percent)) for percent in (0.1, 10, 50, 100)]
    assert [len(share) for share in shares] == [1, 20, 100, 200]
    assert all(small < large for small, large in itertools.pairwise(shares))
    assert set(staged(roots, 8, 10)) != shares[1]
    assert staged([], 7, 10) == []
