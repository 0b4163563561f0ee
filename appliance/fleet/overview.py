"""Compares the retained messages of a fleet's boards side by side."""

from __future__ import annotations

import collections
import hashlib
import math
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.errors import UNREADABLE_JSON
from appliance.messages.status_payloads import Info

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class FleetBoard(msgspec.Struct, frozen=True, kw_only=True):
    """One board; a line of `appliance fleet list --json`."""

    root: str
    """Root of its topics."""
    status: str
    """`online`, `stopped`, `offline`, or `unknown` if it publishes none."""
    version: str | None = None
    language: str | None = None
    configuration: str | None = None
    """SHA-256, as in `info`."""
    sentences: str | None = None
    bundle: int = 0
    """Serial number of the active bundle; 0 for none."""
    bundle_state: str | None = None
    """Null if the board takes no bundles."""
    problems: tuple[str, ...] = ()
    """Problems from its health, and values that differ from most other boards."""


def boards_of(messages: Mapping[str, bytes]) -> list[FleetBoard]:
    """The boards whose retained `status`, `info` and `health` are here, by topic."""
    roots = sorted({topic.rpartition("/")[0] for topic in messages})
    boards = [_board(root, messages) for root in roots]
    usual = {key: _most_common(getattr(board, key) for board in boards) for key in COMPARED}
    return [_with_drift(board, usual) for board in boards]


COMPARED = ("version", "configuration", "sentences", "bundle")
"""Values that should be the same on all boards; a board with another one has drifted."""


def staged(roots: Sequence[str], serial: int, percent: float) -> list[str]:
    """Return the boards of the first `percent` of a rollout, at least one.

    The order is random for each bundle, so that the same board is not always the first. A larger
    share contains each smaller one.
    """
    order = sorted(roots, key=lambda root: hashlib.sha256(f"{serial} {root}".encode()).digest())
    return order[: max(1, math.ceil(len(order) * percent / 100))]


def _board(root: str, messages: Mapping[str, bytes]) -> FleetBoard:
    status = messages.get(f"{root}/status", b"unknown").decode(errors="replace")
    problems = [] if status == "online" else [f"is {status}"]
    try:
        info = msgspec.json.decode(messages.get(f"{root}/info", b""), type=Info)
    except UNREADABLE_JSON:
        return FleetBoard(root=root, status=status, problems=(*problems, "publishes no info"))
    bundle = info.bundle
    if bundle is not None and bundle.state == "taken_back":
        problems.append(f"bundle {bundle.highest} was rolled back: {bundle.reason}")
    return FleetBoard(
        root=root,
        status=status,
        version=info.version,
        language=info.language,
        configuration=None if info.hashes is None else info.hashes.configuration,
        sentences=None if info.hashes is None else info.hashes.sentences,
        bundle=0 if bundle is None else bundle.serial,
        bundle_state=None if bundle is None else bundle.state,
        problems=(*problems, *_health_problems(messages.get(f"{root}/health", b"{}"))),
    )


def _health_problems(payload: bytes) -> list[str]:
    """Read loosely: an older or newer board has other fields."""
    try:
        health = msgspec.json.decode(payload)
    except UNREADABLE_JSON:
        return ["publishes no health that can be read"]
    if not isinstance(health, dict):
        return ["publishes no health that can be read"]
    link: dict[str, Any] = health["mqtt"] if isinstance(health.get("mqtt"), dict) else {}
    counts = {
        "messages dropped": link.get("dropped"),
        "messages refused by the broker": link.get("refused"),
        "dead letters": link.get("set_aside"),
        "damaged journals": link.get("damaged_journals"),
    }
    found = [f"{count} {what}" for what, count in counts.items() if count]
    if health.get("microphone") in ("lost", "silent"):
        found.append(f"microphone {health['microphone']}")
    if link.get("journal_error"):
        found.append(str(link["journal_error"]))
    return found


def _most_common(values: Iterable[Any]) -> Any:
    counted = collections.Counter(value for value in values if value is not None)
    return counted.most_common(1)[0][0] if counted else None


def _with_drift(board: FleetBoard, usual: Mapping[str, Any]) -> FleetBoard:
    drifted = [
        f"{key} differs from most boards"
        for key, value in usual.items()
        if getattr(board, key) not in (None, value)
    ]
    return msgspec.structs.replace(board, problems=(*board.problems, *drifted))
