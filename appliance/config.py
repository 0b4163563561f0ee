"""Reads config.toml into one frozen Config; a ConfigError lists every wrong key at once."""

from __future__ import annotations

import difflib
import ipaddress
import json
import logging
import math
import os
import re
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from appliance import pushed_bundle, saved_settings
from appliance.errors import UNREADABLE_TOML, ConfigError
from appliance.saved_settings import SavedSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

Port = Annotated[int, Meta(ge=1, le=65535)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Count = Annotated[int, Meta(ge=1)]
LONGEST_SHOWN = 80
"""Characters of a wrong value in a message."""
MULTICAST_DNS = "224.0.0.251"
"""The address of multicast DNS (RFC 6762)."""
MULTICAST_DNS_PORT = 5353
SparkplugName = Annotated[
    str, Meta(pattern=r"^[^+#/\x00]*\Z", max_length=64, description="a name without +, # and /")
]
GroupName = Annotated[
    str,
    Meta(pattern=r"^[^+#/\x00]+\Z", max_length=64, description="a group ID without +, # and /"),
]
AddressAndPort = Annotated[
    str,
    Meta(
        pattern=r"^(|(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):\d{1,5})\Z",
        description='an address with a port such as "127.0.0.1:10300" or "[::1]:10300", or ""',
    ),
]
"""Address and port of a server, for example `0.0.0.0:10300`; empty: off."""
SatelliteAddress = Annotated[
    str,
    Meta(
        pattern=r"^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):\d{1,5}\Z",
        description='addresses with a port such as "192.168.1.31:10700"',
    ),
]
"""For example `192.168.1.31:10700`."""
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
"""A language code of ISO 639, with a script or a region as in BCP 47."""
MAXIMUM_AREA_LENGTH = 256
Level = Literal["debug", "info", "warning", "error"]
RequestName = Literal[
    "transcribe",
    "recognize",
    "parse",
    "command",
    "answer",
    "cancel",
    "confirm",
    "options",
    "microphone",
    "check",
    "listen",
    "say",
    "timer",
    "apply",
]
CLOSED = ("microphone", "listen", "timer", "apply")
"""Requests that `mqtt.operations` does not have by default: they control the microphone, end what
somebody waits for, or change what may be said."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of config.toml; each field is a key with its default."""


class DeviceSettings(Section, frozen=True):
    """Name, folders and language of this appliance."""

    name: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9_-]{0,64}\Z", description="at most 64 letters, digits, - and _"),
    ] = ""
    """Name of the device in MQTT topics."""
    state_directory: str = ""
    """Folder for the journal, which holds what waits to be done or sent."""
    models_directory: str = ""
    """Folder for the models."""
    language: str = "en"
    """Spoken language, as a code of ISO 639, with a region or a script if it has several."""
    area: Annotated[str, Meta(max_length=MAXIMUM_AREA_LENGTH)] = ""
    """Room in which the appliance stands."""
    threads: Annotated[int, Meta(ge=0, le=64)] = 0
    """CPU threads that an engine may use (0 to 64)."""


class MicrophoneSettings(Section, frozen=True):
    """Where sound comes from."""

    device: str = ""
    """Name, part of the name, or number of the microphone."""
    channel: Annotated[int, Meta(ge=0, le=64)] = 0
    """Channel of the microphone's device (0 to 64)."""


class ListeningSettings(Section, frozen=True):
    """When a sentence begins and ends."""

    trigger: Literal["always", "wake_word", "button", "request", "off"] = "always"
    """What starts listening."""
    speech_threshold: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.5
    """Probability of speech from which a frame of 32 ms counts as speech (between 0 and 1)."""
    pause_ms: Annotated[int, Meta(ge=100, le=5000)] = 600
    """Silence that ends a sentence, in milliseconds (100 to 5000)."""
    by_meaning: bool = True
    """Recognise the sentence while it is spoken, to end it as soon as it is complete."""
    partial: bool = False
    """Publish the words on the topic `partial` while they are spoken."""
    short_pause_ms: Annotated[int, Meta(ge=64, le=5000)] = 600
    """Silence after a complete sentence that could continue, in milliseconds (64 to 5000)."""
    over_pause_ms: Annotated[int, Meta(ge=64, le=5000)] = 190
    """Silence if the voice sounds finished and little could follow, in ms (64 to 5000)."""
    long_pause_ms: Annotated[int, Meta(ge=100, le=5000)] = 1200
    """Silence after the beginning of a sentence, in milliseconds (100 to 5000)."""
    pre_roll_ms: Annotated[int, Meta(ge=0, le=2000)] = 300
    """Sound kept from before the first syllable, in milliseconds (0 to 2000)."""
    minimum_speech_ms: Annotated[int, Meta(ge=0, le=2000)] = 160
    """Shorter speech is ignored, in milliseconds (0 to 2000)."""
    maximum_s: Annotated[float, Meta(ge=1.0, le=60.0)] = 15.0
    """Longest sentence, in seconds (1 to 60)."""
    wait_s: Annotated[float, Meta(ge=1.0, le=60.0)] = 5.0
    """Time to wait for speech after listening started, in seconds (1 to 60)."""
    follow_up: bool = False
    """Listen once more after an answer, without the wake word."""


