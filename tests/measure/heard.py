"""What is heard right, wrong or refused on every set of recordings, with the work that it took.

    APPLIANCE_SPEECH=… APPLIANCE_MODELS=… python tests/measure/heard.py SET… [--every N]

Sets: orders, home, other, undeclared, numbers, rooms, noises, or one such as orders/6, home/fr.
`rooms` and `noises` are the orders and the English home in each room, and with each noise at 10 dB.
`other` is speech that must be refused, `undeclared` orders of which the grammar lacks one value,
`numbers` numbers that the starter set does not have. `near` is what is nearly a command and must be
refused, said by synthetic voices: near/given are the texts of $APPLIANCE_TEXTS under the starter
set, the others (near/de) commands inside the questions, reports and times of
tests/fixtures/near_commands.toml. `synthetic/pl` are drawn from Home Assistant's own sentences for
a small house (small_houses.toml), said by eSpeak NG. With --memory FOLDER the calls of the models
are kept there, so that the next run asks only new ones; --keep writes a line for each clip.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from appliance.audio.decode import decode
from appliance.bench.padded_whisper import PaddedWhisper
from appliance.config import SpeechSettings
from appliance.decoding.calibration import Calibration
from appliance.decoding.sentence_recogniser import (
    RecognisedSentence,
    RejectionLimits,
    SentenceRecogniser,
    SpeechScorer,
)
from appliance.engines.whisper.model import Whisper
from appliance.grammar.grammar import Grammar
from appliance.recognition.grammar_recogniser import SecondModel
from appliance.sentences.sentence_set import SHIPPED, load
from measure.accuracy import understanding
from measure.recordings import (
    NoRecordings,
    Sound,
    coffee_intents,
    folder,
    mixed,
    model_folder,
    sound,
)
from measure.refusals import other_speech
from measure.remembered_audio import RememberedAudio
from measure.sampled_sentences import HOUSES, house, sampled
from measure.voices import PICO, espeak, pico

LEVELS = {"clean": None, "15": 15.0, "9": 9.0, "6": 6.0}
NOISES_DB = 10.0
ROOMS = ("rir1", "rir2")
NOISES = ("noise2", "noise3", "noise5")
LANGUAGES = ("en", "fr", "de", "es", "it", "nl")
NEAR_VOICES = ("espeak:en-us", "espeak:en-gb+f3", "pico:en-US", "pico:en-GB")
NUMBER_VOICES = ("en-us", "en-gb", "en-us+f2", "en-gb+m3")
SHORT_WORDS = 2
SAMPLED = 40
COMPILED = Path(tempfile.gettempdir()) / "appliance-measure-grammars"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A recording, under which grammar, and what it means; None if it must be refused."""

    name: str
    kind: str = ""
    speaker: str
    language: str = "en"
    grammar: Callable[[], Grammar]
    load: Callable[[], Sound]
    intent: str | None = None
    slots: dict[str, str] = field(default_factory=dict)
    place: str | None = None
    text: str = ""


@cache
def coffee_grammar(lacking: tuple[str, str] | None = None) -> Grammar:
    return Grammar.of(coffee_intents(lacking))


@cache
def starter_grammar() -> Grammar:
    return Grammar.of(load(SHIPPED, "en").intents)


@cache
def home_grammar(language: str) -> Grammar:
    """Home Assistant's sentences with the names of the recordings' house, in its own room."""
    place = manifest(f"assist/{language}")[0]["area"]
    sentences = folder() / "assist" / language
    return load(sentences, language, builtin=True, area=place, cache=COMPILED).grammar


