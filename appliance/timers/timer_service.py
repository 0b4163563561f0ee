"""The thread of the timers: rings what is due, keeps them on disk, and publishes what happens."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from appliance.audio.earcons import Earcon
from appliance.errors import UNREADABLE_JSON, JournalError, RequestError
from appliance.ids import boot_seconds
from appliance.journal.inbox import IncomingRequest
from appliance.messages.timer_payloads import (
    ShownTimer,
    TimerEvent,
    TimerKind,
    TimerPhase,
    TimersNow,
)
from appliance.messages.topics import retained
from appliance.threads import LoopBody
from appliance.timers.clocks import Clocks
from appliance.timers.timer import Timer
from appliance.timers.timer_intents import TimerIntents, TimerOrder
from appliance.timers.timer_list import STALE_S, TimerList
from appliance.timers.timer_phrases import timer_phrases_for
from appliance.values import (
    SAID_FOR_LATER,
    Action,
    Message,
    Operation,
    Request,
    Source,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import Config
    from appliance.devices.confirmation_rules import ConfirmationRules
    from appliance.dialogue.speech_output import SpeechOutput
    from appliance.ids import Ids
    from appliance.jobs.job_queue import JobQueue
    from appliance.journal.journal import Journal
    from appliance.messages.request_payloads import TimerRequest
    from appliance.messages.timer_payloads import TimerChange
    from appliance.messages.topics import Topics
    from appliance.mqtt.publisher import Publisher
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.values import Result

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds between two checks for due timers."""

RING_EVERY_S = 4.0
"""Seconds between the beginnings of two rings."""

ANSWERS_KEPT = 32
"""Number of remembered answers, so that a request that comes again after a crash is not done
twice."""

UNKNOWN = "no timer has this id; the topic timers has the list"
NOT_PAUSED = "only a timer can be paused, not this {kind}; cancel it, and start another one"

ROW = "timer/"
ANSWERED = "timers/answered"
LATEST = "timers/latest"
"""Keys of the journal's records: each timer, the answers above, and the calendar's last moment."""


