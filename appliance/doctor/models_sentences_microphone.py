"""Checks of sentences, models, language model, microphone, faults and image notices."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from appliance.audio.microphone import SoundCardMicrophone
from appliance.devices.declared_actions import check_actions
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.doctor.check_result import CheckContext, CheckResult, error, not_here, ok, warning
from appliance.engines.llama import server_launcher
from appliance.errors import MicrophoneError, ModelMissing, SentencesError
from appliance.ids import boot_id
from appliance.models import catalogue
from appliance.models.store import ModelState, Store, is_path
from appliance.protocols import FRAME_SAMPLES
from appliance.sentences import sentence_set
from appliance.system import image_messages, kept_faults, memory_and_sockets
from appliance.threads import Deadline
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.values import Samples

LISTEN_S, TIMEOUT_S = 0.3, 5.0
QUIET_DBFS = -75.0
"""dBFS; a working microphone is louder even in a quiet room."""

NO_LISTEN = (
    'listening.trigger is "request", but mqtt.operations does not have "listen": '
    "no request can start it; add it, or set another trigger"
)


def sentences(context: CheckContext) -> Iterator[CheckResult]:
    """Whether every sentence file can be used, and the grammar can be compiled for speech."""
    try:
        found = sentence_set.load(
            context.config.sentence_folder,
            context.config.device.language,
            builtin=context.config.sentences.builtin,
            area=context.config.device.area,
            included=context.config.sentences.included,
        )
        rules, discovery = DiscoveryRules.of(context.config), context.config.devices.discovery
        idle = check_actions(found.declared, rules, discovery)
        if context.config.speech.grammar:
            _ = found.grammar  # compiling for speech has limits of its own
    except SentencesError as failure:
        for problem in failure.problems:
            yield error("sentences", problem)
        return
    for problem in (*found.warnings, *idle):
        yield warning("sentences", problem)
    intents = len(found.intents.intents)
    whose = context.config.sentences.folder or "the starter set"
    yield ok("sentences", f"{whose}: {intents} intents, {found.how_many()} sentences")


def models(context: CheckContext) -> Iterator[CheckResult]:
    """Whether every configured model is installed, and has the published checksum."""
    config = context.config
    store = Store(config.models_directory)
    if store.directory.exists() and not store.directory.is_dir():
        found = f"{store.directory} is not a folder"
        yield error("models", found, "set device.models_directory to a folder")
        return
    for name in config.models:
        yield _own_model(store, name) if is_path(name) else _known_model(store, name)
    if context.model_advice:
        yield warning("models", context.model_advice)


def _own_model(store: Store, name: str) -> CheckResult:
    try:
        path = store.path_of(name)
    except ModelMissing as failure:
        return error("models", str(failure))
    return ok("models", f"{path}: your own model; it has no checksum to compare with")


def _known_model(store: Store, name: str) -> CheckResult:
    try:
        model = store.find(name)
    except ModelMissing as failure:
        known = name in catalogue.names_to_pull()
        return error("models", str(failure), "" if known else "correct its name in config.toml")
    # Every byte is read: a check must not rely on an earlier one.
    condition = store.inspect(model, full=True)
    folder = store.folder(model)
    remedy = f"run: appliance models pull {name}"
    if condition.state is ModelState.MISSING:
        return error("models", f"{name} is not in {store.directory}", remedy)
    if condition.state is ModelState.DAMAGED:
        return error("models", f"{name} in {folder} is damaged: {condition}", remedy)
    return ok("models", f"{name}: {len(model.files)} files in {folder}, SHA-256 correct")


def image(_: CheckContext) -> Iterator[CheckResult]:
    """The notices of the image that the appliance is part of; without one there is no answer."""
    for notice in image_messages.read():
        yield warning("image", notice, "see STATUS.txt in the folder `appliance` on the card")


def last_faults(context: CheckContext) -> Iterator[CheckResult]:
    """Whether a fault was logged since boot."""
    kept = kept_faults.read(context.config.state_directory)
    recent = [fault for fault in kept if fault.boot_id == boot_id()]
    if recent:
        last = recent[-1]
        times = sum(fault.times for fault in recent)
        found = f"{times} since boot; the last: {last.message}"
        yield warning("faults", found, "see the log; for help: appliance support-bundle")
    else:
        before = f"; {len(kept)} before that" if kept else ""
        yield ok("faults", f"none since boot{before}")


def language_model(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the language model is running, or why not."""
    if not context.config.language_model.enabled:
        yield not_here("language model", "off: language_model.enabled is false")
        return
    kept = kept_faults.read(context.config.state_directory)
    own = [one for one in kept if one.where.startswith(kept_faults.LANGUAGE_MODEL)]
    recent = [one for one in own if one.boot_id == boot_id()]
    is_running = context.daemon and memory_and_sockets.descendant_runs(
        context.daemon, server_launcher.MODULE
    )
    if recent:
        times = sum(one.times for one in recent)
        found = f"{times} times since boot; the last: {recent[-1].message}"
        if context.daemon and is_running is False:
            advice = "it is tried again; see language_model.model and the memory line"
            yield error("language model", f"it is not running; it failed {found}", advice)
        else:
            now = "it is running now; " if is_running else ""
            advice = "see language_model.memory_limit_mb; run: appliance models verify"
            yield warning("language model", f"{now}it failed {found}", advice)
    elif context.daemon is None:
        yield not_here("language model", "the appliance is not running; no failure since boot")
    else:
        yield ok(
            "language model", "it is running" if is_running else "it is loaded at its first use"
        )