def manifest(name: str) -> list[dict[str, Any]]:
    lines = (folder() / name / "manifest.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def read(path: Path) -> Sound:
    return decode(path, maximum_seconds=60.0)


def all_orders() -> list[tuple[Path, dict[str, str]]]:
    return [
        (folder() / name / one["audio"], one["slots"])
        for name in ("coffee", "coffee_more")
        for one in manifest(name)
    ]


@cache
def kitchen() -> Sound:
    return sound(folder() / "coffee" / "noise_kitchen.wav")


def noisy(path: Path, level: str, number: int) -> Sound:
    return mixed(read(path), kitchen(), LEVELS[level], number)


def orders(level: str) -> Iterator[Spoken]:
    for number, (path, slots) in enumerate(all_orders()):
        yield Spoken(
            name=path.stem,
            speaker=path.stem,
            grammar=coffee_grammar,
            load=partial(noisy, path, level, number),
            intent="OrderDrink",
            slots=slots,
        )


def in_room(spoken: Spoken, room: str) -> Spoken:
    """The same in a room, by its impulse response."""

    def heard() -> Sound:
        samples, response = spoken.load(), read(folder() / "rooms" / f"{room}.flac")
        size = len(samples) + len(response) - 1
        far = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)
        return np.asarray(far / np.abs(far).max() / 2, np.float32)

    return replace(spoken, load=heard)


def with_noise(spoken: Spoken, noise: str, number: int) -> Spoken:
    """The same with a noise at NOISES_DB."""

    def heard() -> Sound:
        return mixed(spoken.load(), read(folder() / "noises" / f"{noise}.flac"), NOISES_DB, number)

    return replace(spoken, load=heard)


def orders_and_home() -> list[Spoken]:
    """Clean; the kinds are `order` and `home`."""
    return [
        *(replace(one, kind="order") for one in orders("clean")),
        *(replace(one, kind="home") for one in home("en")),
    ]


def rooms(room: str) -> Iterator[Spoken]:
    yield from (in_room(one, room) for one in orders_and_home())


def noises(noise: str) -> Iterator[Spoken]:
    yield from (with_noise(one, noise, at) for at, one in enumerate(orders_and_home()))


def kind_of(clip: dict[str, Any]) -> str:
    text, slots = clip["text"], clip["slots"]
    if "area" in slots and slots["area"].casefold() not in text.casefold():
        return "of the room"
    if any(char.isdigit() for char in text):
        return "number"
    if "item" in slots or "message" in slots:
        return "wildcard"
    if len(text.split()) <= SHORT_WORDS:
        return "short"
    return "named" if slots else "plain"


def home(language: str) -> Iterator[Spoken]:
    for one in manifest(f"assist/{language}"):
        yield Spoken(
            name=one["audio"],
            kind=kind_of(one),
            speaker=one["audio"],
            language=language,
            grammar=partial(home_grammar, language),
            load=partial(read, folder() / "assist" / language / one["audio"]),
            intent=one["intent"],
            slots=one["slots"],
            place=one["area"],
            text=one["text"],
        )


def other() -> Iterator[Spoken]:
    """Speech and noise under a grammar of another domain or language."""
    english = partial(home_grammar, "en")
    yield from other_under("orders", coffee_grammar)
    yield from other_under("home/en", english)
    for one in manifest("assist/en"):
        yield Spoken(
            name=f"orders/home/{one['audio']}",
            kind="orders: home",
            speaker="home",
            grammar=coffee_grammar,
            load=partial(read, folder() / "assist" / "en" / one["audio"]),
            text=one["text"],
        )
    for number, language in enumerate(LANGUAGES):
        grammar = partial(home_grammar, language)
        for path, _ in all_orders()[number::12]:
            yield Spoken(
                name=f"home/{language}/{path.stem}",
                kind=f"home/{language}: orders",
                speaker="orders",
                language=language,
                grammar=grammar,
                load=partial(read, path),
            )
        for path, text in foreign(language)[number::8]:
            yield Spoken(
                name=f"home/{language}/{path.stem}",
                kind=f"home/{language}: another language",
                speaker="foreign",
                language=language,
                grammar=grammar,
                load=partial(read, path),
                text=text,
            )


def other_under(name: str, grammar: Callable[[], Grammar]) -> Iterator[Spoken]:
    for number, (kind, said, samples) in enumerate(other_speech(folder())):
        if not (said and grammar().readings(said)):
            yield Spoken(
                name=f"{name}/{kind}/{number}",
                kind=f"{name}: {kind}",
                speaker=kind,
                grammar=grammar,
                load=partial(np.asarray, samples),
                text=said,
            )


