"""The daemon's life: starts the threads in order, watches them, and stops them in reverse."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from appliance.config import load
from appliance.daemon.wiring import wire
from appliance.errors import ApplianceError, ThreadStuck
from appliance.events import ActivityChanged
from appliance.fleet.bundle_receiver import RESTART_STATUS
from appliance.journal.journal import LOST, Journal
from appliance.messages.topics import Topics
from appliance.models.speech_model_choice import with_usable_model
from appliance.pipeline import pipeline_factory
from appliance.system import logs, signal_wait
from appliance.system.run_history import RunRecord
from appliance.system.state_lock import StateLock
from appliance.system.systemd_notify import SystemdNotifier
from appliance.threads import LAST_LOOP_BUDGET_S, STOP_BUDGET_S, Deadline, Loop
from appliance.values import Activity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from appliance.config import Config
    from appliance.daemon.wiring import Parts
    from appliance.events import Observer
    from appliance.protocols import Microphone

logger = logging.getLogger(__name__)

TICK_S = 0.25
"""Seconds between two checks by the main thread."""

STANDSTILL_S = 5.0
"""Seconds without a tick and nearly without computing, after which the process was suspended."""


class Companion(Protocol):
    """A service that runs beside the daemon and ends with it."""

    def __enter__(self) -> Self:
        """Start; ApplianceError if it cannot."""

    def __exit__(self, *_: object) -> None:
        """Stop."""

    def exit_status(self) -> int | None:
        """None while it runs well; otherwise the status with which the daemon stops."""


@dataclass(frozen=True, kw_only=True)
class Extras:
    """Additional parts for the demo; a service has none."""

    companions: Sequence[Companion] = ()
    """Companions, started first after the state directory is locked."""
    microphone: Microphone | None = None
    """Takes the place of the sound card."""
    observers: Sequence[Observer] = ()


def run(config_path: Path, config: Config | None = None, extras: Extras | None = None) -> int:
    """Run until a signal (0), a crash (1 or the error's own status), or a companion's end."""
    config = config or load(config_path)
    logs.set_up(config.log.level)
    config = with_usable_model(config)
    pipeline_factory.go_offline()
    daemon = Daemon(config_path, config, extras or Extras())
    status = 1
    try:
        status = daemon.run()
    except ThreadStuck as error:
        logger.critical("%s", error)
    if daemon.late:
        # Python would wait for native code in those threads at its own end, perhaps for ever.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)
    return status


class Stopped(ApplianceError):
    """A signal asked us to stop while we were starting."""

    exit_status = 0


class Daemon:
    """`run` is the main thread: it starts, watches and stops everything else."""

    def __init__(self, config_path: Path, config: Config, extras: Extras) -> None:
        self._config_path = config_path
        self._config = config
        self._extras = extras
        self._started_at = time.monotonic()
        self._notifier = SystemdNotifier()
        self._loops: list[Loop] = []
        self._stop_deadline: Deadline | None = None
        self._reload_asked = False
        self._ticked_at = self._running_since = time.monotonic()
        self._computed_s = time.process_time()
        self._journal: Journal | None = None
        """While it was starting."""
        self.late: list[str] = []
        """Threads that did not stop in time, and are left behind."""

    def run(self) -> int:
        """Start everything in order, watch it, and stop it in reverse."""
        with ExitStack() as stack:
            try:
                parts = self._start(stack)
                return self._watch(parts)
            except Stopped:
                return 0
            finally:
                self._notifier.stopping()
                self._stop_deadline = Deadline(STOP_BUDGET_S)

    def _start(self, stack: ExitStack) -> Parts:
        """Consumers before producers; the stack stops them in reverse."""
        config, extras = self._config, self._extras
        pipeline_factory.find_models(config)  # what is missing is said at once, not after a minute
        stack.enter_context(StateLock(config.state_directory))
        stack.enter_context(RunRecord(config.state_directory))
        journal = Journal(
            config.state_directory,
            config.journal,
            config.requests,
            answer_prefixes=Topics.of(config).reply_prefixes,
        )
        stack.callback(journal.close)
        self._journal = journal
        for companion in extras.companions:
            stack.enter_context(companion)
        parts = wire(self._config_path, config, journal, stack, extras.microphone)
        for observer in extras.observers:
            parts.events.subscribe(observer)
        stack.enter_context(parts.metrics.serve(config.metrics))
        parts.dispatcher.restore()  # before MQTT may bring more
        parts.events.emit(ActivityChanged("daemon", Activity.STARTING))
        # Timers before the worker: what is due must not wait until the models are loaded.
        for loop in (parts.mqtt_loop, parts.speech_loop, parts.timers_loop):
            self._start_loop(stack, loop, parts)
        for loop in (parts.worker_loop, *parts.voice_loops, *parts.client_loops):
            self._start_loop(stack, loop, parts)
        parts.status.describe()
        parts.events.emit(ActivityChanged("daemon", Activity.IDLE))
        self._notifier.ready(_status_line(parts))
        logger.info(
            "ready after %.1f s: device %s on topic %s, %d intents",
            time.monotonic() - self._started_at,
            config.name,
            config.root,
            len(parts.settings.sentences.declared),
        )
        return parts

    def _start_loop(self, stack: ExitStack, loop: Loop, parts: Parts) -> None:
        """Start a thread, wait until it is ready, and have it stopped in its turn."""
        self._loops.append(loop)
        stack.callback(self._stop_loop, loop, parts)
        loop.start()
        while not loop.ready.is_set():
            if loop.error is not None:
                raise loop.error
            caught = signal_wait.wait(0.02)
            if caught in signal_wait.STOP:
                raise Stopped("asked to stop before it was ready")
            if caught is signal_wait.RELOAD:
                self._reload_asked = True

    def _stop_loop(self, loop: Loop, parts: Parts) -> None:
        """Wait for its end, but leave time for MQTT, which is stopped last."""
        deadline = self._stop_deadline or Deadline(STOP_BUDGET_S)
        left = deadline.left()
        last = loop is parts.mqtt_loop
        try:
            loop.stop(Deadline(left if last else max(0.1, left - LAST_LOOP_BUDGET_S)))
        except ThreadStuck as stuck:
            logger.warning("%s; the process ends without it", stuck)
            self.late.append(loop.name)
            if loop is parts.worker_loop:
                parts.worker.abandon()

    def _watch(self, parts: Parts) -> int:
        """Watch until a signal (0), a crash (1 or the error's own status), or a companion's end."""
        self._ticked_at, self._computed_s = time.monotonic(), time.process_time()
        while True:
            caught = signal_wait.RELOAD if self._reload_asked else signal_wait.wait(TICK_S)
            self._reload_asked = False
            if caught is signal_wait.RELOAD:
                self._reload(parts)
            elif caught is not None:
                logger.info("%s: stopping", caught.name)
                return 0
            if (status := self._tick(parts)) is not None:
                return status

    def _tick(self, parts: Parts) -> int | None:
        """Check all parts once; return an exit status if the daemon must stop."""
        self._notice_standstill()
        if self._journal_is_lost():
            logger.critical("%s", LOST)
            return 1
        for loop in self._loops:
            if loop.error is not None:
                error = loop.error
                return error.exit_status if isinstance(error, ApplianceError) else 1
            if loop.is_stuck(self._running_since):
                raise ThreadStuck(f"the {loop.name} has not come back for too long")
        parts.voice.tick()
        if not parts.voice.is_neglected:
            self._notifier.beat()  # systemd restarts a deaf appliance
        parts.dispatcher.tick()
        parts.settings.watch()
        if parts.bundles.tick(parts.settings.fault):
            parts.status.describe()
        if parts.bundles.restart_asked:
            return RESTART_STATUS
        parts.status.tick()
        self._notifier.status(_status_line(parts))
        ended = (companion.exit_status() for companion in self._extras.companions)
        return next((status for status in ended if status is not None), None)

    def _journal_is_lost(self) -> bool:
        return self._journal is not None and self._journal.is_lost

    def _notice_standstill(self) -> None:
        """A process that was suspended (SIGSTOP, a sleeping board) is not stuck."""
        now, computed_s = time.monotonic(), time.process_time()
        gone_s = now - self._ticked_at
        if gone_s > STANDSTILL_S and computed_s - self._computed_s < gone_s / 10:
            logger.warning("the process stood still for %.0f s", gone_s)
            self._running_since = now
        self._ticked_at, self._computed_s = now, computed_s

    def _reload(self, parts: Parts) -> None:
        self._notifier.reloading()
        if parts.settings.reload():
            parts.options.use_config(parts.settings.config)
        self._notifier.ready(_status_line(parts))


def _status_line(parts: Parts) -> str:
    """One line for `systemctl status`."""
    speech, requests = parts.queue.depth()
    health = parts.mqtt.health()
    return (
        f"{parts.settings.fault}microphone {parts.voice.state}, "
        f"broker {'connected' if health.connected else 'away'}, "
        f"{speech + requests} waiting, {health.outbox_rows} unsent"
    )
