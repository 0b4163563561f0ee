"""The language model's figures on this board: run it while nothing else runs.

    python tests/measure/language_model.py GGUF [--threads N] [--part prefix|states|options|
        paraphrases|json|kills|speech] [--count N]

Every comparison is made in the same run. Without --part all of them are made, in minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from support.pipeline_parts import CommitsAtOnce, FixedBoard, RecordedLedger

from appliance.audio.decode import decode
from appliance.bench import prefix_speed
from appliance.bench.prefix_speed import REQUEST, SYSTEM
from appliance.config import CascadeSettings, Config, DeviceSettings, LanguageModelSettings
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.errors import EngineError
from appliance.events import EventBus
from appliance.fallback import intent_choice
from appliance.fallback.cascade import Cascade
from appliance.jobs.job_queue import JobQueue
from appliance.pipeline import pipeline_factory
from appliance.pipeline.pipeline import Pipeline
from appliance.pipeline.worker import Worker
from appliance.recognition.service import RecognitionService
from appliance.recognition.speech_models import SpeechModelLoader
from appliance.sentences import sentence_set as sentence_files
from appliance.sentences.active_sentences import ActiveSentences
from appliance.threads import StopSignal
from appliance.values import Operation, Question, Request, Source, Trigger, Utterance

FIXTURES = Path(__file__).parent.parent / "fixtures"

SAMPLES = Path(pipeline_factory.__file__).parent / "samples"


def go_on() -> bool:
    return False


def opened(gguf: Path, threads: int, states: Path | None, **settings: Any) -> Llama:
    model = Llama(
        ServerLauncher(gguf, LanguageModelSettings(**settings), threads, cache_folder=states)
    )
    model.start()
    return model


def prefix(gguf: Path, threads: int, count: int) -> dict[str, Any]:
    """Time to the first token: cold, warm, restored, and a plain chat call in turn with it."""
    restarts = max(3, count // 3)
    speed = prefix_speed.measure(
        gguf, LanguageModelSettings(), threads, runs=count, restarts=restarts
    )
    return {
        **msgspec.structs.asdict(speed),
        "warm_against_plain": round(speed.warm_ms / speed.plain_ms, 3),
        "restored_against_plain": round(speed.restored_ms / speed.plain_ms, 3),
    }


def options(gguf: Path, threads: int, count: int) -> dict[str, Any]:
    """Weighing 30 intents, against reading the request and weighing none."""
    names = _intent_names()
    menu = "Commands and what they mean:\n\n" + "".join(
        f"please {name} for me => {name}\n" for name in names
    )
    model = opened(gguf, threads, None)
    read, weighed = [], []
    for n in range(count):
        text = f"{REQUEST} {n} =>"
        read.append(_timed(partial(model.score_options, menu, text, [" x"], go_on)))
        weighed.append(
            _timed(partial(model.score_options, menu, text, [f" {x}" for x in names], go_on))
        )
    tokens = model.score_options(menu, REQUEST, [" x"], go_on)
    model.close()
    reading, all_of_it = _middle(read[1:]), _middle(weighed[1:])
    return {
        "request_tokens": tokens.prompt_tokens - tokens.cached_tokens,
        "reading_ms": reading,
        "reading_and_weighing_30_ms": all_of_it,
        "weighing_against_reading": round((all_of_it - reading) / reading, 2),
    }


def _intent_names() -> list[str]:
    verbs = ["turn on", "turn off", "open", "close", "start", "stop"]
    things = ["light", "cover", "timer", "machine", "music"]
    return [f"{verb} {thing}" for thing in things for verb in verbs]


def paraphrases(gguf: Path, threads: int, count: int) -> dict[str, Any]:
    """The cascade on sentences that the grammar refuses, with and without examples."""
    return {
        "with_examples": _paraphrased(gguf, threads, examples=True),
        "without_examples": _paraphrased(gguf, threads, examples=False),
    }


def _paraphrased(gguf: Path, threads: int, *, examples: bool) -> dict[str, Any]:
    if not examples:
        vars(intent_choice).update(EXAMPLES=0)
    declared = sentence_files.load(None, "en")
    cascade = Cascade(CascadeSettings())
    model = opened(gguf, threads, None)
    cascade.prepare(declared, model)
    found: dict[str, Any] = {}
    for name in ("paraphrases", "unrelated"):
        tally = {"right": 0, "wrong": 0, "refused": 0, "by_fuzzy": 0, "by_model": 0}
        spent = []
        for line in (FIXTURES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            wanted = json.loads(line)
            began = time.monotonic()
            intent = cascade.repair(wanted["text"], declared)
            if intent is None:
                choice = cascade.choose(wanted["text"], declared, model, go_on, spoken=False)
                intent = choice.intent if choice is not None else None
            spent.append((time.monotonic() - began) * 1000)
            tally[_verdict(intent, wanted)] += 1
            if intent is not None:
                tally[f"by_{intent.by}"] += 1
        found[name] = {**tally, "ms": _middle(spent)}
    model.close()
    return found


def _verdict(intent: Any, wanted: dict[str, Any]) -> str:
    if intent is None:
        return "refused"
    same = {k: str(v).casefold() for k, v in intent.slots.items()} == {
        k: str(v).casefold() for k, v in wanted.get("slots", {}).items()
    }
    return "right" if intent.name == wanted["intent"] and same else "wrong"


def json_schemas(gguf: Path, threads: int, count: int) -> dict[str, Any]:
    """Requests for JSON under drawn schemas: valid, or an error; anything else ends this run."""
    import jsonschema  # noqa: PLC0415  (only here)

    chance = random.Random(1)  # noqa: S311  (the same schemas each time)
    model = opened(gguf, threads, None, maximum_json_tokens=96)
    tally = Counter({"valid": 0})
    for _ in range(count):
        schema = _schema(chance, 2)
        try:
            text = model.complete(Question(("Fill this in.",), schema=schema), go_on).text
        except EngineError as error:
            tally[f"failed: {str(error).partition(':')[0]}"] += 1
        else:
            jsonschema.validate(json.loads(text), schema)
            tally["valid"] += 1
    model.close()
    return dict(tally)


def _schema(chance: random.Random, depth: int) -> dict[str, Any]:
    """A drawn schema; some cannot be met, some are none."""
    simple: list[Callable[[], dict[str, Any]]] = [
        lambda: {"type": "boolean"},
        lambda: {"type": "integer", "minimum": 0, "maximum": chance.randint(0, 500)},
        lambda: {"type": "string", "maxLength": chance.randint(0, 20)},
        lambda: {"enum": chance.sample(["red", "green", 5, None, "über", True], 3)},
        lambda: {"type": "number", "minimum": -1, "maximum": 1},
        lambda: {"type": "string", "pattern": "^[a-c]{2,5}$"},
        lambda: {"type": chance.choice(["null", "nothing"])},
        lambda: {"type": "integer", "minimum": 9, "maximum": 3},
    ]
    if depth == 0 or chance.random() < 0.3:
        return chance.choice(simple)()
    if chance.random() < 0.3:
        return {"type": "array", "items": _schema(chance, depth - 1), "maxItems": 3}
    names = chance.sample(["a", "room", "on", "level", "né", "x y"], chance.randint(1, 3))
    return {
        "type": "object",
        "properties": {name: _schema(chance, depth - 1) for name in names},
        "required": names[: chance.randint(0, len(names))],
        "additionalProperties": False,
    }


def kills(gguf: Path, threads: int, count: int) -> dict[str, Any]:
    """`kill -9` of the process while it writes, again and again: each request has one outcome."""
    model = opened(gguf, threads, None, maximum_tokens=24)
    over = threading.Event()
    killed = [0]

    def kill_now_and_then() -> None:
        while not over.wait(random.uniform(0.5, 4.0)):  # noqa: S311
            process_id = model.process_id
            if process_id is not None:
                try:
                    os.kill(process_id, signal.SIGKILL)
                    killed[0] += 1
                except ProcessLookupError:
                    pass

    killer = threading.Thread(target=kill_now_and_then, daemon=True)
    killer.start()
    tally = {"requests": 0, "answered": 0, "failed": 0}
    while killed[0] < count:
        tally["requests"] += 1
        try:
            model.complete(Question((f"Tell me of the number {killed[0]}.",)), go_on)
            tally["answered"] += 1
        except EngineError:
            tally["failed"] += 1
    over.set()
    killer.join()
    began = time.monotonic()
    model.complete(Question(("And now?",)), go_on)
    model.close()
    back = round(time.monotonic() - began, 2)
    return {"killed": killed[0], **tally, "restarts": model.restarts, "back_after_s": back}


def states(gguf: Path, threads: int, count: int) -> dict[str, Any]:
    """What a saved prefix weighs, and how long it takes to load it."""
    with tempfile.TemporaryDirectory() as folder:
        model = opened(gguf, threads, Path(folder), system_prompt=SYSTEM)
        model.close()
        size = sum(path.stat().st_size for path in Path(folder).glob("*.prefix"))
        with_it = [_timed(lambda: _start(gguf, threads, Path(folder))) for _ in range(3)]
        without = [_timed(lambda: _start(gguf, threads, None)) for _ in range(3)]
    return {
        "saved_mb": round(size / 1e6, 1),
        "start_restored_ms": _middle(with_it),
        "start_reading_ms": _middle(without),
    }


def speech(gguf: Path, threads: int, count: int) -> dict[str, Any]:  # noqa: PLR0915
    """From a command's arrival to its intent: while nothing else is done, and in an answer."""
    sound = (SAMPLES / "kitchen_light.flac").read_bytes()
    config = Config(
        device=DeviceSettings(models_directory=str(gguf.parent.parent), threads=threads),
        language_model=LanguageModelSettings(maximum_tokens=400, model=str(gguf)),
    )
    model = Llama(ServerLauncher(gguf, config.language_model, threads))
    model.start()
    jobs, events = JobQueue(10), EventBus()
    sentences = ActiveSentences(sentence_files.load(None, "en"))
    recognition = RecognitionService(SpeechModelLoader(config), sentences, events, model)
    pipeline = Pipeline(config, sentences, recognition, model, events)
    pipeline.open()
    ledger = RecordedLedger()
    parts: dict[str, Any] = {
        "board": FixedBoard(),
        "events": events,
        "stopping": StopSignal(),
    }
    worker = Worker(jobs, pipeline, CommitsAtOnce(ledger), ledger, **parts)  # type: ignore[arg-type]
    samples = decode(sound, maximum_seconds=60.0)

    def took() -> float:
        spoken = [one for one in ledger.results if one.source is Source.SPEECH]
        return spoken[-1].timings_ms["total_after_speech"]

    def say() -> None:
        jobs.enqueue_job(Utterance("u", samples, Trigger.ALWAYS, time.time(), time.monotonic()))

    def idle() -> float:
        say()
        worker.turn()
        return took()

    def writing(number: int) -> float:
        text = f"Write a long story about the number {number}.".encode()
        jobs.enqueue_job(Request(f"r{number}", Operation.ANSWER, text))
        speaker = threading.Timer(random.uniform(0.2, 1.2), say)  # noqa: S311
        speaker.start()
        worker.turn()
        speaker.join()
        while jobs.depth().speech:
            worker.turn()
        return took()

    idle()
    pairs = [(idle(), writing(number)) for number in range(count)]  # in turn: the board may drift
    model.close()
    return {
        "idle_ms": _middle([one for one, _ in pairs]),
        "while_writing_ms": _middle([other for _, other in pairs]),
        "ratio": round(statistics.median(other / one for one, other in pairs), 2),
        "ratios": sorted(round(other / one, 2) for one, other in pairs),
    }


def _start(gguf: Path, threads: int, folder: Path | None) -> None:
    opened(gguf, threads, folder, system_prompt=SYSTEM).close()


def _timed(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return (time.monotonic() - began) * 1000


def _middle(milliseconds: list[float]) -> float:
    return round(statistics.median(milliseconds), 1)


PARTS: dict[str, tuple[Callable[[Path, int, int], dict[str, Any]], int]] = {
    "prefix": (prefix, 15),
    "states": (states, 3),
    "options": (options, 15),
    "paraphrases": (paraphrases, 1),
    "json": (json_schemas, 200),
    "kills": (kills, 100),
    "speech": (speech, 15),
}
"""Each part, and how often it does its work."""


def measured(arguments: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in [arguments.part] if arguments.part else PARTS:
        part, usual = PARTS[name]
        yield name, part(arguments.gguf, arguments.threads, arguments.count or usual)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--threads", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--count", type=int, default=0)
    for name, figures in measured(parser.parse_args()):
        print(json.dumps({name: figures}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