def foreign(language: str) -> list[tuple[Path, str]]:
    """Commands in the other languages that mean nothing in this one."""
    return [
        (folder() / "assist" / spoken / one["audio"], one["text"])
        for spoken in LANGUAGES
        for one in manifest(f"assist/{spoken}")
        if spoken != language and not home_grammar(language).readings(one["text"])
    ]


def undeclared() -> Iterator[Spoken]:
    for number, (path, slots) in enumerate(all_orders()):
        name = sorted(slots)[number % len(slots)]
        yield Spoken(
            name=path.stem,
            kind=name,
            speaker=path.stem,
            grammar=partial(coffee_grammar, (name, slots[name])),
            load=partial(read, path),
            text=f"lacks {slots[name]}",
        )


def numbers() -> Iterator[Spoken]:
    """Numbers that the starter set lacks, and halves of those that it has."""
    said = [f"stop machine {word}" for word in ("thirty", "forty", "fifty", "sixty", "seventy")]
    said += [f"start machine {number}" for number in (23, 34, 45, 56, 67, 78, 89, 90)]
    said += [
        f"set a timer for {word} and a half {unit}"
        for word in ("one", "two", "three", "five")
        for unit in ("hours", "minutes")
    ]
    said += [f"set a timer for {number} minutes" for number in ("two hundred", "five hundred")]
    said += ["set a timer for two point five minutes", "stop machine one and a half"]
    for number, text in enumerate(said):
        for voice in NUMBER_VOICES[number % 2 :: 2]:
            yield Spoken(
                name=f"{text}/{voice}",
                kind="synthetic",
                speaker=voice,
                grammar=starter_grammar,
                load=partial(espeak, text, voice),
                text=text,
            )
    for path in sorted((folder().parent / "field" / "out-of-range").glob("*.wav")):
        yield Spoken(
            name=path.stem,
            kind="given",
            speaker="given",
            grammar=starter_grammar,
            load=partial(read, path),
        )


def said_by(voice: str, text: str) -> Sound:
    """`voice` is the program and the name of its voice, "espeak:en-us"."""
    program, _, name = voice.partition(":")
    return pico(text, name) if program == "pico" else espeak(text, name)


def near_given() -> Iterator[Spoken]:
    """Texts that other people wrote; those with an intent that may act are left out."""
    texts = os.environ.get("APPLIANCE_TEXTS")
    if not texts:
        raise NoRecordings("set APPLIANCE_TEXTS to the folder with near_commands.jsonl")
    lines = (Path(texts) / "near_commands.jsonl").read_text("utf-8").splitlines()
    for one in map(json.loads, lines):
        for voice in () if one["may"] else NEAR_VOICES:
            yield Spoken(
                name=f"{one['text']}/{voice}",
                kind=voice,
                speaker=voice,
                grammar=starter_grammar,
                load=partial(said_by, voice, one["text"]),
                text=one["text"],
            )


def near(language: str) -> Iterator[Spoken]:
    """Each frame with one of the recorded commands in it."""
    path = Path(__file__).parents[1] / "fixtures" / "near_commands.toml"
    frames = tomllib.loads(path.read_text("utf-8"))[language]["near"]
    commands = [one["text"] for one in manifest(f"assist/{language}")]
    voice = f"pico:{language}" if language in PICO else f"espeak:{language}"
    for number, frame in enumerate(frames):
        text = frame.format(commands[(7 * number) % len(commands)])
        if not home_grammar(language).readings(text):
            yield Spoken(
                name=text,
                speaker=voice,
                language=language,
                grammar=partial(home_grammar, language),
                load=partial(said_by, voice, text),
                text=text,
            )


def synthetic(language: str) -> Iterator[Spoken]:
    """Sentences drawn at random, in a language of which there are no recordings."""
    sentences = house(language, COMPILED / language, COMPILED)
    for text in sampled(sentences, SAMPLED):
        reading = sentences.grammar.readings(text)[0]
        yield Spoken(
            name=text,
            kind=reading.intent,
            speaker=language,
            language=language,
            grammar=lambda: sentences.grammar,
            load=partial(espeak, text, language),
            intent=reading.intent,
            slots={name: str(value) for name, value in reading.slots.items()},
            text=text,
        )


