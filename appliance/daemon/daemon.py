"""The daemon: builds the house, lives in it, and leaves it in order."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from appliance.client import Watcher
from appliance.config import load
from appliance.daemon.engine_thread import EngineThread
from appliance.daemon.live_settings import LiveSettings
from appliance.daemon.metrics_collector import MetricsCollector
from appliance.daemon.status_publisher import Sound, StatusPublisher
from appliance.demo.embedded_broker import EmbeddedBroker
from appliance.errors import ApplianceError, ThreadStuck
from appliance.ids import Ids
from appliance.jobs.job_queue import JobQueue
from appliance.journal.journal import Journal
from appliance.listening.voice_terminal import TerminalServices, VoiceTerminal
from appliance.listening.wake_election import WakeElection
from appliance.messages.status_payloads import Status
from appliance.messages.topics import Topics
from appliance.mqtt import credentials
from appliance.mqtt.connection import BrokerConnection
from appliance.pipeline import engine_factory
from appliance.requests.mqtt_service import MqttService, status_of
from appliance.requests.request_dispatcher import Option, RequestDispatcher
from appliance.requests.request_parser import RequestParser
from appliance.system import logs, signals
from appliance.system.run_record import RunRecord
from appliance.system.sensors import Board, root_in_force
from appliance.system.state_lock import StateLock
from appliance.system.systemd_notify import SystemdNotifier
from appliance.threads import LAST_WORDS, STOP_BUDGET, Deadline, Loop
from appliance.values import Activity

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.config import Config
    from appliance.demo.demo import Demo
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Job, Result, SoundLevel, Utterance, Wake

logger = logging.getLogger(__name__)

TICK = 0.25
"""Seconds between two looks of the caretaker at everything."""


def run(config_path: Path, trial: Demo | None = None) -> int:
    """Live until a signal (0), a crash (1 or the error's own status), or the end of a trial."""
    config = load(config_path)
    logs.set_up(config.log.level)
    engine_factory.go_offline()
    daemon = Daemon(config_path, config, trial)
    status = 1
    try:
        status = daemon.live()
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
    """The house. `live` is the caretaker's work, who starts, watches and stops the threads."""

    def __init__(self, config_path: Path, config: Config, trial: Demo | None) -> None:
        self._config = config
        self._settings = LiveSettings(config_path, config, self._take_over)
        self._trial = trial
        self._started_at = time.monotonic()
        self._notifier = SystemdNotifier()
        self._topics = Topics.of(config)
        self._jobs = JobQueue(config.requests.maximum_waiting, begin=self._begin)
        self._loops: list[Loop] = []
        self._stop_deadline: Deadline | None = None
        self.late: list[str] = []
        """Threads that did not stop in their time, and are left behind."""
        self._workshop: EngineThread | None = None
        self._broker: EmbeddedBroker | None = None
        self._presence: VoiceTerminal | None = None
        self._election: WakeElection | None = None
        self._reload_asked = False
        """While it was starting."""

    def live(self) -> int:
        """Start everything in order, keep it, and stop it in reverse."""
        with ExitStack() as house:
            try:
                self._start(house)
                return self._keep()
            except Stopped:
                return 0
            finally:
                self._notifier.stopping()
                self._stop_deadline = Deadline(STOP_BUDGET)

    def _start(self, house: ExitStack) -> None:
        """The drain first, the tap last; ExitStack stops in reverse, the tap first."""
        config = self._config
        engine_factory.find_models(config)  # what is missing is said at once, not after a minute
        house.enter_context(StateLock(config.state_directory))
        house.enter_context(RunRecord(config.state_directory))
        self._journal = Journal(config.state_directory, config.journal, config.requests)
        house.callback(self._journal.close)
        self._ids = Ids(self._journal.last_id)
        self._desk = RequestDispatcher(self._jobs, self._journal, self._topics, config)
        if not config.mqtt.host:
            self._broker = house.enter_context(self._embedded_broker())
        self._start_postman(house)
        self._announcer.show(Activity.STARTING)
        self._start_worker(house)
        self._start_presence(house)
        self._announcer.describe(config, self._settings.sentences)
        self._announcer.show(Activity.IDLE)
        self._notifier.ready(self._status())
        logger.info(
            "ready after %.1f s: device %s on topic %s, %d intents",
            time.monotonic() - self._started_at,
            config.name,
            config.root,
            len(self._settings.sentences.declared),
        )

    def _embedded_broker(self) -> EmbeddedBroker:
        port = self._config.mqtt.embedded_port
        logger.warning(
            "mqtt.host names no broker: a small one of our own listens on 127.0.0.1:%d, for a "
            "trial; it forgets everything when it stops",
            port,
        )
        return EmbeddedBroker(port, self._config.requests.maximum_bytes)

    def _start_postman(self, house: ExitStack) -> None:
        config = self._config
        link = BrokerConnection(config, status_of(self._topics, Status.OFFLINE))
        reader = RequestParser(self._topics, config.requests.maximum_bytes, self._ids.new)
        postman = MqttService(self._journal, link, self._topics, reader, self._desk)
        self._postman = self._desk.postman = postman
        self._announcer = StatusPublisher(
            postman,
            self._topics,
            Board(root_in_force(), state_directory=config.state_directory),
            telemetry_every=config.telemetry.every_s,
        )
        metrics = config.metrics.listen
        self._metering = MetricsCollector(metrics, self._announcer, postman, self._jobs)
        house.enter_context(self._metering.served())
        self._furnish_desk()
        self._desk.open()  # before the postman may bring more
        loop = Loop("postman", postman.turn, starting=postman.start, ending=postman.stop)
        self._start_loop(house, loop)
        if self._trial is not None:
            self._trial.watcher = house.enter_context(
                Watcher(
                    config.broker_host,
                    config.broker_port,
                    f"{config.root}/#",
                    self._trial.on_message,
                    username=config.mqtt.username or None,
                    password=credentials.password(config.mqtt),
                    tls=credentials.tls_context(config.mqtt),
                    version=config.mqtt.version,
                )
            )

    def _furnish_desk(self) -> None:
        desk, announcer = self._desk, self._announcer
        desk.situation = announcer.situation
        desk.cancel_at_work = lambda job_id: bool(self._workshop and self._workshop.cancel(job_id))
        desk.options = {
            "log_level": Option(logs.level, logs.set_level),
            "telemetry_every_s": Option(
                lambda: announcer.telemetry_every,
                lambda seconds: setattr(announcer, "telemetry_every", seconds),
            ),
        }
        desk.on_options = lambda: announcer.describe(
            self._settings.config, self._settings.sentences
        )
        announcer.options = desk.options_now

    def _start_worker(self, house: ExitStack) -> None:
        self._workshop = EngineThread(
            self._settings, self._jobs, self._desk, self._announcer, self._take
        )
        self._start_loop(house, self._workshop.loop)

    def _deliver(self, job: Job, result: Result) -> None:
        self._metering.note(job, result)
        self._desk.deliver(job, result)

    def _take(self, job: Job, result: Result) -> None:
        """What was said at the device may have to be confirmed before anybody hears of it."""
        if self._presence is None:
            self._deliver(job, result)
        else:
            self._presence.take(job, result)

    def _start_presence(self, house: ExitStack) -> None:
        presence = VoiceTerminal(
            self._config,
            TerminalServices(
                offer=self._hear,
                deliver=self._deliver,
                cancel_work=self._desk.cancel_at_work,
                declared=lambda: self._settings.sentences.declared,
                new_id=self._ids.new,
                show=self._announcer.shown_by,
                tell=self._announcer.tell,
                situation=self._announcer.situation,
                changed=self._desk.on_options,
                woken=self._woken,
                so_far=None if self._workshop is None else self._workshop.so_far,
            ),
            self._trial,
        )
        house.callback(presence.close)
        self._announcer.also_show = presence.show
        self._desk.person = presence
        self._desk.options |= {
            "muted": Option(lambda: presence.muted, presence.mute),
            "trigger": Option(lambda: presence.trigger, presence.use),
        }
        if self._config.earshot is not None:
            self._election = WakeElection(
                self._config.name, self._announcer.announce_wake, presence.yield_to
            )
            self._postman.on_wake = self._election.heard
        for loop in presence.loops:
            self._start_loop(house, loop)
        self._presence = presence

    def _woken(self, wake: Wake, level: SoundLevel | None) -> None:
        if self._election is not None:
            self._election.woken(wake, level)

    def _start_loop(self, house: ExitStack, loop: Loop) -> None:
        """Start a thread, wait until it is ready, and have it stopped when its turn comes."""
        self._loops.append(loop)
        house.callback(self._stop_loop, loop)
        loop.start()
        while not loop.ready.is_set():
            if loop.error is not None:
                raise loop.error
            caught = signals.wait(0.02)
            if caught in signals.STOP:
                raise Stopped("asked to stop before it was ready")
            self._reload_asked |= caught is signals.RELOAD

    def _stop_loop(self, loop: Loop) -> None:
        """Wait for its end, but leave time for the postman, who is stopped last."""
        deadline = self._stop_deadline or Deadline(STOP_BUDGET)
        left = deadline.left()
        try:
            loop.stop(Deadline(left if loop.name == "postman" else max(0.1, left - LAST_WORDS)))
        except ThreadStuck as stuck:
            logger.warning("%s; the process ends without it", stuck)
            self.late.append(loop.name)
            if self._workshop is not None and loop is self._workshop.loop:
                self._workshop.abandon()

    def _hear(self, utterance: Utterance) -> bool:
        if self._trial is not None:
            self._trial.note(utterance)
        return self._jobs.offer(utterance)

    def _begin(self, job: Job) -> None:
        self._desk.begin(job)

    def _keep(self) -> int:
        """The caretaker: until a signal (0), a crash (1 or the error's own), a trial's end."""
        if self._reload_asked:
            self._reload()
        while True:
            caught = signals.wait(TICK)
            if caught is signals.RELOAD:
                self._reload()
            elif caught is not None:
                logger.info("%s: stopping", caught.name)
                return 0
            if (status := self._look_around()) is not None:
                return status

    def _look_around(self) -> int | None:
        """Whether everybody is well; an exit status if the end has come."""
        for loop in self._loops:
            if loop.error is not None:
                error = loop.error
                return error.exit_status if isinstance(error, ApplianceError) else 1
            if loop.is_stuck():
                raise ThreadStuck(f"the {loop.name} has not come back for too long")
        if self._broker is not None and not self._broker.running():
            logger.critical("the embedded broker died")
            return 1
        if self._presence is not None:
            self._presence.tick()
        if self._presence is None or not self._presence.is_neglected:
            self._notifier.beat()  # systemd starts a deaf appliance anew
        self._desk.tick()
        self._settings.watch()
        self._announcer.tick(self._sound, sum(self._jobs.depth()))
        self._notifier.status(self._status())
        return None if self._trial is None else self._trial.turn(self._topics)

    def _sound(self) -> Sound:
        if self._presence is None:
            return Sound()
        return Sound(self._presence.microphone, self._presence.health())

    def _status(self) -> str:
        """One line for `systemctl status`."""
        speech, requests = self._jobs.depth()
        health = self._postman.health()
        return (
            f"{self._settings.fault}microphone {self._sound().microphone}, "
            f"broker {'connected' if health.connected else 'away'}, "
            f"{speech + requests} waiting, {health.outbox_rows} unsent"
        )

    def _reload(self) -> None:
        self._notifier.reloading()
        if self._settings.reload():
            self._announcer.telemetry_every = self._settings.config.telemetry.every_s
        self._notifier.ready(self._status())

    def _take_over(self, config: Config, sentences: SentenceSet) -> None:
        if self._workshop is not None:
            self._workshop.take_over(sentences)
        self._announcer.describe(config, sentences)