class WakeWordSettings(Section, frozen=True):
    """Which words start listening if listening.trigger is "wake_word"."""

    words: Annotated[list[str], Meta(min_length=1, max_length=4)] = msgspec.field(
        default_factory=lambda: ["okay_nabu"]
    )
    """One to four wake words."""
    thresholds: dict[str, Annotated[float, Meta(gt=0.0, lt=1.0)]] = {}
    """Score from which a word counts (between 0 and 1), by word."""
    earshot: Annotated[
        str,
        Meta(
            pattern=r"^([^+#$\0][^+#\0]*)?\Z",
            description="a topic without + and #, which does not begin with $",
        ),
    ] = ""
    """MQTT topic shared by the appliances in one room."""


Pin = Annotated[int, Meta(ge=1, le=27)]
"""A BCM number; 0 is reserved for the identification of add-on boards."""


class PanelSettings(Section, frozen=True):
    """A light and a button on the board's pins."""

    led_pins: Annotated[list[Pin], Meta(max_length=3)] = []
    """BCM numbers of the light's pins (1 to 27)."""
    led_active_high: bool = True
    """The light is on while its pin is high."""
    button_pin: Annotated[int, Meta(ge=0, le=27)] = 0
    """BCM number of the button's pin (1 to 27)."""
    button: Literal["hold", "toggle"] = "hold"
    """How the button works."""
    button_to_ground: bool = True
    """The button connects the pin to ground."""
    debounce_ms: Annotated[int, Meta(ge=0, le=1000)] = 30
    """Debounce time of the button, in milliseconds (0 to 1000)."""
    long_press_s: Annotated[float, Meta(ge=0.5, le=30.0)] = 2.0
    """Long-press threshold, in seconds (0.5 to 30)."""


class SpeakingSettings(Section, frozen=True):
    """What comes out of the loudspeaker."""

    engine: Literal["off", "auto", "piper", "espeak-ng"] = "off"
    """Speech synthesis that says responses and answers."""
    voice: str = ""
    """Voice of the speech synthesis."""
    earcons: bool = False
    """Play short tones when listening starts, and for success or failure."""
    device: str = ""
    """Name, part of the name, or number of the loudspeaker."""
    volume: Probability = 0.8
    """Volume (0 to 1)."""


PriorTrigger = Literal["always", "wake_word", "button", "request"]
"""What starts listening; a recording that is given to a command counts as a request."""

COMMAND_PRIOR: dict[PriorTrigger, float] = {
    "always": 0.5,
    "wake_word": 0.9,
    "button": 0.9,
    "request": 0.9,
}


AUTO = "auto"
"""Stands for the speech model of the language, see models/speech_model_choice.py."""


class SpeechSettings(Section, frozen=True):
    """Speech recognition."""

    model: str = AUTO
    """Speech model: "auto", a name from `appliance models list`, or the folder of another one."""
    compute_type: Literal["int8", "int8_float32", "float32"] = "int8"
    """Number format of the computation."""
    grammar: bool = True
    """Recognise only the declared sentences."""
    no_speech_threshold: Probability = 0.6
    """Treat a recording as no_speech above this no-speech probability (0 to 1)."""
    least_confidence: Probability = 0.7
    """Refuse a sentence whose confidence is below this (0 to 1)."""
    prior: dict[PriorTrigger, Annotated[float, Meta(gt=0.0, lt=1.0)]] = msgspec.field(
        default_factory=lambda: dict(COMMAND_PRIOR)
    )
    """Probability that speech is a command (between 0 and 1), by what started listening."""
    calibration: Annotated[list[float], Meta(min_length=4, max_length=5)] = msgspec.field(
        default_factory=lambda: [0.3, 1.3, -0.1, 1.1, -0.6]
    )
    """Five numbers that turn recognition scores into a confidence."""
    second_model: str = ""
    """Second speech model, asked if the first one is in doubt."""
    second_below: Probability = 0.7
    """The first model is in doubt below this confidence (0 to 1)."""
    second_calibration: Annotated[list[float], Meta(min_length=4, max_length=5)] = msgspec.field(
        default_factory=lambda: [3.3, 2.1, -0.3, 1.0, -0.65]
    )
    """Like calibration, for a result of both models together."""


class SentenceSettings(Section, frozen=True):
    """What may be said."""

    folder: str = ""
    """Folder with sentence files (YAML in the form of Home Assistant)."""
    builtin: bool = False
    """Accept Home Assistant's own sentences, too."""
    included: bool = True
    """Accept the included sentences: timers, alarms, clock, questions about the appliance."""


