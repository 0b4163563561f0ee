"""Carries out intents about devices: plans messages, and watches whether the devices obey."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from appliance.devices.device_answers import ASKING, DeviceAnswers
from appliance.devices.device_phrases import device_phrase
from appliance.devices.intent_services import (
    SERVICES,
    ServiceCall,
    can_confirm,
    is_reached,
    service_call,
)
from appliance.devices.intent_targets import targets_of
from appliance.errors import ServiceRefused
from appliance.messages.action_payloads import ActionReport, ActionState, ActionTarget
from appliance.sentences.home_assistant_responses import response
from appliance.values import Action, Message, Source, encode

if TYPE_CHECKING:
    from appliance.config import DevicesSettings
    from appliance.devices.device_registry import DeviceRegistry
    from appliance.devices.entity import Publication
    from appliance.devices.sayable_devices import SayableDevice
    from appliance.messages.topics import Topics
    from appliance.mqtt.publisher import Publisher
    from appliance.protocols import Speaker
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.values import Result

logger = logging.getLogger(__name__)

ALREADY_SO_S = 1.0
"""After which a device that was so before counts as confirmed: many then report nothing."""

COMMANDS_PER_MINUTE = 30
"""For one device; more are refused."""

MINUTE_S = 60.0


@dataclass(slots=True)
class PlannedTarget:
    """One device of a command, and what is sent to it."""

    device: SayableDevice
    call: ServiceCall
    messages: list[Publication] = field(default_factory=list)
    assumed: dict[str, Any] = field(default_factory=dict)
    state: ActionState = ActionState.SENT
    was_so: bool = False
    """Whether the device was in the wished state already."""


@dataclass(slots=True)
class WatchedAction:
    """A command whose devices have not all reported yet."""

    result: Result
    targets: list[PlannedTarget]
    began: float


class DeviceActions:
    """An `IntentHandler`; `on_state` and `turn` belong to the MQTT thread."""

    def __init__(
        self,
        settings: DevicesSettings,
        registry: DeviceRegistry,
        publisher: Publisher,
        topics: Topics,
        sentences: ActiveSentences,
        speaker: Speaker | None = None,
    ) -> None:
        """`speaker` says which devices do not answer, if the command was spoken here."""
        self._speaker = speaker
        self._settings = settings
        self._registry = registry
        self._publisher = publisher
        self._topics = topics
        self._answers = DeviceAnswers(registry, sentences)
        self._lock = threading.Lock()
        self._watched: list[WatchedAction] = []
        self._commands: dict[str, list[float]] = {}

    def handle_intent(self, result: Result) -> Action | None:
        """Carry out an intent about devices, or answer a question about them."""
        intent = result.intent
        if intent is None:
            return None
        if intent.name in ASKING:
            return self._answers.answer(result)
        if intent.name not in SERVICES or not self._registry.devices:
            return None
        if self._settings.discovery != "act":
            return Action(answer=device_phrase(result.language, "read_only"))
        targets = self._plan(result)
        self._refuse_if_nothing_is_sent(result, targets)
        return self._send(result, targets)

    def on_state(self, entity_keys: set[str]) -> None:
        """Look whether what has just been reported confirms a command."""
        with self._lock:
            for action in self._watched:
                for target in action.targets:
                    entity = target.device.entity
                    waiting = target.state is ActionState.SENT and entity.key in entity_keys
                    if waiting and is_reached(target.call, entity):
                        target.state = ActionState.CONFIRMED
            self._report_finished()

    def turn(self) -> None:
        """Give up waiting for devices that do not answer."""
        with self._lock:
            now = time.monotonic()
            for action in self._watched:
                for target in action.targets:
                    self._note_time(target, now - action.began)
            self._report_finished()

    # Planning.

    def _plan(self, result: Result) -> list[PlannedTarget]:
        intent = result.intent
        if intent is None:
            return []
        known = [one for one in self._registry.devices if _may_command(result, one)]
        devices = targets_of(intent.name, intent.slots, known, result.language)
        return [self._planned(device, intent.name, intent.slots) for device in devices]

    def _planned(self, device: SayableDevice, intent: str, slots: dict[str, Any]) -> PlannedTarget:
        call = service_call(intent, slots, device.domain)
        target = PlannedTarget(device, call or ServiceCall(""))
        if call is None or device.entry.read_only or not self._may_act_again(device):
            target.state = ActionState.FAILED
            return target
        try:
            plan = device.entity.plan(call.name, dict(call.data))
        except ServiceRefused as error:
            logger.info("%s", error)
            target.state = ActionState.FAILED
            return target
        if not device.entity.is_available:
            target.state = ActionState.UNAVAILABLE
        elif not plan.messages:
            target.state = ActionState.FAILED
        target.messages, target.assumed = plan.messages, plan.assumed
        target.was_so = can_confirm(device.entity) and is_reached(call, device.entity)
        return target

    def _may_act_again(self, device: SayableDevice) -> bool:
        now = time.monotonic()
        recent = [at for at in self._commands.get(device.entity.key, []) if now - at < MINUTE_S]
        self._commands[device.entity.key] = [*recent, now][-COMMANDS_PER_MINUTE:]
        return len(recent) < COMMANDS_PER_MINUTE

    def _refuse_if_nothing_is_sent(self, result: Result, targets: list[PlannedTarget]) -> None:
        if any(target.state is ActionState.SENT for target in targets):
            return
        unavailable = [one for one in targets if one.state is ActionState.UNAVAILABLE]
        state = ActionState.UNAVAILABLE if unavailable else ActionState.FAILED
        self._publisher.publish(self._report(result, state, targets))
        names = [target.device.name for target in unavailable or targets]
        key = "unavailable" if unavailable else "refused"
        raise ServiceRefused(device_phrase(result.language, key, names))

    def _send(self, result: Result, targets: list[PlannedTarget]) -> Action:
        sent = [target for target in targets if target.state is ActionState.SENT]
        messages = [
            Message(
                one.topic,
                one.payload,
                retain=one.retain,
                content_type=None,
                qos=one.qos,
                fresh_s=self._settings.stale_s,
            )
            for target in sent
            for one in target.messages
        ]
        for target in sent:
            target.device.entity.values.update(target.assumed)
        with self._lock:
            self._watched.append(WatchedAction(result, targets, time.monotonic()))
        report = self._report(result, ActionState.SENT, targets)
        return Action(answer=self._answer(result, targets), messages=(*messages, report))

    def _answer(self, result: Result, targets: list[PlannedTarget]) -> str | None:
        """Home Assistant's words for what is done, and which devices could not be reached."""
        first = next(one for one in targets if one.state is ActionState.SENT)
        slots = {} if result.intent is None else result.intent.slots
        key = _response_key(_name_of(result), first.device.domain, slots)
        state = {"domain": first.device.domain, "name": first.device.name}
        said = response(result.language, _name_of(result), key, state=state, slots=slots)
        missing = [one.device.name for one in targets if one.state is ActionState.UNAVAILABLE]
        if missing:
            said = f"{said}. {device_phrase(result.language, 'unavailable', missing)}"
        return said or None

    # Watching.

    def _note_time(self, target: PlannedTarget, waited_s: float) -> None:
        if target.state is not ActionState.SENT:
            return
        if not can_confirm(target.device.entity):
            return
        if target.was_so and waited_s > ALREADY_SO_S:
            target.state = ActionState.CONFIRMED
        elif waited_s > self._settings.confirm_s:
            target.state = ActionState.UNCONFIRMED

    def _report_finished(self) -> None:
        """Publish the outcome of commands for which nobody waits any more."""
        for action in list(self._watched):
            waiting = [
                target
                for target in action.targets
                if target.state is ActionState.SENT and can_confirm(target.device.entity)
            ]
            if waiting:
                continue
            self._watched.remove(action)
            state = _overall(action.targets)
            if state is not ActionState.SENT:
                self._publisher.publish(self._report(action.result, state, action.targets))
            if state is ActionState.UNCONFIRMED:
                self._say_unconfirmed(action)

    def _say_unconfirmed(self, action: WatchedAction) -> None:
        if self._speaker is None or action.result.source is not Source.SPEECH:
            return
        names = [one.device.name for one in action.targets if one.state is ActionState.UNCONFIRMED]
        self._speaker.say(device_phrase(action.result.language, "unconfirmed", names))

    def _report(self, result: Result, state: ActionState, targets: list[PlannedTarget]) -> Message:
        report = ActionReport(
            id=result.id,
            part=result.part,
            state=state,
            intent=_name_of(result),
            targets=[
                ActionTarget(name=one.device.name, area=one.device.area, state=one.state)
                for one in targets
            ],
            at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        return Message(self._topics.action(result.id), encode(report))


def _may_command(result: Result, device: SayableDevice) -> bool:
    """Speech does not reach `never_by_voice`; what was only guessed moves no guarded device.

    A recording that was sent is speech, and so is a command that was said for later.
    """
    is_guess = result.intent is not None and result.intent.by != "grammar"
    is_speech = result.source is Source.SPEECH or result.models.stt is not None
    return not (is_speech and device.entry.never_by_voice) and not (is_guess and device.is_guarded)


def _name_of(result: Result) -> str:
    return "" if result.intent is None else result.intent.name


def _overall(targets: list[PlannedTarget]) -> ActionState:
    """The worst that became of a target; `sent` if no device can say more."""
    found = {target.state for target in targets}
    order = (ActionState.UNCONFIRMED, ActionState.CONFIRMED, ActionState.SENT)
    return next((state for state in order if state in found), ActionState.FAILED)


def _response_key(intent: str, domain: str, slots: dict[str, Any]) -> str:
    if intent == "HassLightSet":
        keys = (("brightness", "brightness"), ("color", "color"), ("temperature", "temperature"))
        return next((key for slot, key in keys if slots.get(slot) is not None), "brightness")
    if intent in ("HassTurnOn", "HassTurnOff"):
        if not slots.get("name") and domain in ("light", "fan"):
            return f"{domain}s_area"
        if domain in ("cover", "lock", "valve", "scene", "button"):
            return "cover_device_class" if slots.get("device_class") else domain
    return "default"
