"""Carries out intents about devices: plans messages, and watches whether the devices obey."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from appliance.devices.device_answers import ASKING, DeviceAnswers
from appliance.devices.device_phrases import device_phrase
from appliance.devices.intent_plan import asked_of, has_actions, moves_devices
from appliance.devices.intent_services import ALL_BUT, can_confirm, is_reached
from appliance.devices.intent_targets import EXCEPT
from appliance.devices.planned_command import (
    ActionOrigin,
    PlannedMessage,
    PlannedTarget,
    WatchedAction,
)
from appliance.devices.unfinished_actions import record_key
from appliance.errors import ServiceRefused
from appliance.messages.action_payloads import ActionReport, ActionState
from appliance.sentences.home_assistant_responses import has_response, response
from appliance.values import Action, Message, Source, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from appliance.config import DevicesSettings
    from appliance.devices.device_registry import DeviceRegistry
    from appliance.devices.entity import DeviceEntity
    from appliance.devices.intent_plan import Asked
    from appliance.devices.intent_services import ServiceCall
    from appliance.devices.planned_command import Planned, Watched
    from appliance.devices.sayable_devices import SayableDevice
    from appliance.devices.unfinished_actions import UnfinishedActions
    from appliance.messages.topics import Topics
    from appliance.mqtt.publisher import Publisher
    from appliance.protocols import Speaker
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.sentences.sentence_files import DeclaredIntent
    from appliance.values import Intent, Result

logger = logging.getLogger(__name__)

COMMANDS_PER_MINUTE = 30
"""Maximum number of commands per minute for a device, or for a topic of the owner's actions."""

MINUTE_S = 60.0


