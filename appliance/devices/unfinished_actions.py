"""Keeps commands to devices in the journal until their outcome is known, also over a restart."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from appliance.devices.planned_command import (
    ActionOrigin,
    KeptTarget,
    PlannedTarget,
    RestoredTarget,
    WatchedAction,
)
from appliance.errors import UNREADABLE_JSON, JournalError
from appliance.messages.action_payloads import ActionState
from appliance.values import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from appliance.devices.planned_command import Planned, Watched
    from appliance.journal.journal import Journal
    from appliance.journal.outbox import WaitingCommand
    from appliance.mqtt.publisher import Publisher
    from appliance.values import Message

logger = logging.getLogger(__name__)

ROW = "action/"
"""Beginning of the keys of the journal's records."""

COMMIT_S = 60.0
"""Seconds after which a record is no more waited for: the disk refused it."""


class KeptAction(msgspec.Struct, frozen=True):
    """A command, as it is kept."""

    origin: ActionOrigin
    targets: list[KeptTarget]


class UnfinishedActions:
    """The journal's records of commands. One lock of the caller serialises the calls."""

    def __init__(self, journal: Journal, publisher: Publisher) -> None:
        self._journal = journal
        self._publisher = publisher
        self._ended: dict[str, float] = {}
        """Records that were not there when they were to be deleted, and until when to look."""

    def record(self, origin: ActionOrigin, targets: Sequence[Planned]) -> dict[str, bytes]:
        """The record of a command; the journal writes it together with the result."""
        kept = KeptAction(origin, [_kept(target) for target in targets])
        return {record_key(origin): encode(kept)}

    def restored(self) -> list[WatchedAction]:
        """The commands whose outcome was not known when the process ended.

        What nobody reports is unconfirmed if its message was being sent, or came too late.
        """
        try:
            waiting = self._journal.waiting_commands()
            rows = self._journal.records(ROW)
        except JournalError as error:
            self._publisher.disk_breaker.record_failure(error)
            return []
        doubtful = {(one.command, one.topic) for one in waiting if one.is_sent or one.is_stale}
        found = []
        for key, row in rows.items():
            try:
                kept = msgspec.json.decode(row, type=KeptAction)
            except UNREADABLE_JSON as error:
                logger.error("command %s stays on disk, it cannot be read: %s", key, error)  # noqa: TRY400
                continue
            topics = {topic for command, topic in doubtful if command == f"{ROW}{key}"}
            targets: list[Watched] = [_restored(one, topics) for one in kept.targets]
            # Nobody waits for a spoken answer any more.
            origin = msgspec.structs.replace(kept.origin, was_spoken=False)
            found.append(WatchedAction(origin, targets, None))
        return found

    def note_delivery(self, actions: Iterable[WatchedAction]) -> None:
        """Find out whether the messages of commands that nobody reports on were delivered."""
        asked = [one for one in actions if one.outcome is ActionState.SENT and not one.waits]
        if not asked:
            return
        try:
            waiting = self._journal.waiting_commands()
            rows = self._journal.records(ROW)
        except JournalError as error:
            self._publisher.disk_breaker.record_failure(error)
            return
        now = time.monotonic()
        for action in asked:
            is_written = action.origin.command_id in rows
            is_lost = action.began is not None and now - action.began > COMMIT_S and not is_written
            _note_delivery(action, waiting, is_over=is_written or is_lost)

    def end(self, action: WatchedAction, messages: Sequence[Message]) -> None:
        """Delete the record of a command, and publish what became of it, in one transaction."""
        key = record_key(action.origin)
        try:
            was_there = self._journal.end_record(key, messages)
        except JournalError as error:
            was_there = False
            self._publisher.disk_breaker.record_failure(error)
            for message in messages:
                self._publisher.publish(message)
        if not was_there:  # its result is not on disk yet
            self._ended[key] = time.monotonic() + COMMIT_S
        self._publisher.notify()

    def turn(self) -> None:
        """Delete records that were written after the outcome of their command was known."""
        for key, until in tuple(self._ended.items()):
            try:
                was_there = self._journal.end_record(key)
            except JournalError as error:
                self._publisher.disk_breaker.record_failure(error)
                return
            if was_there or time.monotonic() > until:
                del self._ended[key]


def record_key(origin: ActionOrigin) -> str:
    """The key of the record of a command."""
    return f"{ROW}{origin.command_id}"


def _kept(target: Planned) -> KeptTarget:
    topics, state = target.topics, target.state
    if not isinstance(target, PlannedTarget):
        return KeptTarget(target.name, state, topics)
    entity = target.device.entity.key if target.waits else None
    call, area = target.call, target.device.area
    return KeptTarget(target.name, state, topics, area, entity, call.name, call.data)


def _restored(kept: KeptTarget, doubtful: set[str]) -> RestoredTarget:
    is_doubtful = kept.entity is None and bool(doubtful & set(kept.topics))
    sent = kept.state is ActionState.SENT
    return RestoredTarget(kept, ActionState.UNCONFIRMED if is_doubtful and sent else kept.state)


def _note_delivery(
    action: WatchedAction, waiting: Sequence[WaitingCommand], *, is_over: bool
) -> None:
    waiting = [one for one in waiting if one.command == record_key(action.origin)]
    stale = {one.topic for one in waiting if one.is_stale}
    for target in action.targets:
        if target.state is ActionState.SENT and stale & set(target.topics):
            target.state = ActionState.UNCONFIRMED
    if is_over and not waiting:
        action.is_delivered = True
