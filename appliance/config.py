"""config.toml → one frozen Config, or a ConfigError that names every wrong key at once."""

from __future__ import annotations

import difflib
import math
import os
import re
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from appliance.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

Port = Annotated[int, Meta(ge=1, le=65535)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Count = Annotated[int, Meta(ge=1)]
Level = Literal["debug", "info", "warning", "error"]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of config.toml; each field is a key with its default."""


class DeviceSettings(Section, frozen=True):
    """Who this appliance is."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""
    state_directory: str = ""
    models_directory: str = ""
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}$")] = "en"
    threads: Annotated[int, Meta(ge=0, le=64)] = 0


class MicrophoneSettings(Section, frozen=True):
    """Where sound comes from."""

    device: str = ""


class ListeningSettings(Section, frozen=True):
    """When a sentence begins and ends."""

    trigger: Literal["always", "wake_word", "button", "request", "off"] = "always"
    speech_threshold: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.5
    pause_ms: Annotated[int, Meta(ge=100, le=5000)] = 600
    by_meaning: bool = True
    partial: bool = False
    short_pause_ms: Annotated[int, Meta(ge=64, le=5000)] = 600
    over_pause_ms: Annotated[int, Meta(ge=64, le=5000)] = 190
    long_pause_ms: Annotated[int, Meta(ge=100, le=5000)] = 1200
    pre_roll_ms: Annotated[int, Meta(ge=0, le=2000)] = 300
    minimum_speech_ms: Annotated[int, Meta(ge=0, le=2000)] = 160
    maximum_s: Annotated[float, Meta(ge=1.0, le=60.0)] = 15.0
    wait_s: Annotated[float, Meta(ge=1.0, le=60.0)] = 5.0
    follow_up: bool = False


class WakeWordSettings(Section, frozen=True):
    """What opens the ear where listening.trigger is "wake_word"."""

    words: Annotated[list[str], Meta(min_length=1, max_length=4)] = msgspec.field(
        default_factory=lambda: ["okay_nabu"]
    )
    thresholds: dict[str, Annotated[float, Meta(gt=0.0, lt=1.0)]] = {}
    earshot: Annotated[str, Meta(pattern=r"^([^+#$\0][^+#\0]*)?$")] = ""


Pin = Annotated[int, Meta(ge=1, le=27)]
"""A BCM number; 0 belongs to the identification of boards on top."""


class PanelSettings(Section, frozen=True):
    """A light and a button on the board's pins."""

    led_pins: Annotated[list[Pin], Meta(max_length=3)] = []
    led_active_high: bool = True
    button_pin: Annotated[int, Meta(ge=0, le=27)] = 0
    button: Literal["hold", "toggle"] = "hold"
    button_to_ground: bool = True
    debounce_ms: Annotated[int, Meta(ge=0, le=1000)] = 30
    long_press_s: Annotated[float, Meta(ge=0.5, le=30.0)] = 2.0


class SpeakingSettings(Section, frozen=True):
    """What comes out of the loudspeaker."""

    engine: Literal["off", "auto", "piper", "espeak-ng"] = "off"
    voice: str = ""
    earcons: bool = False
    device: str = ""
    volume: Probability = 0.8


class SpeechSettings(Section, frozen=True):
    """Speech recognition."""

    model: str = "whisper-tiny.en"
    compute_type: Literal["int8", "int8_float32", "float32"] = "int8"
    grammar: bool = True
    no_speech_threshold: Probability = 0.6
    least_confidence: Probability = 0.7
    calibration: Annotated[list[float], Meta(min_length=4, max_length=4)] = msgspec.field(
        default_factory=lambda: [4.7, 2.0, -1.2, 0.37]
    )
    second_model: str = ""
    second_below: Probability = 0.97
    second_calibration: Annotated[list[float], Meta(min_length=4, max_length=4)] = msgspec.field(
        default_factory=lambda: [3.3, 2.1, -0.3, 1.0]
    )


class SentenceSettings(Section, frozen=True):
    """What may be said."""

    folder: str = ""
    builtin: bool = False


class LanguageModelSettings(Section, frozen=True):
    """The small language model that answers what no sentence fits."""

    enabled: bool = True
    answers_speech: bool = False
    model: str = "smollm2-135m-instruct"
    system_prompt: str = (
        "You are a helpful voice assistant in a house. Answer in one short sentence."
    )
    context_tokens: Annotated[int, Meta(ge=256, le=32768)] = 2048
    maximum_tokens: Annotated[int, Meta(ge=1, le=4096)] = 64
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.0
    time_limit_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 60.0
    load: Literal["start", "demand"] = "start"
    adapter: str = ""
    chat_template: Literal["", "plain", "chatml", "gemma", "llama-3", "phi-3", "mistral"] = ""
    maximum_json_tokens: Annotated[int, Meta(ge=1, le=4096)] = 256
    memory_limit_mb: Annotated[int, Meta(ge=0)] = 0
    tells_time: bool = False
    session_turns: Annotated[int, Meta(ge=0, le=50)] = 4
    session_minutes: Annotated[float, Meta(gt=0.0, le=1440.0)] = 10.0