class DevicesSettings(Section, frozen=True):
    """Devices that announce themselves on the broker."""

    discovery: Literal["off", "read", "act"] = "off"
    """What the appliance does with devices that announce themselves for Home Assistant."""
    file: str = ""
    """Path of the owner's file of devices (YAML)."""
    confirm_s: Annotated[float, Meta(ge=0.5, le=300.0)] = 5.0
    """Time in which a device must report its new state, in seconds (0.5 to 300)."""
    stale_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 30.0
    """Age after which a command is not sent any more, in seconds (1 to 3600)."""
    sparkplug_groups: Annotated[list[GroupName], Meta(max_length=20)] = []
    """Group IDs of the Sparkplug B edge nodes whose metrics are devices."""


class TimerSettings(Section, frozen=True):
    """Timers, alarms and reminders."""

    ring_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 120.0
    """Longest time that one rings, in seconds (1 to 3600)."""
    snooze_minutes: Annotated[float, Meta(gt=0.0, le=120.0)] = 9.0
    """Pause of an alarm that is snoozed, in minutes (above 0, to 120)."""


class CascadeSettings(Section, frozen=True):
    """What is tried if no sentence fits."""

    repair: bool = True
    """Take a text for the declared sentence that says the same, but for synonyms and slips."""
    repair_threshold: Probability = 0.8
    """Minimum share of the wording that must be the declared one (0 to 1; 1 is all)."""
    repair_margin: Probability = 0.06
    """Minimum lead over any sentence with another meaning, as a share (0 to 1)."""
    propose_text: Probability = 0.45
    """Minimum similarity of a text to the nearest declared sentence (0 to 1; 0 is never)."""
    propose_speech: Probability = 0.0
    """The same for speech after a wake word, button or request (0 to 1; 0 is never)."""
    propose_open_speech: Probability = 0.0
    """The same for speech at a microphone that is always open (0 to 1; 0 is never)."""
    choose: bool = True
    """Let the language model choose an intent for text."""
    choose_speech: bool = False
    """Let the language model choose an intent for speech."""
    choose_threshold: Probability = 0.8
    """Minimum probability of its choice (0 to 1)."""


class LanguageModelSettings(Section, frozen=True):
    """The small language model, which answers what fits no sentence."""

    enabled: bool = True
    """Use a language model for `request/answer`, `appliance ask` and, if allowed, for speech."""
    answers_speech: bool = False
    """Let it answer speech that fits no sentence."""
    model: str = "smollm2-135m-instruct"
    """Language model: a name from `appliance models list`, or the path of a GGUF file."""
    system_prompt: str = (
        "You are a helpful voice assistant in a house. Answer in one short sentence."
    )
    """System prompt, which precedes each question."""
    context_tokens: Annotated[int, Meta(ge=256, le=32768)] = 2048
    """Context size: tokens of question and answer together (256 to 32768)."""
    maximum_tokens: Annotated[int, Meta(ge=1, le=4096)] = 64
    """Longest answer, in tokens (1 to 4096)."""
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.0
    """Sampling temperature (0 to 2)."""
    time_limit_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 60.0
    """Longest time for an answer, in seconds (1 to 3600)."""
    load: Literal["start", "demand"] = "start"
    """When the model is loaded."""
    adapter: str = ""
    """Path of a LoRA adapter (GGUF) for the model."""
    chat_template: Literal["", "plain", "chatml", "gemma", "llama-3", "phi-3", "mistral"] = ""
    """Chat template."""
    maximum_json_tokens: Annotated[int, Meta(ge=1, le=4096)] = 256
    """Longest answer under a JSON Schema, in tokens (1 to 4096)."""
    memory_limit_mb: Annotated[int, Meta(ge=0)] = 0
    """Memory of the model's process beyond the mapped file, in MB."""
    least_certainty: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.55
    """Answer a question with "I do not know that." if the model is less sure than this (0 to 1)."""
    tells_time: bool = False
    """Add date and time to each question."""
    facts: str = ""
    """Path of a text file with facts for the answers, one in each line."""
    session_turns: Annotated[int, Meta(ge=0, le=50)] = 4
    """Earlier questions and answers of a session that a question is answered with (0 to 50)."""
    session_minutes: Annotated[float, Meta(gt=0.0, le=1440.0)] = 10.0
    """Time for which a session is remembered, in minutes (above 0, to 1440)."""


class MqttSettings(Section, frozen=True):
    """The broker that results go to and requests come from."""

    host: str = ""
    """Host name or address of the broker."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """Port of the broker (0 to 65535)."""
    version: Literal["5", "3.1.1"] = "5"
    """MQTT version."""
    root: str = "appliance/{device}"
    """Root of all topics."""
    client_id: str = "appliance-{device}"
    """MQTT client id, unique on the broker."""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    """Keep-alive interval, in seconds (5 to 3600)."""
    session_expiry_s: Annotated[int, Meta(ge=0, le=4294967295)] = 86400
    """Time for which the broker stores requests during an absence, in seconds (0 or more)."""
    username: str = ""
    """User name of the login."""
    password_file: str = ""
    """File with the password only; with systemd, the name of a credential."""
    tls: bool = False
    """Use TLS (1.2 or later)."""
    ca_file: str = ""
    """Certificate authority that signed the broker's certificate."""
    certificate_file: str = ""
    """Client certificate, if the broker requires one."""
    key_file: str = ""
    """Private key of the client certificate."""
    embedded_port: Port = 1883
    """Port of the embedded broker, on localhost."""
    operations: list[RequestName] = msgspec.field(
        default_factory=lambda: [name for name in get_args(RequestName) if name not in CLOSED]
    )
    """Requests that are done at all, from anybody."""
    reply_prefixes: list[
        Annotated[
            str,
            Meta(
                pattern=r"^[^+#$\x00/][^+#\x00]*/\Z",
                description='beginnings of topics that end with / such as "clients/", without + '
                "and #, which do not begin with $ or /",
            ),
        ]
    ] = msgspec.field(default_factory=lambda: ["appliance-clients/"])
    """Beginnings of the topics that requesters may name for their answers."""
    group: Annotated[
        str,
        Meta(
            pattern=r"^[^/+#$\x00]{0,64}\Z",
            description="a name of at most 64 characters without / + # and $",
        ),
    ] = ""
    """Name of a queue that several appliances share."""
    group_root: str = ""
    """Root of the queue's topics, the same for all appliances."""