SETS: dict[str, Callable[[], Iterator[Spoken]]] = {
    **{f"orders/{level}": partial(orders, level) for level in LEVELS},
    **{f"home/{language}": partial(home, language) for language in LANGUAGES},
    **{f"rooms/{room}": partial(rooms, room) for room in ROOMS},
    **{f"noises/{noise}": partial(noises, noise) for noise in NOISES},
    **{f"near/{language}": partial(near, language) for language in LANGUAGES},
    "near/given": near_given,
    **{f"synthetic/{language}": partial(synthetic, language) for language in HOUSES},
    "other": other,
    "undeclared": undeclared,
    "numbers": numbers,
}


@dataclass(frozen=True, slots=True)
class HeardClip:
    """What became of a clip; as a line of JSON it is enough to fit the confidence again."""

    set: str
    name: str
    kind: str
    speaker: str
    wanted: str
    right: bool
    wrong: bool
    candidate_right: bool
    """The best sentence was the right one, accepted or not."""
    found: dict[str, Any]
    ms: float
    padded_ms: float

    @classmethod
    def of(
        cls, where: str, spoken: Spoken, found: RecognisedSentence, ms: float, padded_ms: float
    ) -> HeardClip:
        taken = found.reading is not None
        same = taken and matches(spoken, found.intent, found.slots)
        readings = spoken.grammar().readings(found.text)[:1] if found.text else []
        best = bool(readings) and matches(spoken, readings[0].intent, readings[0].slots)
        plain = asdict(replace(found, reading=None, by_first_model=None))
        wanted = spoken.text or json.dumps(spoken.slots)
        return cls(
            where,
            spoken.name,
            spoken.kind,
            spoken.speaker,
            wanted,
            same,
            taken and not same,
            best,
            plain,
            ms,
            padded_ms,
        )


def matches(spoken: Spoken, intent: str | None, slots: Any) -> bool:
    """Whether this is what was said; the room of the microphone may be left out."""
    if spoken.intent is None or intent != spoken.intent:
        return False
    said = {name: str(value).casefold() for name, value in slots.items()}
    meant = {name: str(value).casefold() for name, value in spoken.slots.items()}
    place = (spoken.place or "").casefold()
    if meant.get("area") == place and "area" not in said:
        del meant["area"]
    return said == meant