class CascadeSettings(Section, frozen=True):
    """What is tried where no sentence fits."""

    repair: bool = True
    repair_threshold: Probability = 0.8
    repair_margin: Probability = 0.06
    choose: bool = True
    choose_speech: bool = False
    choose_threshold: Probability = 0.8


class MqttSettings(Section, frozen=True):
    """The broker that results go to and requests come from."""

    host: str = ""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    version: Literal["5", "3.1.1"] = "5"
    root: str = "appliance/{device}"
    client_id: str = "appliance-{device}"
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    session_expiry_s: Annotated[int, Meta(ge=0, le=4294967295)] = 86400
    username: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    embedded_port: Port = 1883
    group: Annotated[str, Meta(pattern=r"^[^/+#$\x00]{0,64}$")] = ""
    group_root: str = ""


class RequestSettings(Section, frozen=True):
    """Bounds of the work that is taken over MQTT."""

    maximum_waiting: Count = 100
    maximum_bytes: Annotated[int, Meta(ge=1024)] = 8_388_608
    maximum_waiting_bytes: Annotated[int, Meta(ge=1024)] = 33_554_432
    maximum_audio_s: Annotated[float, Meta(ge=1.0, le=7200.0)] = 120.0
    maximum_attempts: Annotated[int, Meta(ge=1, le=100)] = 3


class HomeAssistantSettings(Section, frozen=True):
    """Whether Home Assistant finds the appliance by itself."""

    enabled: bool = False
    prefix: Annotated[str, Meta(pattern=r"^[^+#$\x00]+$")] = "homeassistant"


class JournalSettings(Section, frozen=True):
    """Bounds of what waits on disk for the broker."""

    maximum_rows: Count = 10_000
    maximum_bytes: Annotated[int, Meta(ge=65536)] = 67_108_864
    maximum_age_days: Annotated[float, Meta(gt=0.0)] = 7.0


class TelemetrySettings(Section, frozen=True):
    """How often the board is looked at."""

    every_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 5.0


class MetricsSettings(Section, frozen=True):
    """Metrics for Prometheus."""

    listen: Annotated[str, Meta(pattern=r"^(|(127\.0\.0\.1|\[::1\]):\d{1,5}|unix:/.{1,90})$")] = ""


class LogSettings(Section, frozen=True):
    """What the log says."""

    level: Level = "info"


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
    cascade: CascadeSettings = CascadeSettings()
    language_model: LanguageModelSettings = LanguageModelSettings()
    mqtt: MqttSettings = MqttSettings()
    requests: RequestSettings = RequestSettings()
    home_assistant: HomeAssistantSettings = HomeAssistantSettings()
    journal: JournalSettings = JournalSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()

    @property
    def name(self) -> str:
        """The device's name in topics: the one configured, else the host's."""
        return self.device.name or re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64]

    @property
    def root(self) -> str:
        """The topic above all of ours."""
        return self.mqtt.root.replace("{device}", self.name)

    @property
    def models(self) -> list[str]:
        """Names, or own paths, of the models that are used, none twice."""
        names = [self.speech.model]
        if self.speech.second_model and self.speech.grammar:
            names.append(self.speech.second_model)
        if self.language_model.enabled:
            names.append(self.language_model.model)
        return list(dict.fromkeys(names))

    @property
    def earshot(self) -> str | None:
        """The topic of the appliances that hear the same room; None where we are alone."""
        return self.wake_word.earshot or None

    @property
    def client_id(self) -> str:
        """The MQTT client id."""
        return self.mqtt.client_id.replace("{device}", self.name)

    @property
    def broker_host(self) -> str:
        """The broker's address; loopback for the embedded one."""
        return self.mqtt.host or "127.0.0.1"

    @property
    def broker_port(self) -> int:
        """The broker's port: as configured, else the standard one."""
        if not self.mqtt.host:
            return self.mqtt.embedded_port
        return self.mqtt.port or (8883 if self.mqtt.tls else 1883)

    @property
    def state_directory(self) -> Path:
        """Where the journal lives: as configured, else systemd's, else the user's."""
        if self.device.state_directory:
            return _expanded("device.state_directory", self.device.state_directory)
        if systemd := os.environ.get("STATE_DIRECTORY"):
            return Path(systemd.split(":")[0])
        return _user_directory("XDG_STATE_HOME", ".local/state")

    @property
    def models_directory(self) -> Path:
        """Where models lie: as configured, else beside systemd's state, else the user's."""
        if self.device.models_directory:
            return _expanded("device.models_directory", self.device.models_directory)
        if systemd := os.environ.get("STATE_DIRECTORY"):
            return Path(systemd.split(":")[0]) / "models"
        return _user_directory("XDG_DATA_HOME", ".local/share") / "models"

    @property
    def threads(self) -> int:
        """The thread budget of one engine: as configured, else one per core, four at most."""
        return self.device.threads or min(4, os.cpu_count() or 1)