def microphone(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the microphone delivers sound."""
    config = context.config
    if config.listening.trigger == "off":
        yield not_here("microphone", "not used: listening.trigger is off")
        return
    if config.listening.trigger == "request" and "listen" not in config.mqtt.operations:
        yield warning("microphone", NO_LISTEN)
    if context.daemon is not None:
        user = f"the running appliance (pid {context.daemon})"
        yield ok("microphone", f"in use by {user}; its state is in the topic health")
        return
    try:
        with _without_alsa_output():
            sound = _listen(
                SoundCardMicrophone(config.microphone.device, config.microphone.channel)
            )
    except MicrophoneError as failure:
        yield warning("microphone", str(failure))
        return
    yield _sound_result(config.microphone.device or "the default microphone", sound)


def _sound_result(name: str, sound: Samples) -> CheckResult:
    if sound.size == 0:
        found = f"{name} opens, but delivers no sound within {TIMEOUT_S:g} s"
        return warning(
            "microphone", found, "plug it in again, or choose another one in microphone.device"
        )
    if sound.min() == sound.max():
        found = f"{name} opens, but is silent: every sample is the same"
        return warning("microphone", found, "unmute it (alsamixer) or check its cable")
    loudest = 20 * math.log10(float(np.abs(sound).max()))
    if loudest < QUIET_DBFS:
        found = f"{name} is very quiet: its peak is {loudest:.0f} dBFS"
        return warning("microphone", found, "raise its level with alsamixer")
    return ok("microphone", f"{name} works; peak {loudest:.0f} dBFS in {LISTEN_S:g} s")


def _listen(card: SoundCardMicrophone) -> Samples:
    frames: list[Samples] = []
    deadline = Deadline(TIMEOUT_S)
    card.open()
    try:
        while len(frames) * FRAME_SAMPLES < LISTEN_S * SAMPLE_RATE and deadline.left():
            frame = card.read(deadline.left())
            if frame is not None:
                frames.append(frame)
    finally:
        card.close()
    return np.concatenate(frames) if frames else np.zeros(0, dtype=np.float32)


@contextlib.contextmanager
def _without_alsa_output() -> Iterator[None]:
    """ALSA's library reports every card that it does not find directly to file descriptor 2."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