class DeviceActions:
    """An `IntentHandler`; `connected`, `on_state` and `turn` belong to the MQTT thread."""

    def __init__(  # noqa: PLR0913  (disk, broker, sound, and what the commands are about)
        self,
        settings: DevicesSettings,
        registry: DeviceRegistry,
        publisher: Publisher,
        topics: Topics,
        sentences: ActiveSentences,
        *,
        unfinished: UnfinishedActions,
        speaker: Speaker | None = None,
    ) -> None:
        """`unfinished` keeps the commands over a restart.

        `speaker` says which devices do not answer, if the command was spoken here.
        """
        self._unfinished = unfinished
        self._speaker = speaker
        self._settings = settings
        self._registry = registry
        self._publisher = publisher
        self._topics = topics
        self._sentences = sentences
        self._answers = DeviceAnswers(registry, sentences)
        self._lock = threading.Lock()
        self._watched = unfinished.restored()
        self._commands: dict[str, list[float]] = {}

    def handle_intent(self, result: Result) -> Action | None:
        """Carry out an intent about devices, or answer a question about them."""
        intent = result.intent
        if intent is None:
            return None
        declared = self._sentences.current.declared.get(intent.name)
        if declared is not None and has_actions(declared):
            return self._do_declared(result, intent, declared)
        if intent.name in ASKING:
            return self._answers.answer(result)
        if not moves_devices(intent.name) or not self._registry.devices:
            return None
        if self._settings.discovery != "act":
            return Action(answer=device_phrase(result.language, "read_only"))
        asked = self._asked(result, intent, declared)
        targets = [self._planned(*one) for one in asked if isinstance(one, tuple)]
        self._refuse_if_nothing_is_sent(result, targets)
        return self._send(result, targets, self._answer(result, targets))

    def connected(self) -> None:
        """Begin to wait for the devices of commands from before a restart."""
        with self._lock:
            for action in self._watched:
                action.began = action.began or time.monotonic()

    def on_state(self, entities: Iterable[DeviceEntity], *, retained: bool) -> None:
        """Check whether new reports confirm a command."""
        entities = list(entities)
        with self._lock:
            for action in self._watched:
                for target in action.targets:
                    target.note_states(entities, retained=retained)
            self._report_finished()

    def turn(self) -> None:
        """Give up waiting for devices that do not answer."""
        with self._lock:
            now = time.monotonic()
            for action in self._watched:
                waited_s = now - (action.began or now)
                for target in action.targets:
                    target.note_time(waited_s, self._settings.confirm_s)
            self._unfinished.note_delivery(self._watched)
            self._report_finished()
            self._unfinished.turn()

    # Planning.

    def _asked(
        self, result: Result, intent: Intent, declared: DeclaredIntent | None
    ) -> list[Asked]:
        """What an intent asks for, among all devices, as the confirmation rules plan it.

        What must not be commanded is left out if others of its kind or place are meant, too.

        Raises:
            ServiceRefused: nothing is left, or one of the owner's `actions` would be left out.

        """
        found = asked_of(
            intent,
            declared,
            self._registry.devices,
            self._registry.rules,
            text=result.text or "",
            language=result.language,
        )
        allowed = [one for one in found if _may_ask(result, one)]
        if len(allowed) < len(found) and (has_actions(declared) or not allowed):
            forbidden = [one for one in found if isinstance(one, tuple) and one not in allowed]
            names = [device.name for device, _ in forbidden]
            raise ServiceRefused(device_phrase(result.language, "refused", names))
        return allowed

    def _planned(self, device: SayableDevice, call: ServiceCall) -> PlannedTarget:
        target = PlannedTarget(device, call)
        again = self._may_act_again(device.entity.key)
        if device.is_read_only or not again:
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

    def _may_act_again(self, key: str) -> bool:
        now = time.monotonic()
        recent = [at for at in self._commands.get(key, []) if now - at < MINUTE_S]
        self._commands[key] = [*recent, now][-COMMANDS_PER_MINUTE:]
        return len(recent) < COMMANDS_PER_MINUTE

    # What a sentence file declares.

    def _do_declared(self, result: Result, intent: Intent, declared: DeclaredIntent) -> Action:
        """Do what the owner wrote under `actions`: all of it, or nothing."""
        if self._settings.discovery != "act":
            return Action(answer=device_phrase(result.language, "read_only"))
        if not _may_be_guessed(intent, declared):
            raise ServiceRefused(device_phrase(result.language, "guessed"))
        found = self._asked(result, intent, declared)
        targets = [self._planned_step(one) for one in found]
        if any(target.state is ActionState.FAILED for target in targets):
            self._refuse(result, targets, ActionState.FAILED)
        self._refuse_if_nothing_is_sent(result, targets)
        missing = [one.name for one in targets if one.state is ActionState.UNAVAILABLE]
        said = device_phrase(result.language, "unavailable", missing) if missing else None
        return self._send(result, targets, said)

    def _planned_step(self, step: Asked) -> Planned:
        if isinstance(step, tuple):
            return self._planned(*step)
        again = self._may_act_again(step.topic)
        return PlannedMessage([step], ActionState.SENT if again else ActionState.FAILED)

    # Sending.

    def _refuse_if_nothing_is_sent(self, result: Result, targets: Sequence[Planned]) -> None:
        if any(target.state is ActionState.SENT for target in targets):
            return
        unavailable = any(one.state is ActionState.UNAVAILABLE for one in targets)
        state = ActionState.UNAVAILABLE if unavailable else ActionState.FAILED
        self._refuse(result, targets, state)

    def _refuse(self, result: Result, targets: Sequence[Planned], state: ActionState) -> None:
        """Report it, and raise; nothing is sent."""
        self._publisher.publish(self._report(_origin(result), state, targets))
        names = [target.name for target in targets if target.state is state]
        key = "unavailable" if state is ActionState.UNAVAILABLE else "refused"
        raise ServiceRefused(device_phrase(result.language, key, names))

    def _send(self, result: Result, targets: Sequence[Planned], answer: str | None) -> Action:
        sent = [target for target in targets if target.state is ActionState.SENT]
        origin = _origin(result)
        messages = [
            Message(
                one.topic,
                one.payload,
                retain=one.retain,
                content_type=None,
                qos=one.qos,
                fresh_s=min(self._settings.stale_s, one.fresh_s or self._settings.stale_s),
                command=record_key(origin),
            )
            for target in sent
            for one in target.messages
        ]
        for target in sent:
            target.note_sent()
        records = self._unfinished.record(origin, targets)
        report = self._report(origin, ActionState.SENT, targets)
        with self._lock:
            self._watched.append(WatchedAction(origin, list(targets), time.monotonic()))
        return Action(answer=answer, messages=(*messages, report), records=records)

    def _answer(self, result: Result, targets: list[PlannedTarget]) -> str | None:
        """Home Assistant's words for what is done, and which devices could not be reached."""
        said = self._done(result, targets)
        missing = [one.device.name for one in targets if one.state is ActionState.UNAVAILABLE]
        if missing:
            said = f"{said}. {device_phrase(result.language, 'unavailable', missing)}"
        return said or None

    def _done(self, result: Result, targets: list[PlannedTarget]) -> str:
        language, name = result.language, _name_of(result)
        slots = {} if result.intent is None else result.intent.slots
        if name in ALL_BUT:
            left_out = [str(value) for slot, value in slots.items() if slot.startswith(EXCEPT)]
            return device_phrase(language, "all_but", left_out)
        device = next(one.device for one in targets if one.state is ActionState.SENT)
        keys = _response_keys(name, device.domain, slots)
        key = next((key for key in keys if has_response(language, name, key)), "default")
        state = {"domain": device.domain, "name": device.name}
        return response(language, name, key, state=state, slots=slots)

    # Watching.

    def _report_finished(self) -> None:
        """Publish the outcome of finished commands."""
        for action in list(self._watched):
            state = action.outcome
            if action.waits or (state is ActionState.SENT and not action.is_delivered):
                continue
            self._watched.remove(action)
            is_told = state is ActionState.SENT
            report = self._report(action.origin, state, action.targets)
            self._unfinished.end(action, [] if is_told else [report])
            if state is ActionState.UNCONFIRMED:
                self._say_unconfirmed(action)

    def _say_unconfirmed(self, action: WatchedAction) -> None:
        if self._speaker is None or not action.origin.was_spoken:
            return
        names = [one.name for one in action.targets if one.state is ActionState.UNCONFIRMED]
        self._speaker.say(device_phrase(action.origin.language, "unconfirmed", names))

    def _report(
        self, origin: ActionOrigin, state: ActionState, targets: Sequence[Watched]
    ) -> Message:
        report = ActionReport(
            id=origin.id,
            part=UNSET if origin.part is None else origin.part,
            state=state,
            intent=origin.intent,
            targets=[one.report for one in targets],
            at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        return Message(self._topics.action(origin.id), encode(report))


def _may_ask(result: Result, asked: Asked) -> bool:
    return not isinstance(asked, tuple) or _may_command(result, asked[0])


def _may_command(result: Result, device: SayableDevice) -> bool:
    """Speech does not reach `never_by_voice`; what was only guessed moves no guarded device.

    A recording that was sent is speech, and so is a command that was said for later.
    """
    is_guess = result.intent is not None and result.intent.by != "grammar"
    is_speech = result.source is Source.SPEECH or result.models.stt is not None
    return not (is_speech and device.never_by_voice) and not (is_guess and device.is_guarded)


def _may_be_guessed(intent: Intent, declared: DeclaredIntent) -> bool:
    """Whether it was understood exactly, or the owner allows this kind of guess."""
    allowed = {"grammar": True, "fuzzy": declared.by_fuzzy, "model": declared.by_model}
    return allowed.get(intent.by, False)


def _origin(result: Result) -> ActionOrigin:
    part = None if result.part is UNSET else result.part
    was_spoken = result.source is Source.SPEECH
    return ActionOrigin(
        result.id, result.command_id, _name_of(result), result.language, part, was_spoken
    )


def _name_of(result: Result) -> str:
    return "" if result.intent is None else result.intent.name


def _response_keys(intent: str, domain: str, slots: dict[str, Any]) -> list[str]:
    """The keys of Home Assistant's responses that fit, the best first; not every language has all.

    Without one of them, `default` fits.
    """
    if intent == "HassLightSet":
        keys = (("brightness", "brightness"), ("color", "color"), ("temperature", "temperature"))
        return [key for slot, key in keys if slots.get(slot) is not None] or ["brightness"]
    if intent not in ("HassTurnOn", "HassTurnOff"):
        return []
    if not slots.get("name") and domain in ("light", "fan"):
        place = next((slot for slot in ("area", "floor") if slots.get(slot)), None)
        return [f"{domain}s_{place}"] if place else [f"{domain}_all", f"{domain}s_all"]
    if domain in ("cover", "lock", "valve", "scene", "button"):
        return ["cover_device_class"] if slots.get("device_class") else [domain]
    return []