class Hearing:
    """One or two models, by which way their calls are remembered."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._models: dict[str, Whisper] = {}
        self._padded: dict[str, PaddedWhisper] = {}
        self._how: dict[tuple[str, str | None], SentenceRecogniser] = {}

    def model(self, name: str) -> Whisper:
        if name not in self._models:
            self._models[name] = Whisper(model_folder(name), threads=self._options.threads)
        return self._models[name]

    def names(self, language: str) -> tuple[str, str | None]:
        """The first and the second model; another language than English needs the second one."""
        options = self._options
        english = options.model.endswith(".en")
        if english and language != "en":
            return options.second or "whisper-base", None
        return options.model, options.second

    def how(self, first: str, second: str | None) -> SentenceRecogniser:
        key = first, second
        if key not in self._how:
            both = Calibration.of(SpeechSettings().second_calibration)
            fusion = SecondModel(self.model(second), both).fusion() if second else None
            alone = understanding(self.model(first))
            self._how[key] = replace(alone, limits=RejectionLimits(), fusion=fusion)
        return self._how[key]

    def scorer(self, name: str, samples: Sound, language: str) -> SpeechScorer:
        memory = self._options.memory
        if memory is None:
            return self.model(name).encode(samples, language)
        return RememberedAudio(self.model(name), samples, language, memory)

    def hear(self, where: str, spoken: Spoken) -> HeardClip:
        samples, grammar = spoken.load(), spoken.grammar()
        first, second = self.names(spoken.language)
        how = self.how(first, second)
        used: list[SpeechScorer] = []

        def scorer(name: str) -> SpeechScorer:
            used.append(self.scorer(name, samples, spoken.language))
            return used[-1]

        again = partial(scorer, second) if second else None
        started = time.perf_counter()
        found = how.recognise(scorer(first), grammar, again)
        ms = 1000 * (time.perf_counter() - started)
        for one in used:
            if isinstance(one, RememberedAudio):
                one.save()
        padded = self._padded_ms(first, samples, spoken) if self._options.compare else float("nan")
        return HeardClip.of(where, spoken, found, ms, padded)

    def _padded_ms(self, name: str, samples: Sound, spoken: Spoken) -> float:
        if name not in self._padded:
            self._padded[name] = PaddedWhisper(
                model_folder(name), compute_type="int8", threads=self._options.threads
            )
        started = time.perf_counter()
        spoken.grammar().readings(self._padded[name].transcribe(samples, spoken.language))
        return 1000 * (time.perf_counter() - started)


def line(name: str, results: Sequence[HeardClip]) -> str:
    count = len(results)
    right, wrong = sum(one.right for one in results), sum(one.wrong for one in results)
    rates = " | ".join(f"{100 * n / count:.1f}" for n in (right, wrong, count - right - wrong))
    calls = np.array([one.found["calls"] for one in results])
    tokens = np.array([one.found["tokens"] for one in results])
    ms = np.array([one.ms for one in results])
    ratio = ms / np.array([one.padded_ms for one in results])
    reached = 100 * sum(one.candidate_right for one in results) / count
    asked = 100 * sum(one.found["models_asked"] > 1 for one in results) / count
    spread = " | ".join(
        f"{np.median(some):.{digits}f}, {np.quantile(some, 0.95):.{digits}f}"
        for some, digits in ((calls, 0), (tokens, 0), (ms, 0), (ratio, 2))
    )
    return f"| {name} | {count} | {rates} | {reached:.1f} | {asked:.0f} | {spread} |"


SHOWN = (
    "confidence",
    "score",
    "deficit",
    "margin",
    "free_score",
    "distance",
    "no_speech",
    "calls",
)


def show(results: Sequence[HeardClip]) -> None:
    print(
        "| set | clips | right % | wrong % | refused % | best is right % | second asked % "
        "| calls: 50 %, 95 % | tokens | ms | of padded |\n|" + "---|" * 11
    )
    for name in dict.fromkeys(one.set for one in results):
        some = [one for one in results if one.set == name]
        print(line(name, some))
        if len(kinds := Counter(one.kind for one in some)) > 1:
            for kind in kinds:
                print(line(f"  {kind}", [one for one in some if one.kind == kind]))


def show_error(one: HeardClip) -> None:
    f = one.found
    numbers = " ".join(
        f"{key} {f[key]:.2f}" if isinstance(f[key], float) else f"{key} {f[key]}" for key in SHOWN
    )
    what = "WRONG" if one.wrong else f["refused"]
    best = f"{f['text']!r} (right)" if one.candidate_right else repr(f["text"])
    print(f"  {one.set} {one.kind} {what}: {one.wanted!r}")
    print(f"      free {f['free_text']!r}  best {best} {numbers}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--every", type=int, default=1, help="take each N-th clip")
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--second", metavar="MODEL", help="asked if the first one is in doubt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--memory", type=Path, metavar="FOLDER", help="keep the models' calls there"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FILE.jsonl", help="write a line for each clip"
    )
    parser.add_argument("--compare", action="store_true", help="time padded free decoding, too")
    parser.add_argument("--errors", action="store_true", help="tell what went wrong")
    options = parser.parse_args()
    COMPILED.mkdir(exist_ok=True)
    try:
        show(list(measured(options)))
    except NoRecordings as missing:
        print(missing)
        return 69
    return 0


def measured(options: argparse.Namespace) -> Iterator[HeardClip]:
    hearing = Hearing(options)
    for name in SETS:
        if not any(name == asked or name.startswith(f"{asked}/") for asked in options.sets):
            continue
        for spoken in list(SETS[name]())[:: options.every]:
            one = hearing.hear(name, spoken)
            if options.errors and (one.wrong or not (one.right or spoken.intent is None)):
                show_error(one)
            if options.keep:
                with options.keep.open("a") as file:
                    file.write(json.dumps(asdict(one)) + "\n")
            yield one


if __name__ == "__main__":
    sys.exit(main())
