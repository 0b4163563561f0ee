"""The satellite's process: microphone, wake word and loudspeaker, without a model of speech."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from appliance.dialogue.listener_control import ListenerControl
from appliance.dialogue.speech_output import SpeechOutput
from appliance.errors import ApplianceError, NeededError, ThreadStuck
from appliance.events import EventBus
from appliance.listening.voice_input import VoiceInput
from appliance.satellites.satellite_server import SatelliteServer
from appliance.system import signal_wait
from appliance.system.state_lock import StateLock
from appliance.system.systemd_notify import SystemdNotifier
from appliance.threads import STOP_BUDGET_S, Deadline, Loop

if TYPE_CHECKING:
    from appliance.config import Config

logger = logging.getLogger(__name__)

TICK_S = 0.25
"""Seconds between two checks by the main thread."""


def run(config: Config) -> int:
    """Run until a signal (0), or a crash (1 or the error's own status).

    Raises:
        NeededError: there is no address to listen on.

    """
    if not config.satellite.listen:
        raise NeededError('satellite.listen is empty: set it, for example "0.0.0.0:10700"')
    notifier = SystemdNotifier()
    with ExitStack() as stack:
        stack.enter_context(StateLock(config.state_directory))
        control, events = ListenerControl(), EventBus()
        speech = SpeechOutput(_without_voice(config), control, events)
        server = SatelliteServer(config, speech, control)
        voice = VoiceInput(
            _with_long_pauses(config),
            server.speech,
            None,
            control=control,
            speech=speech,
            events=events,
        )
        loops = [
            Loop("speech output", speech, turn_limit_s=180.0),
            Loop("satellite server", server),
            *voice.loops,
        ]
        for loop in loops:
            loop.start()
        status = _watch(loops, voice, server, notifier)
        notifier.stopping()
        speech.interrupt()
        if _stop(loops):
            # Python would wait for native code in those threads at its own end, or crash with it.
            logging.shutdown()
            os._exit(status)
        return status


def _watch(
    loops: list[Loop], voice: VoiceInput, server: SatelliteServer, notifier: SystemdNotifier
) -> int:
    """Watch until a signal, or the end of a thread."""
    is_ready = False
    while True:
        caught = signal_wait.wait(TICK_S)
        if caught is signal_wait.RELOAD:
            logger.warning("a satellite does not reload its settings; restart it")
        elif caught is not None:
            logger.info("%s: stopping", caught.name)
            return 0
        if (status := _fault_of(loops)) is not None:
            return status
        if not is_ready and all(loop.ready.is_set() for loop in loops):
            is_ready = True
            notifier.ready(_status_line(voice, server))
            logger.info("ready: a satellite")
        if not voice.is_neglected:
            notifier.beat()
        notifier.status(_status_line(voice, server))


def _fault_of(loops: list[Loop]) -> int | None:
    """The exit status, if a thread has ended or is stuck."""
    for loop in loops:
        if loop.error is not None:
            return loop.error.exit_status if isinstance(loop.error, ApplianceError) else 1
        if loop.is_stuck():
            logger.critical("the %s has not come back for too long", loop.name)
            return 1
    return None


def _stop(loops: list[Loop]) -> bool:
    """Stop the threads in reverse; whether one of them is late."""
    late, deadline = False, Deadline(STOP_BUDGET_S)
    for loop in reversed(loops):
        try:
            loop.stop(deadline)
        except ThreadStuck as stuck:
            logger.warning("%s; the process ends without it", stuck)
            late = True
    return late


def _status_line(voice: VoiceInput, server: SatelliteServer) -> str:
    recogniser = "connected" if server.is_connected else "away"
    return f"microphone {voice.state}, recogniser {recogniser}"


def _without_voice(config: Config) -> Config:
    """The configuration without speech synthesis, because answers come as sound."""
    speaking = msgspec.structs.replace(config.speaking, engine="off")
    return msgspec.structs.replace(config, speaking=speaking)


def _with_long_pauses(config: Config) -> Config:
    """Whoever recognises ends the sentence; the pause here must not come before."""
    listening = msgspec.structs.replace(
        config.listening,
        by_meaning=False,
        pause_ms=max(config.listening.pause_ms, config.listening.long_pause_ms),
    )
    return msgspec.structs.replace(config, listening=listening)