class RequestSettings(Section, frozen=True):
    """Limits for requests over MQTT."""

    maximum_waiting: Count = 100
    """Requests that may wait."""
    maximum_bytes: Annotated[int, Meta(ge=1024)] = 8_388_608
    """Largest request, in bytes (1024 or more)."""
    maximum_waiting_bytes: Annotated[int, Meta(ge=1024)] = 33_554_432
    """All waiting requests together, in bytes (1024 or more)."""
    maximum_audio_s: Annotated[float, Meta(ge=1.0, le=7200.0)] = 120.0
    """Longest sound in a request or a file, in seconds (1 to 7200)."""
    maximum_attempts: Annotated[int, Meta(ge=1, le=100)] = 3
    """Attempts for a request that crashes the appliance (1 to 100)."""


class HomeAssistantSettings(Section, frozen=True):
    """MQTT discovery for Home Assistant."""

    enabled: bool = False
    """Let Home Assistant find the appliance by itself."""
    prefix: Annotated[
        str, Meta(pattern=r"^[^+#$\x00]+\Z", description="a topic without + # and $")
    ] = "homeassistant"
    """Discovery prefix of Home Assistant."""


def host_and_port(text: str) -> tuple[str, int]:
    """The parts of an AddressAndPort."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class ServerSettings(Section, frozen=True):
    """Keys of every server to which clients connect."""

    if TYPE_CHECKING:  # each has comments of its own
        listen: str
        allow: list[str]

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of `listen`; None if it is off, or a Unix socket."""
        return host_and_port(self.listen) if self.listen.rpartition(":")[2].isdecimal() else None

    @property
    def clients(self) -> list[str]:
        """The addresses and networks beyond this machine from which clients may come."""
        return list(self.allow) if self.address else []

    def is_port(self, port: int) -> bool:
        """Whether the server listens on this port."""
        return self.address is not None and self.address[1] == port


class WyomingSettings(ServerSettings, frozen=True):
    """A server for other voice systems, such as Home Assistant's own voice assistants."""

    listen: AddressAndPort = ""
    """Address and port of the server."""
    allow: list[str] = []
    """Addresses and networks whose clients are let in, beside this machine's own."""
    dictation: bool = False
    """Give every word that was heard to a client that does not say which model it wants."""
    announce: bool = False
    """Announce the server on the local network, so that Home Assistant finds it by itself."""
    satellites: list[SatelliteAddress] = []
    """Addresses and ports of satellites, whose speech is recognised and carried out here."""

    @property
    def clients(self) -> list[str]:
        """The allowed clients, with the multicast address for their queries."""
        return [
            *super().clients,
            *([MULTICAST_DNS] if self.listen and self.announce else []),
            *(host for host, _ in self.satellite_addresses),
        ]

    @property
    def satellite_addresses(self) -> list[tuple[str, int]]:
        """Host and port of each satellite."""
        return [host_and_port(one) for one in self.satellites]


class SatelliteSettings(ServerSettings, frozen=True):
    """A board with microphone and loudspeaker only: `appliance satellite`."""

    listen: AddressAndPort = ""
    """Address and port to which the appliance that recognises connects."""
    allow: list[str] = []
    """Addresses and networks of that appliance, beside this machine's own."""


class HttpSettings(ServerSettings, frozen=True):
    """A server for programs that know OpenAI's HTTP interface."""

    listen: AddressAndPort = ""
    """Address and port of the server."""
    allow: list[str] = []
    """Addresses and networks whose clients are let in, beside this machine's own."""
    certificate_file: str = ""
    """Certificate of the server (PEM), with those of its issuers."""
    key_file: str = ""
    """Private key of the certificate (PEM)."""


class SparkplugSettings(Section, frozen=True):
    """A Sparkplug B edge node, for SCADA systems."""

    group_id: SparkplugName = ""
    """Group ID of the edge node."""
    node_id: SparkplugName = ""
    """Edge Node ID, unique in its group."""
    primary_host: SparkplugName = ""
    """Host ID of the primary host application."""


