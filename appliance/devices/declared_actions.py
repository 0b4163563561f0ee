"""The `actions` of an intent in a sentence file: messages, and services of devices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from appliance.devices.device_phrases import device_phrase
from appliance.devices.entity import Publication
from appliance.devices.entity_factory import CLASSES, LIGHT_SCHEMAS
from appliance.devices.intent_services import ServiceCall
from appliance.devices.intent_targets import ALL, matching_devices
from appliance.devices.template import DeviceTemplate
from appliance.errors import SentencesError, ServiceRefused, TemplateFailed, UnsafeTemplate
from appliance.sentences.home_assistant_responses import error_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from appliance.devices.discovered_entities import DiscoveryRules
    from appliance.devices.sayable_devices import SayableDevice
    from appliance.sentences.sentence_files import DeclaredIntent, DeclaredStep

MOST_STEPS = 50
LONGEST_TOPIC = 1024
QUOTES = "; put texts such as ON, 1 and {{ slots.room }} in quotes"

# A slash inside {{ }} does not end a level.
LEVEL_END = re.compile(r"/(?![^{]*\}\})")

Words = Annotated[str, Meta(min_length=1, max_length=2000)]
Scalar = str | int | float | bool


class _MessageForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of a message in the file."""

    topic: Annotated[str, Meta(min_length=1, max_length=LONGEST_TOPIC)]
    payload: str = ""
    qos: Annotated[int, Meta(ge=0, le=2)] = 1
    retain: bool = False


class _ServiceForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of a service in the file."""

    service: str
    device: Words | list[Words] | None = None
    area: Words | None = None
    floor: Words | None = None
    data: dict[str, Scalar] = {}


@dataclass(frozen=True, slots=True)
class MessageStep:
    """A message on a topic of the owner's choice."""

    levels: tuple[DeviceTemplate, ...]
    payload: DeviceTemplate
    qos: int
    retain: bool

    def publication(self, variables: Mapping[str, Any], rules: DiscoveryRules) -> Publication:
        """The message; a slot can neither add a level to its topic nor be a wildcard.

        Raises:
            ServiceRefused: the topic is not allowed.

        """
        levels = [level.render(variables) for level in self.levels]
        topic = "/".join(levels)
        if any(not level or re.search(r"[/+#\x00-\x1f\x7f]", level) for level in levels):
            raise ServiceRefused(f"no message can be published on the topic {topic[:200]!r}")
        if is_refused(topic, rules):
            raise ServiceRefused(f"actions must not publish on {topic!r}")
        return Publication(topic, self.payload.render(variables).encode(), self.qos, self.retain)


@dataclass(frozen=True, slots=True)
class ServiceStep:
    """A service of the devices that are named, or that are in a place."""

    service: str
    devices: tuple[DeviceTemplate, ...]
    place: Mapping[str, DeviceTemplate]
    """`area` and `floor`."""
    data: Mapping[str, DeviceTemplate]

    def calls(
        self, variables: Mapping[str, Any], devices: Iterable[SayableDevice], language: str
    ) -> list[tuple[SayableDevice, ServiceCall]]:
        """Each device with the service and its data.

        Raises:
            ServiceRefused: there is no such device, or a name means several.

        """
        devices = list(devices)
        data = {key: template.render(variables) for key, template in self.data.items()}
        place = {key: template.render(variables) for key, template in self.place.items()}
        names = [template.render(variables) for template in self.devices] or [ALL]
        found = []
        is_all = [template.text for template in self.devices] in ([], [ALL])
        empty = any(not value.strip() for value in (*names, *place.values()))
        if empty or (ALL in names and not is_all):
            # An empty place, or a slot that says "all", would mean every device there is.
            raise ServiceRefused(device_phrase(language, "no_such_device", [self.service]))
        for name in names:
            found += self._named(name, place, devices, language)
        return [(device, ServiceCall(self.service, data)) for device in found]

    def _named(
        self, name: str, place: Mapping[str, str], devices: list[SayableDevice], language: str
    ) -> list[SayableDevice]:
        domain = self.service.partition(".")[0]
        found = matching_devices(devices, {"name": name, **place}, [domain])
        if not found:
            asked = " ".join([name, *place.values()] if name != ALL else place.values())
            raise ServiceRefused(device_phrase(language, "no_such_device", [asked or domain]))
        if name != ALL and len(found) > 1:
            raise ServiceRefused(error_response(language, "duplicate_entities", entity=name))
        return found


Step = MessageStep | ServiceStep


def is_refused(topic: str, rules: DiscoveryRules) -> bool:
    """Whether a topic is forbidden for actions: our own, requests, announcements, `$...`."""
    announcements = topic.startswith((f"{rules.prefix}/", "tasmota/discovery/"))
    return announcements or rules.forbids(topic)