def _expanded(key: str, path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError([f"{key}: nobody's home is known for {path!r}"]) from None


def _user_directory(variable: str, otherwise: str) -> Path:
    base = os.environ.get(variable)
    try:
        return (Path(base) if base else Path.home() / otherwise) / "appliance"
    except RuntimeError:
        key = "device.state_directory" if "STATE" in variable else "device.models_directory"
        raise ConfigError([f"{key}: must be given, as this user has no home"]) from None


def load(path: Path) -> Config:
    """Read config.toml; ConfigError with every problem in it."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file; name yours with --config"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 text, at byte {error.start}"]) from error
    try:
        return parse(text)
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from None


def parse(text: str) -> Config:
    """Config from the text of a config.toml; ConfigError with every problem in it."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"not valid TOML: {error}"]) from error
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
            problems.append(f"{name}: there is no such key{_did_you_mean(key, path, hints)}")
        elif isinstance(hints[key], type) and issubclass(hints[key], Section):
            if isinstance(value, dict):
                yield key, hints[key](**dict(_read_struct(hints[key], value, f"{name}.", problems)))
            else:
                problems.append(f"{name}: is a table; write it as [{name}]")
        else:
            try:
                yield key, msgspec.convert(value, hints[key])
            except msgspec.ValidationError as error:
                problems.append(f"{name}: {_expected(error, hints[key])}, not {value!r}")


def _expected(error: msgspec.ValidationError, hint: Any) -> str:
    """The sentence of msgspec as one that goes on from the key's path."""
    if get_origin(hint) is Literal:
        return f"expected one of {', '.join(map(repr, get_args(hint)))}"
    message = str(error).split(" - at `")[0].split(", got ")[0]
    return message[0].lower() + message[1:]


def _did_you_mean(key: str, path: str, hints: dict[str, Any]) -> str:
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
    """What each key allows by itself, but not together."""
    mqtt = config.mqtt
    yield from _bad_topics(config)
    yield from _bad_thresholds(config.wake_word)
    yield from _bad_panel(config)
    yield from _bad_speech(config.speech)
    if bool(mqtt.group) != bool(mqtt.group_root):
        yield "mqtt.group and mqtt.group_root: one needs the other"
    if mqtt.group_root == config.root:
        yield "mqtt.group_root: must be another topic than mqtt.root"
    if bool(mqtt.certificate_file) != bool(mqtt.key_file):
        yield "mqtt.certificate_file and mqtt.key_file: one needs the other"
    if not mqtt.tls and (mqtt.ca_file or mqtt.certificate_file):
        yield "mqtt.tls: must be true where ca_file or certificate_file is given"
    yield from _without_a_broker(config)
    if mqtt.password_file and not mqtt.username:
        yield "mqtt.username: must be given where password_file is"
    if config.language_model.maximum_tokens >= config.language_model.context_tokens:
        yield "language_model.maximum_tokens: must be less than context_tokens"


def _bad_thresholds(wake_word: WakeWordSettings) -> Iterator[str]:
    for word in sorted(wake_word.thresholds.keys() - set(wake_word.words)):
        yield f"wake_word.thresholds: {word!r} is none of wake_word.words"


def _bad_speech(speech: SpeechSettings) -> Iterator[str]:
    for name in ("calibration", "second_calibration"):
        if not all(map(math.isfinite, getattr(speech, name))):
            yield f"speech.{name}: four numbers, none of them nan or inf"
    if speech.second_model == speech.model:
        yield "speech.second_model: must be another than speech.model"


def _bad_panel(config: Config) -> Iterator[str]:
    pins = config.panel.led_pins
    if len(pins) == 2:  # noqa: PLR2004
        yield "panel.led_pins: one pin for a light, or three for red, green and blue"
    if len({*pins, config.panel.button_pin}) <= len(pins):
        yield "panel: a pin serves one thing only"
    if config.speaking.engine == "piper" and not config.speaking.voice:
        yield "speaking.voice: piper needs the .onnx file of a voice"


def _without_a_broker(config: Config) -> Iterator[str]:
    """What the embedded broker cannot do."""
    if config.mqtt.host:
        return
    if config.mqtt.tls:
        yield "mqtt.tls: the embedded broker has no TLS; name a broker in mqtt.host"
    if config.mqtt.version != "5":
        yield "mqtt.version: the embedded broker speaks 5 alone; name a broker in mqtt.host"


def _bad_topics(config: Config) -> Iterator[str]:
    topics = [("root", config.root), ("client_id", config.client_id)]
    if config.mqtt.group_root:
        topics.append(("group_root", config.mqtt.group_root))
    for key, value in topics:
        if not value.strip("/"):
            yield f"mqtt.{key}: must not be empty"
        elif re.search(r"[+#\x00{}]", value) or value.startswith("$"):
            yield (
                f"mqtt.{key}: must hold none of + # {{ }} (but {{device}}) and not begin with $, "
                f"not {getattr(config.mqtt, key)!r}"
            )
