"""Questions about what the appliance is made of: sentences, models, microphone."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from appliance.audio.microphone import SoundCardMicrophone
from appliance.doctor.check_result import CheckContext, CheckResult, error, not_here, ok, warning
from appliance.engines.llama import server_launcher
from appliance.errors import MicrophoneError, ModelMissing, SentencesError
from appliance.grammar.grammar import Grammar
from appliance.ids import boot_id
from appliance.models import catalogue
from appliance.models.store import ModelState, Store, is_path
from appliance.protocols import FRAME_SAMPLES
from appliance.sentences import sentence_set as declared
from appliance.system import fault_log, notices, processes
from appliance.threads import Deadline
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.values import Samples

LISTEN_SECONDS, PATIENCE = 0.3, 5.0
FAINT_DB = -75.0
"""Below full scale; a microphone in a quiet room gives more than that."""


def sentences(place: CheckContext) -> Iterator[CheckResult]:
    """Whether every sentence file can be used, and speech can be held to what they say."""
    folder = place.config.sentences.folder
    try:
        found = declared.load(
            Path(folder).expanduser() if folder else None,
            place.config.device.language,
            builtin=place.config.sentences.builtin,
        )
        if place.config.speech.grammar:
            Grammar.of(found.intents)  # it has bounds of its own
    except SentencesError as failure:
        for problem in failure.problems:
            yield error("sentences", problem)
        return
    for problem in found.warnings:
        yield warning("sentences", problem)
    intents = len(found.intents.intents)
    whose = folder or "the starter set"
    yield ok("sentences", f"{whose}: {intents} intents, {found.how_many()} sentences")


def models(place: CheckContext) -> Iterator[CheckResult]:
    """Whether every model that the config names is here, and the published one."""
    config = place.config
    store = Store(config.models_directory)
    if store.directory.exists() and not store.directory.is_dir():
        found = f"{store.directory} is no folder"
        yield error("models", found, "set device.models_directory to one")
        return
    for name in config.models:
        yield _own_model(store, name) if is_path(name) else _known_model(store, name)


def _own_model(store: Store, name: str) -> CheckResult:
    try:
        path = store.path_of(name)
    except ModelMissing as failure:
        return error("models", str(failure))
    return ok("models", f"{path}: your own; there is no checksum to compare with")


def _known_model(store: Store, name: str) -> CheckResult:
    try:
        model = catalogue.find(name)
    except ModelMissing as failure:
        return error("models", str(failure), "correct its name in config.toml")
    # Every byte: who asks for a check wants to know, and not to be told what was true once.
    condition = store.inspect(model, full=True)
    where = store.folder(model)
    remedy = f"run: appliance models pull {name}"
    if condition.state is ModelState.MISSING:
        return error("models", f"{name} is not in {store.directory}", remedy)
    if condition.state is ModelState.DAMAGED:
        return error("models", f"{name} in {where} is damaged: {condition}", remedy)
    return ok("models", f"{name}: {len(model.files)} files in {where}, sha256 right")


def image(_: CheckContext) -> Iterator[CheckResult]:
    """What the image has to say, where the appliance lives in one; else nothing is asked."""
    for notice in notices.read():
        yield warning("image", notice, "see STATUS.txt in the folder on the card")


def last_faults(place: CheckContext) -> Iterator[CheckResult]:
    """Whether anything went wrong since the board was started."""
    kept = fault_log.read(place.config.state_directory)
    recent = [fault for fault in kept if fault.boot_id == boot_id()]
    if recent:
        last = recent[-1]
        often = sum(fault.times for fault in recent)
        found = f"{often} since the board was started; the last: {last.message}"
        yield warning("faults", found, "see the log; for help: appliance support-bundle")
    else:
        before = f"; {len(kept)} before that" if kept else ""
        yield ok("faults", f"none since the board was started{before}")


def language_model(place: CheckContext) -> Iterator[CheckResult]:
    """Whether the language model could be loaded, and stays: it is open, or why it is not."""
    if not place.config.language_model.enabled:
        yield not_here("language model", "none is wanted: language_model.enabled is false")
        return
    kept = fault_log.read(place.config.state_directory)
    own = [one for one in kept if one.where.startswith(fault_log.LANGUAGE_MODEL)]
    recent = [one for one in own if one.boot_id == boot_id()]
    lives = place.daemon and processes.has_below(place.daemon, server_launcher.MODULE)
    if recent:
        times = sum(one.times for one in recent)
        found = f"{times} times since the board was started; the last: {recent[-1].message}"
        if place.daemon and lives is False:
            advice = "all else goes on, and it is tried again; see language_model.model, and memory"
            yield error("language model", f"it does not run; it failed {found}", advice)
        else:
            now = "it runs now; " if lives else ""
            advice = "see language_model.memory_limit_mb, and memory; appliance models verify"
            yield warning("language model", f"{now}it failed {found}", advice)
    elif place.daemon is None:
        yield not_here("language model", "the appliance does not run, and nothing went wrong")
    else:
        yield ok("language model", "it runs" if lives else "it is opened at its first use")


def microphone(place: CheckContext) -> Iterator[CheckResult]:
    """Whether sound comes in."""
    config = place.config
    if config.listening.trigger == "off":
        yield not_here("microphone", "none is wanted: listening.trigger is off")
        return
    if place.daemon is not None:
        user = f"the running appliance (pid {place.daemon})"
        yield ok("microphone", f"in use by {user}, which says how it is in the topic health")
        return
    try:
        with _without_alsa_chatter():
            sound = _listen(SoundCardMicrophone(config.microphone.device))
    except MicrophoneError as failure:
        yield warning("microphone", str(failure))
        return
    yield _heard(config.microphone.device or "the default microphone", sound)


def _heard(name: str, sound: Samples) -> CheckResult:
    if sound.size == 0:
        found = f"{name} opens, but no sound came within {PATIENCE:g} s"
        return warning("microphone", found, "plug it in again or choose another: microphone.device")
    if sound.min() == sound.max():
        found = f"{name} opens, but it is silent: every sample is the same"
        return warning("microphone", found, "is it muted, or is its cable loose?")
    loudest = 20 * math.log10(float(np.abs(sound).max()))
    if loudest < FAINT_DB:
        found = f"{name} is very faint: its loudest sample is {-loudest:.0f} dB below full scale"
        return warning("microphone", found, "raise its level: alsamixer")
    return ok("microphone", f"{name} works; loudest {loudest:.0f} dBFS in {LISTEN_SECONDS:g} s")


def _listen(card: SoundCardMicrophone) -> Samples:
    frames: list[Samples] = []
    deadline = Deadline(PATIENCE)
    card.open()
    try:
        while len(frames) * FRAME_SAMPLES < LISTEN_SECONDS * SAMPLE_RATE and deadline.left():
            frame = card.read(deadline.left())
            if frame is not None:
                frames.append(frame)
    finally:
        card.close()
    return np.concatenate(frames) if frames else np.zeros(0, dtype=np.float32)


@contextlib.contextmanager
def _without_alsa_chatter() -> Iterator[None]:
    """ALSA's library writes about every card that it does not find, straight to descriptor 2."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