def check_actions(
    declared: Mapping[str, DeclaredIntent], rules: DiscoveryRules, discovery: str
) -> list[str]:
    """Check the `actions` of every intent; a warning if `discovery` does not let them be done.

    Raises:
        SentencesError: every mistake, as `file:line: what`.

    """
    problems: list[str] = []
    for intent in declared.values():
        for step in intent.actions:
            try:
                read_steps([step], rules)
            except SentencesError as error:
                problems += error.problems
        if len(intent.actions) > MOST_STEPS:
            what = f"{intent.name} has more than {MOST_STEPS} actions"
            problems.append(f"{intent.actions[0].place}: {what}")
    if problems:
        raise SentencesError(problems)
    idle = [intent for intent in declared.values() if intent.actions]
    if discovery == "act" or not idle:
        return []
    names = ", ".join(intent.name for intent in idle)
    what = f'the actions of {names} are not done while devices.discovery is "{discovery}"'
    return [f'{idle[0].actions[0].place}: {what}; set it to "act", or leave them out']


def read_steps(declared: Sequence[DeclaredStep], rules: DiscoveryRules) -> list[Step]:
    """The entries of `actions`, checked.

    Raises:
        SentencesError: one has a mistake; with its file and line.

    """
    steps = []
    for step in declared:
        try:
            steps.append(_read(step.content, rules))
        except (UnsafeTemplate, ValueError) as error:
            raise SentencesError([f"{step.place}: {error}"]) from error
    return steps


def _read(content: Mapping[str, Any], rules: DiscoveryRules) -> Step:
    is_message = "topic" in content
    if is_message == ("service" in content):
        raise ValueError("an action has either `topic:` or `service:`")
    try:
        if is_message:
            return _message_step(msgspec.convert(content, _MessageForm), rules)
        return _service_step(msgspec.convert(content, _ServiceForm))
    except msgspec.ValidationError as error:
        raise ValueError(f"{error}{QUOTES}") from error


def _message_step(form: _MessageForm, rules: DiscoveryRules) -> MessageStep:
    levels = LEVEL_END.split(form.topic)
    if "{" in levels[0]:
        raise ValueError("the first level of a topic must not come from a slot")
    for level in levels:
        if not level or ("{" not in level and re.search(r"[+#\x00-\x1f\x7f]", level)):
            raise ValueError(f"no message can be published on the topic {form.topic!r}")
    if is_refused(form.topic, rules):
        raise ValueError(f"actions must not publish on {form.topic!r}")
    templates = tuple(DeviceTemplate(level, strict=True) for level in levels)
    return MessageStep(templates, DeviceTemplate(form.payload, strict=True), form.qos, form.retain)


def _service_step(form: _ServiceForm) -> ServiceStep:
    fields = _fields_of(form.service)
    for key in form.data:
        if key not in fields:
            known = ", ".join(sorted(fields)) or "no data"
            raise ValueError(f"{form.service} has no {key!r}; it has {known}")
    names = [form.device] if isinstance(form.device, str) else form.device or []
    place = {key: value for key in ("area", "floor") if (value := getattr(form, key))}
    if not names and not place:
        raise ValueError(f'say for which devices: `device:` (a name or "{ALL}"), `area:`, `floor:`')
    return ServiceStep(
        form.service,
        tuple(DeviceTemplate(name, strict=True) for name in names),
        {key: DeviceTemplate(value, strict=True) for key, value in place.items()},
        {key: DeviceTemplate(_text(value), strict=True) for key, value in form.data.items()},
    )


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fields_of(service: str) -> set[str]:
    """The keys of a service's data, for every kind of device that has it."""
    kinds = [*CLASSES.values(), *LIGHT_SCHEMAS.values()]
    known = [kind.SERVICES[service] for kind in kinds if service in kind.SERVICES]
    if not known:
        raise ValueError(f"there is no service {service!r}; docs/devices.md lists them")
    return {key for one in known for key in one.fields}


def requested(
    steps: Iterable[Step],
    variables: Mapping[str, Any],
    devices: Iterable[SayableDevice],
    rules: DiscoveryRules,
    language: str,
) -> list[Publication | tuple[SayableDevice, ServiceCall]]:
    """The messages and services of the steps, in their order, with the values of `variables`.

    Raises:
        ServiceRefused: one cannot be done, so that none should be.

    """
    devices = list(devices)
    found: list[Publication | tuple[SayableDevice, ServiceCall]] = []
    for step in steps:
        try:
            if isinstance(step, MessageStep):
                found.append(step.publication(variables, rules))
            else:
                found += step.calls(variables, devices, language)
        except (TemplateFailed, UnsafeTemplate, ValueError, TypeError) as error:
            raise ServiceRefused(f"a template in the intent's actions: {error}") from error
    return found