class TimerService(LoopBody):
    """The timers' thread. A Loop calls `turn`; any thread may call `handle_intent`.

    A change and the messages that tell of it are one transaction of the journal. So a timer that
    was announced as started is on disk, and its ringing is announced exactly once.
    """

    def __init__(  # noqa: PLR0913  (disk, broker, sound, and what the orders are about)
        self,
        config: Config,
        journal: Journal,
        publisher: Publisher,
        *,
        topics: Topics,
        ids: Ids,
        speech: SpeechOutput,
        sentences: ActiveSentences,
        rules: ConfirmationRules,
        queue: JobQueue,
        is_synced: Callable[[], bool | None],
    ) -> None:
        self._settings = config.timers
        self._language = config.device.language
        self._area = config.device.area or None
        self._journal = journal
        self._publisher = publisher
        self._topics = topics
        self._ids = ids
        self._speech = speech
        self._queue = queue
        self._lock = threading.Lock()
        self._clocks = Clocks(_number(journal.records(LATEST).get("")), is_synced=is_synced)
        self._timers = TimerList(self._clocks, _restored(journal))
        snooze_s = config.timers.snooze_minutes * 60
        self._intents = TimerIntents(self._timers, sentences, rules, snooze_s)
        answered = journal.records(ANSWERED).get("")
        self._answered: dict[str, str] = (
            msgspec.json.decode(answered, type=dict) if answered else {}
        )
        self._interruptions = speech.interruptions
        self._ring_at = 0.0
        self._due: list[IncomingRequest] = []
        """Due delayed commands that are not in the inbox yet."""
        self._wake = threading.Event()

    def handle_intent(self, result: Result) -> Action | None:
        """Carry out an intent about timers."""
        intent = result.intent
        if intent is None or not self._intents.knows(intent.name):
            return None
        with self._lock:
            answer = self._answered.get(result.command_id)
            if answer is None:
                said = result.source is Source.SPEECH or result.models.stt is not None
                order = TimerOrder(result.command_id, intent, result.language, self._area, said)
                answer = self._answered[result.command_id] = self._intents.carry_out(order)
                while len(self._answered) > ANSWERS_KEPT:
                    self._answered.pop(next(iter(self._answered)))
                self._save({ANSWERED: encode(self._answered)})
        self._wake.set()
        return Action(answer=answer or None)

    def change(self, asked: TimerRequest) -> None:
        """Cancel, pause or resume one timer.

        Raises:
            RequestError: there is none with this id, or its time cannot be stopped.

        """
        with self._lock:
            timer = self._timers.timers.get(asked.id)
            if timer is None:
                raise RequestError("unknown", UNKNOWN)
            if asked.change == "cancel":
                self._timers.cancel(timer)
            elif timer.kind is not TimerKind.TIMER:
                raise RequestError("unsupported", NOT_PAUSED.format(kind=timer.kind))
            elif asked.change == "pause":
                self._timers.pause(timer)
            else:
                self._timers.resume(timer)
            self._save()
        self._wake.set()

    def now(self) -> TimersNow:
        """The list as it is published, with the seconds that are left at this moment."""
        with self._lock:
            return self._list()

    def start(self) -> None:
        """Publish the list as it was kept."""
        with self._lock:
            self._publish_list()

    def turn(self) -> None:
        """Ring due timers, and end those that have rung long enough."""
        self._wake.wait(POLL_S)
        self._wake.clear()
        with self._lock:
            commands, missed = self._timers.tick()
            self._end_ringing()
            self._due += [self._request_for(timer) for timer in commands]
            self._save()
            ringing = self._timers.ringing()
        if missed:
            self._say_missed(missed)
        if ringing:
            self._ring(ringing)

    def _request_for(self, timer: Timer) -> IncomingRequest:
        """A delayed command as a request that somebody sent now; late, it expires."""
        request = Request(
            id=self._ids.new(),
            operation=Operation.COMMAND,
            payload=(timer.text or "").encode(),
            expires_at=boot_seconds() + STALE_S,
            requester=SAID_FOR_LATER if timer.by_voice else "timers",
            area=timer.area or "",
        )
        return IncomingRequest(request, f"timer {timer.id}".encode(), may_repeat=False)

    def _end_ringing(self) -> None:
        """End a ring after an interruption, or after `timers.ring_s`."""
        interrupted = self._speech.interruptions != self._interruptions
        self._interruptions = self._speech.interruptions
        for timer in self._timers.ringing():
            if interrupted or self._timers.rang_for_s(timer) > self._settings.ring_s:
                self._timers.silence(timer)
                if timer.kind is TimerKind.ALARM:
                    self._intents.last_rung = timer

    def _ring(self, ringing: list[Timer]) -> None:
        now = time.monotonic()
        if now < self._ring_at:
            return
        self._ring_at = now + RING_EVERY_S
        phrases, words = timer_phrases_for(self._language)
        self._speech.play(Earcon.RING, always=True)
        for timer in ringing:
            self._speech.say(phrases.ring(timer, words))

    def _say_missed(self, missed: list[Timer]) -> None:
        phrases, words = timer_phrases_for(self._language)
        logger.warning("%d timers were missed while the appliance was off", len(missed))
        self._speech.say(phrases.missed.format(list=phrases.joined(missed, words)))

    # To disk and to the broker.

    def _save(self, more: dict[str, bytes | None] | None = None) -> None:
        """Write what has changed, with its messages; if the disk refuses, the next turn tries."""
        timers, happened = self._timers, self._timers.happened
        waits = self._publisher.disk_breaker.is_waiting() and not (happened or more)
        if waits or not (timers.unsaved or happened or more or self._due):
            return
        rows: dict[str, bytes | None] = {}
        for key in timers.unsaved:
            timer = timers.timers.get(key)
            rows[f"{ROW}{key}"] = None if timer is None else encode(timer)
        rows[LATEST] = encode(self._clocks.unix())
        messages = [self._message(change, timer) for change, timer in happened]
        try:
            verdicts = self._journal.write_records({**rows, **(more or {})}, messages, self._due)
        except JournalError as error:
            self._publisher.disk_breaker.record_failure(error)
            for message in messages:
                self._publisher.publish(message)
        else:
            timers.unsaved.clear()
            self._due.clear()
            self._publisher.notify()
            for verdict in verdicts:
                if verdict.accepted is None:
                    logger.error("a delayed command is not done: requests.maximum_waiting wait")
                else:
                    self._queue.restore(verdict.accepted)
        happened.clear()
        self._publish_list()

    def _message(self, change: TimerChange, timer: Timer) -> Message:
        event = TimerEvent(
            id=self._ids.new(), change=change, timer=self._shown_form(timer), at=_iso(time.time())
        )
        return Message(self._topics.timer(change), encode(event))

    def _publish_list(self) -> None:
        self._publisher.publish_retained(retained(self._topics.timers, encode(self._list())))

    def _list(self) -> TimersNow:
        shown = [self._shown_form(timer) for timer in self._timers.sorted()]
        return TimersNow(timers=shown, clock_synced=self._clocks.is_synced())

    def _shown_form(self, timer: Timer) -> ShownTimer:
        left_s = self._timers.left_s(timer)
        paused = timer.phase is TimerPhase.PAUSED
        ringing = timer.phase is TimerPhase.RINGING
        due_unix_s = timer.due.unix_s if ringing else self._clocks.unix() + left_s
        return ShownTimer(
            id=timer.id,
            kind=timer.kind,
            phase=timer.phase,
            name=timer.name,
            area=timer.area,
            text=timer.text,
            duration_s=timer.duration_s or None,
            due_at=None if paused else _iso(due_unix_s),
            left_s=round(left_s, 1),
            time=None if timer.hour is None else f"{timer.hour:02d}:{timer.minute:02d}",
            days=timer.days,
        )


def _restored(journal: Journal) -> dict[str, Timer]:
    """The timers on disk; one that a newer version wrote stays there for that version."""
    timers = {}
    for key, row in journal.records(ROW).items():
        try:
            timers[key] = msgspec.json.decode(row, type=Timer)
        except UNREADABLE_JSON as error:
            logger.error("timer %s stays on disk, it cannot be read: %s", key, error)  # noqa: TRY400
    return timers


def _number(row: bytes | None) -> float:
    return 0.0 if row is None else float(msgspec.json.decode(row))


def _iso(unix_s: float) -> str:
    at = datetime.fromtimestamp(unix_s, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