class FleetSettings(Section, frozen=True):
    """Signed bundles of sentences, devices file and settings, for many appliances."""

    public_key: str = ""
    """File with the public key (PEM, Ed25519) for the signatures of bundles."""
    trial_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 60.0
    """Trial of a new bundle: time without a fault, in seconds (1 to 3600)."""


class PageSettings(ServerSettings, frozen=True):
    """A page for browsers: to look at the appliance, try it and change it."""

    listen: AddressAndPort = ""
    """Address and port of the page."""
    allow: list[str] = []
    """Addresses and networks whose browsers are let in, beside this machine's own."""
    names: list[
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z0-9._-]{1,253}\Z",
                description='host names such as "voice.example.org", without port',
            ),
        ]
    ] = []
    """Further host names by which the page may be reached."""
    certificate_file: str = ""
    """Certificate of the page (PEM), with those of its issuers."""
    key_file: str = ""
    """Private key of the certificate (PEM)."""
    save_settings: bool = True
    """Let the page save settings where it may not write this file."""


class ClipSettings(Section, frozen=True):
    """Recordings of what was said."""

    keep: bool = False
    """Keep the last 20 recordings in memory until the next start."""
    maximum: Annotated[int, Meta(ge=1, le=10_000)] = 200
    """Most examples on disk (1 to 10000)."""
    maximum_mb: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """Most MB of all examples on disk (1 to 10000)."""


class JournalSettings(Section, frozen=True):
    """Limits of the messages that wait on disk for the broker."""

    maximum_rows: Count = 10_000
    """Messages (1 or more)."""
    maximum_bytes: Annotated[int, Meta(ge=65536)] = 67_108_864
    """Bytes of all messages together (65536 or more)."""
    maximum_age_days: Annotated[float, Meta(gt=0.0)] = 7.0
    """Age of a message, in days (above 0)."""


class TelemetrySettings(Section, frozen=True):
    """The interval of the board's sensors."""

    every_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 5.0
    """Interval between two readings, in seconds (1 to 3600)."""


class MetricsSettings(ServerSettings, frozen=True):
    """Metrics for Prometheus."""

    listen: Annotated[
        str,
        Meta(
            pattern=r"^(|(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):\d{1,5}|unix:/.{1,90})\Z",
            description='an address with a port such as "127.0.0.1:9100", "unix:/path", or ""',
        ),
    ] = ""
    """Address of the metrics."""
    allow: list[str] = []
    """Addresses and networks that may read the metrics, beside this machine's own."""


class LogSettings(Section, frozen=True):
    """The log."""

    level: Level = "info"
    """Log level."""


SECRETS = frozenset({("mqtt", "username")})
"""Keys whose values are not shown; the password itself is never in the file."""


class Config(Section, frozen=True):
    """All of config.toml."""

    device: DeviceSettings = DeviceSettings()
    microphone: MicrophoneSettings = MicrophoneSettings()
    listening: ListeningSettings = ListeningSettings()
    wake_word: WakeWordSettings = WakeWordSettings()
    panel: PanelSettings = PanelSettings()
    speaking: SpeakingSettings = SpeakingSettings()
    speech: SpeechSettings = SpeechSettings()
    sentences: SentenceSettings = SentenceSettings()
    devices: DevicesSettings = DevicesSettings()
    timers: TimerSettings = TimerSettings()
    cascade: CascadeSettings = CascadeSettings()
    language_model: LanguageModelSettings = LanguageModelSettings()
    mqtt: MqttSettings = MqttSettings()
    requests: RequestSettings = RequestSettings()
    home_assistant: HomeAssistantSettings = HomeAssistantSettings()
    wyoming: WyomingSettings = WyomingSettings()
    satellite: SatelliteSettings = SatelliteSettings()
    http: HttpSettings = HttpSettings()
    sparkplug: SparkplugSettings = SparkplugSettings()
    fleet: FleetSettings = FleetSettings()
    page: PageSettings = PageSettings()
    clips: ClipSettings = ClipSettings()
    journal: JournalSettings = JournalSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()

    @property
    def name(self) -> str:
        """The device's name in topics: the configured one, otherwise the host name."""
        return self.device.name or re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64]

    @property
    def root(self) -> str:
        """The root of all topics."""
        return self.mqtt.root.replace("{device}", self.name)

    @property
    def models(self) -> list[str]:
        """The models in use, each once: a name of the catalogue, or the path of the owner's own."""
        names = [self.speech.model]
        if self.speech.second_model and self.speech.grammar:
            names.append(self.speech.second_model)
        if self.language_model.enabled:
            names.append(self.language_model.model)
        return list(dict.fromkeys(names))

    @property
    def servers(self) -> dict[str, ServerSettings]:
        """The servers that may be reached from other machines, by table."""
        servers = {"wyoming": self.wyoming, "http": self.http, "page": self.page}
        return {**servers, "metrics": self.metrics, "satellite": self.satellite}

    @property
    def clients(self) -> list[str]:
        """Addresses and networks of the allowed clients of all servers."""
        return [client for server in self.servers.values() for client in server.clients]

    @property
    def sentence_folder(self) -> Path | None:
        """The configured folder of sentence files, otherwise the page's; None: the starter set."""
        if self.sentences.folder:
            return Path(self.sentences.folder).expanduser()
        folder = self.page_sentence_folder
        return folder if folder.is_dir() else None

    @property
    def page_sentence_folder(self) -> Path:
        """The folder for the page's sentences if none is configured; it may not exist yet."""
        return self.state_directory / "sentences"

    @property
    def devices_file(self) -> Path | None:
        """The owner's file of devices: the configured one, otherwise the page's; None: none."""
        if self.devices.file:
            return Path(self.devices.file).expanduser()
        file = self.page_devices_file
        return file if file.is_file() else None

    @property
    def page_devices_file(self) -> Path:
        """The file that the page writes if none is configured; it may not exist yet."""
        return self.state_directory / "devices.yaml"

    @property
    def without_effect(self) -> list[str]:
        """Keys that are set but do nothing, because another one is empty; with the next step."""
        sparkplug = self.sparkplug
        keys = [key for key in ("node_id", "primary_host") if getattr(sparkplug, key)]
        if sparkplug.group_id or not keys:
            return []
        names = " and ".join(f"sparkplug.{key}" for key in keys)
        return [f"{names}: no effect without sparkplug.group_id; give the edge node a group"]

    @property
    def earshot(self) -> str | None:
        """The topic shared by the appliances in one room; None if there is no other."""
        return self.wake_word.earshot or None

    @property
    def client_id(self) -> str:
        """The MQTT client id."""
        return self.mqtt.client_id.replace("{device}", self.name)

    @property
    def broker_host(self) -> str:
        """The broker's address; localhost for the embedded one."""
        return self.mqtt.host or "127.0.0.1"

    @property
    def broker_port(self) -> int:
        """The broker's port: the configured one, otherwise the standard one."""
        if not self.mqtt.host:
            return self.mqtt.embedded_port
        return self.mqtt.port or (8883 if self.mqtt.tls else 1883)

    @property
    def state_directory(self) -> Path:
        """Folder of the journal: the configured one, otherwise systemd's, otherwise the user's."""
        if self.device.state_directory:
            return _expanded("device.state_directory", self.device.state_directory)
        if systemd := os.environ.get("STATE_DIRECTORY"):
            return Path(systemd.split(":")[0])
        return _user_directory("XDG_STATE_HOME", ".local/state")

    @property
    def models_directory(self) -> Path:
        """Folder of the models: the configured one, otherwise systemd's, otherwise the user's."""
        if self.device.models_directory:
            return _expanded("device.models_directory", self.device.models_directory)
        if systemd := os.environ.get("STATE_DIRECTORY"):
            return Path(systemd.split(":")[0]) / "models"
        return _user_directory("XDG_DATA_HOME", ".local/share") / "models"

    @property
    def threads(self) -> int:
        """CPU threads for one engine: the configured number, otherwise one per core, at most 4."""
        return self.device.threads or min(4, os.cpu_count() or 1)


def _expanded(key: str, path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError([f"{key}: there is no home directory for {path!r}"]) from None


def _user_directory(variable: str, default: str) -> Path:
    base = os.environ.get(variable)
    try:
        return (Path(base) if base else Path.home() / default) / "appliance"
    except RuntimeError:
        key = "device.state_directory" if "STATE" in variable else "device.models_directory"
        raise ConfigError([f"{key}: required, because this user has no home directory"]) from None


def load(path: Path, *, with_bundle: bool = True, contents: Path | None = None) -> Config:
    """Read config.toml, with the settings of the page and of the active signed bundle, if any.

    Args:
        path: of config.toml.
        with_bundle: False to leave out the bundle.
        contents: of another bundle than the active one.

    Raises:
        ConfigError: with every problem in it.

    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # some editors begin with a byte order mark
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file; give its path with --config"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 text, at byte {error.start}"]) from error
    try:
        own = parse(text)
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from None
    own, saved = _with_saved(own, tomllib.loads(text))
    if saved.problem:
        logger.warning("the settings of the page do not count: %s", saved.problem)
    if not with_bundle or not own.fleet.public_key:
        return own
    tables = saved_settings.merged(tomllib.loads(text), saved.tables)
    return _with_bundle(own, tables, contents)


def saved_in_force(path: Path) -> SavedSettings:
    """The settings that the page has saved beside this config.toml, as far as they count.

    Raises:
        OSError: config.toml cannot be read.
        ConfigError: it has mistakes.

    """
    text = path.read_bytes().decode("utf-8-sig")
    return _with_saved(parse(text), tomllib.loads(text))[1]


def with_saved(text: str, saved: str) -> Config:
    """Config from the texts of a config.toml and of the settings that the page saves beside it.

    Raises:
        ConfigError: with every problem in them.

    """
    try:
        more = saved_settings.tables_of(saved)
    except ValueError as error:
        raise ConfigError([str(error)]) from error
    parse(text)
    return _of_tables(saved_settings.merged(tomllib.loads(text), more))


def _with_saved(own: Config, tables: dict[str, Any]) -> tuple[Config, SavedSettings]:
    """A mistake in what the page has saved must not keep the appliance from its start."""
    if not own.page.save_settings:
        return own, SavedSettings({})
    saved = saved_settings.read(own.state_directory)
    if not saved.tables:
        return own, saved
    try:
        return _of_tables(saved_settings.merged(tables, saved.tables)), saved
    except ConfigError as error:
        path = saved_settings.file_of(own.state_directory)
        return own, SavedSettings({}, f"{path}: {'; '.join(error.problems)}")


def _with_bundle(own: Config, tables: dict[str, Any], contents: Path | None) -> Config:
    serial = pushed_bundle.read_record(own.state_directory).serial
    if contents is None and serial:
        contents = pushed_bundle.contents_of(own.state_directory, serial)
    if contents is None:
        return own
    try:
        return _of_tables(pushed_bundle.with_bundle(tables, contents))
    except ConfigError as error:
        raise ConfigError([f"bundle {contents.name}: {each}" for each in error.problems]) from None
    except (OSError, ValueError) as error:
        raise ConfigError([f"bundle {contents.name}: {error}"]) from error


def parse(text: str) -> Config:
    """Config from the text of a config.toml.

    Raises:
        ConfigError: with every problem in it.

    """
    try:
        tables = tomllib.loads(text)
    except UNREADABLE_TOML as error:
        raise ConfigError([f"not valid TOML: {error}"]) from None
    return _of_tables(tables)


def _of_tables(tables: dict[str, Any]) -> Config:
    problems: list[str] = []
    sections = dict(_read_struct(Config, tables, "", problems))
    if problems:
        raise ConfigError(problems)
    config = Config(**sections)
    problems.extend(_contradictions(config))
    if problems:
        raise ConfigError(problems)
    return config


def _read_struct(
    kind: type[Section], table: dict[str, Any], path: str, problems: list[str]
) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(kind, include_extras=True)
    for key, value in table.items():
        name = f"{path}{key}"
        if key not in hints:
            problems.append(f"{name}: there is no such key{_suggestion(key, path, hints)}")
        elif isinstance(hints[key], type) and issubclass(hints[key], Section):
            if isinstance(value, dict):
                yield key, hints[key](**dict(_read_struct(hints[key], value, f"{name}.", problems)))
            else:
                problems.append(f"{name}: is a table; write it as [{name}]")
        else:
            try:
                yield key, msgspec.convert(value, hints[key])
            except msgspec.ValidationError as error:
                problems.append(f"{name}: {_message_of(error, hints[key])}, not {_shown(value)}")


def _message_of(error: msgspec.ValidationError, hint: Any) -> str:
    """The message of msgspec in a form that can follow the key's path."""
    if get_origin(hint) is Literal:
        return f"expected one of {', '.join(map(repr, get_args(hint)))}"
    if "matching regex" in str(error) and (described := _description_of(hint)):
        return f"expected {described}"
    message = str(error).split(" - at `")[0].split(", got ")[0]
    return message[0].lower() + message[1:]


def _description_of(hint: Any) -> str:
    """What a type allows, in words, or the values of a list; empty if it has no description."""
    for part in get_args(hint):
        if isinstance(part, Meta) and part.description:
            return part.description
        if found := _description_of(part):
            return found
    return ""


def _shown(value: Any) -> str:
    """A wrong value, as much of it as a line has room for."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _suggestion(key: str, path: str, hints: dict[str, Any]) -> str:
    near = difflib.get_close_matches(key, hints, n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(path + name for name in near)}?"
    if path:
        return f"; known here: {', '.join(hints)}"
    for section, kind in get_type_hints(Config).items():
        if key in get_type_hints(kind):
            return f"; did you mean {section}.{key}?"
    return f"; known tables: {', '.join(hints)}"


def _contradictions(config: Config) -> Iterator[str]:
    """Values that are allowed for each key, but not together."""
    mqtt = config.mqtt
    yield from _bad_topics(config)
    yield from _bad_language(config.device.language)
    yield from _bad_thresholds(config.wake_word)
    yield from _bad_panel(config)
    yield from _bad_speech(config.speech)
    for name, server in config.servers.items():
        yield from _bad_server(name, server)
    yield from _bad_servers(config)
    yield from _bad_mqtt(mqtt)
    if config.devices.sparkplug_groups and config.devices.discovery == "off":
        yield 'devices.sparkplug_groups: needs devices.discovery "read" or "act"'
    if mqtt.group_root == config.root:
        yield "mqtt.group_root: must differ from mqtt.root"
    yield from _bad_for_embedded_broker(config)
    if config.language_model.maximum_tokens >= config.language_model.context_tokens:
        yield "language_model.maximum_tokens: must be less than context_tokens"


def _bad_language(language: str) -> Iterator[str]:
    if not LANGUAGE_CODE.fullmatch(language):
        example = 'must be a code such as "en", "pt-BR" or "sr-Latn"'
        yield f"device.language: {example}, not {language!r}"


def _bad_mqtt(mqtt: MqttSettings) -> Iterator[str]:
    yield from _bad_host(mqtt.host)
    if bool(mqtt.group) != bool(mqtt.group_root):
        yield "mqtt.group and mqtt.group_root: one needs the other"
    if bool(mqtt.certificate_file) != bool(mqtt.key_file):
        yield "mqtt.certificate_file and mqtt.key_file: one needs the other"
    if not mqtt.tls and (mqtt.ca_file or mqtt.certificate_file):
        yield "mqtt.tls: must be true if ca_file or certificate_file is given"
    if mqtt.password_file and not mqtt.username:
        yield "mqtt.username: required with mqtt.password_file"


HOST_IN_URL = re.compile(
    r"""(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)? (?:[^/@]*@)?   # mqtts://user:password@
    (?: \[ (?P<address>[^]]*) \] | (?P<name>[^/:]*) )        # [::1] or broker.local
    (?: : (?P<port>\d+) )? (?P<path>/.*)?""",
    re.VERBOSE | re.IGNORECASE,
)


def _bad_host(host: str) -> Iterator[str]:
    """Find common mistakes in mqtt.host; the message says what to write."""
    if re.search(r"\s", host):
        yield f"mqtt.host: must not contain white space, not {host!r}"
        return
    found = HOST_IN_URL.fullmatch(host)
    name = found and (found["address"] or found["name"])
    if found is None or name == host:
        return
    kind = "an address in brackets"
    if found["scheme"] or found["path"]:
        kind = "a URL"
    elif found["port"]:
        kind = "a host with a port"
    port = f", port = {found['port']}" if found["port"] else ""
    tls = ", tls = true" if found["scheme"] in ("mqtts", "ssl", "tls") else ""
    yield f"mqtt.host: {host!r} is {kind}; write: host = {json.dumps(name)}{port}{tls}"


def _bad_thresholds(wake_word: WakeWordSettings) -> Iterator[str]:
    for word in sorted(wake_word.thresholds.keys() - set(wake_word.words)):
        yield f"wake_word.thresholds: {word!r} is not in wake_word.words"


def _bad_speech(speech: SpeechSettings) -> Iterator[str]:
    for name in ("calibration", "second_calibration"):
        if not all(map(math.isfinite, getattr(speech, name))):
            yield f"speech.{name}: must be finite numbers"
    if speech.second_model == speech.model:
        yield "speech.second_model: must differ from speech.model"


def _bad_server(name: str, server: ServerSettings) -> Iterator[str]:
    for text in server.allow:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            yield f"{name}.allow: {error}; give an address or a network such as 192.168.1.0/24"
    if server.address is None:
        return
    host, port = server.address
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        yield f"{name}.listen: {error}"
        return
    if not 1 <= port <= 65535:  # noqa: PLR2004
        yield f"{name}.listen: the port must be 1 to 65535, not {port}"
    if not loopback and not server.allow:
        yield f"{name}.allow: required, because {name}.listen can be reached by other machines"


def _bad_servers(config: Config) -> Iterator[str]:
    """Find settings of servers that exclude each other."""
    ports: dict[int, str] = {}
    for name, server in config.servers.items():
        if server.address is not None:
            other = ports.setdefault(server.address[1], name)
            if other != name:
                yield f"{name}.listen: has the same port as {other}.listen"
    for name, site in (("http", config.http), ("page", config.page)):
        if bool(site.certificate_file) != bool(site.key_file):
            yield f"{name}.certificate_file and {name}.key_file: one needs the other"


def _bad_panel(config: Config) -> Iterator[str]:
    pins = config.panel.led_pins
    if len(pins) == 2:  # noqa: PLR2004
        yield "panel.led_pins: must be one pin for a light, or three for red, green and blue"
    if len({*pins, config.panel.button_pin}) <= len(pins):
        yield "panel: each pin can be used only once"
    if config.speaking.engine == "piper" and not config.speaking.voice:
        yield "speaking.voice: piper requires the path of an .onnx file"


def _bad_for_embedded_broker(config: Config) -> Iterator[str]:
    """Find settings that the embedded broker does not support."""
    if config.mqtt.host:
        return
    if config.mqtt.tls:
        yield "mqtt.tls: the embedded broker has no TLS; set mqtt.host to another broker"
    if config.mqtt.version != "5":
        yield "mqtt.version: the embedded broker supports only 5; set mqtt.host to another broker"


def _bad_topics(config: Config) -> Iterator[str]:
    topics = [("root", config.root), ("client_id", config.client_id)]
    if config.mqtt.group_root:
        topics.append(("group_root", config.mqtt.group_root))
    for key, value in topics:
        if not value.strip("/"):
            yield f"mqtt.{key}: must not be empty"
        elif re.search(r"[\x00-\x1f\x7f]", value):
            yield f"mqtt.{key}: must not contain control characters, not {_shown(value)}"
        elif re.search(r"[+#{}]", value) or value.startswith("$"):
            yield (
                f"mqtt.{key}: must not contain + # {{ }} (except {{device}}) or begin with $, "
                f"not {getattr(config.mqtt, key)!r}"
            )
