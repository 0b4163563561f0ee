"""Damaged configurations, sentence files and devices files: each is read or refused with words.

    PYTHONPATH=.:tests python -m endurance.configuration_fuzz [--minutes 1] [--seed 1]
        [--keep FOLDER]

The seeds are the shipped config.toml, the shipped sentences of each language, and files of this
module with every key that is documented. Each is damaged as bytes, as lines and as YAML: indents,
types, anchors, nesting, rules that double. The files are then read as the daemon and `appliance
intents check` do: configuration, devices file, grammar, count, a few texts. Exit status 1 if one
raises another error than its own, takes longer than the limit, or memory grows.
"""

from __future__ import annotations

import argparse
import collections
import json
import logging
import random
import sys
import tempfile
import time
from pathlib import Path

from appliance import config
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import load_owner_file
from appliance.errors import ConfigError, DeviceConfigError, SentencesError
from appliance.sentences import sentence_set
from endurance.fuzz_worker import FuzzWorker

ROOT = Path(__file__).parents[2]

LIMIT_S = 30.0

LEAK_MB = 60.0

MOST_BYTES = 60_000

TEXTS = ("turn on the kitchen light", "", "set the lamp to fifty percent", "é" * 300, "1e999 %")

SENTENCES = """\
language: en
intents:
  TurnOn:
    data:
      - sentences:
          - "(turn|switch) on [the] {name} [now]"
          - "<please> {name} to {percent} [percent]"
        slots: {domain: light}
        requires_context: {area: kitchen}
        excludes_context: {domain: cover}
        lists: {name: {values: [lamp, {in: fan, out: fan.one, context: {domain: fan}}]}}
        expansion_rules: {please: "[please] set"}
    confirm: true
    never_by_voice: true
    response: "It is on."
lists:
  name: {values: [kitchen light, {in: "(big|small) lamp", out: lamp}]}
  percent: {range: {from: 0, to: 100, step: 5, multiplier: 0.5}}
  anything: {wildcard: true}
expansion_rules:
  please: "[please|kindly] set [the]"
  again: "<please> (<please>|{anything})"
skip_words: [please, "now then"]
"""

DEVICES = """\
areas: [kitchen, living room]
devices:
  - {device: "light ceiling*", name: big lamp, aliases: [lamp one, "lamp 1"], area: kitchen}
  - {device: lock front door, expose: true, never_by_voice: true, floor: ground}
  - {device: "*test*", hide: true, read_only: true}
own:
  - component: switch
    area: kitchen
    device: plug-7
    config: {name: kettle, command_topic: plug/7/set, state_topic: plug/7, payload_on: "ON"}
"""

VALUES = (
    *("null", "~", "true", "7", "-1", "1e999", ".nan", ".inf", "0x7fffffffffffffff", "9" * 400),
    *("[]", "{}", "''", '""', "[[[[]]]]", "{a: {b: {c: {}}}}", "2026-13-45", "!!python/object:x y"),
    *('"(a|b"', '"{name"', '"<again>"', '"[[a]]"', '"{name:slot}"', '"\\u0000"', '"a|"', '"()"'),
    *('"' + "[a]" * 60 + '"', '"' + "(" * 300 + ")" * 300 + '"', "&a [*a, *a]", "*nothing"),
    *('"' + " ".join(f"[{letter}]" for letter in "abcdefghijklmnopqrs") + '"', "? x", "- - -"),
    "!!binary x",
)

INSERTED = (
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xc3", b"\r", b"\t", b"\n\n", b"---\n", b"...\n"),
    *(
        "\u202e\u0301ß İ \U0001f4a1".encode(),
        b"{",
        b"}",
        b"[",
        b"]",
        b"<",
        b">",
        b"|",
        b": ",
        b"- ",
    ),
    *(b"  <<: *a\n", b"&a ", b"'", b'"', b"\\", b" " * 9, b"(" * 40, b"{" * 40, b"<please> " * 30),
    *(b"#", b"%YAML 9\n"),
)


def doubling_rules(chance: random.Random) -> str:
    """Rules each of which holds the one before it several times."""
    times, depth = chance.randrange(2, 5), chance.randrange(3, 40)
    join = chance.choice((" ", "|", "] ["))
    rules = ['  r0: "a|b"']
    for one in range(1, depth):
        before = join.join([f"<r{one - 1}>"] * times)
        rules.append(f'  r{one}: "[{before}] x"')
    head, rest = SENTENCES.split("expansion_rules:\n  please")
    head = head.replace("{percent} [percent]", f"<r{depth - 1}>")
    return head + "expansion_rules:\n" + "\n".join(rules) + "\n  please" + rest


def aliases(chance: random.Random) -> str:
    """Aliases of aliases: a small file that is large when it is read."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [
        f"a{one}: &a{one} [{', '.join([f'*a{one - 1}'] * 8)}]"
        for one in range(1, chance.randrange(2, 12))
    ]
    return SENTENCES + "\n".join(lines) + "\n"


def damaged(text: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A text with one to six faults."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        lines = text.split(b"\n")
        chance.choice(FAULTS)(lines, chance.randrange(len(lines)), others, chance)
        text = b"\n".join(lines)[:MOST_BYTES] or b"\n"
    return text


Lines = list[bytes]


def _remove(lines: Lines, at: int, _others: Lines, chance: random.Random) -> None:
    del lines[at : at + chance.choice((1, 1, 2, 9))]


def _repeat_another(lines: Lines, at: int, _others: Lines, chance: random.Random) -> None:
    lines.insert(at, lines[chance.randrange(len(lines))])


def _indent(lines: Lines, at: int, _others: Lines, chance: random.Random) -> None:
    lines[at] = b" " * chance.randrange(7) + lines[at].lstrip()


def _other_value(lines: Lines, at: int, _others: Lines, chance: random.Random) -> None:
    for mark in (b": ", b"= ", b"- "):
        if mark in lines[at]:
            key = lines[at].split(mark, 1)[0]
            lines[at] = key + mark + chance.choice(VALUES).encode()
            return


def _insert(lines: Lines, at: int, _others: Lines, chance: random.Random) -> None:
    place = chance.randrange(len(lines[at]) + 1)
    lines[at] = lines[at][:place] + chance.choice(INSERTED) + lines[at][place:]


def _splice(lines: Lines, at: int, others: Lines, chance: random.Random) -> None:
    other = chance.choice(others).split(b"\n")
    start = chance.randrange(len(other))
    lines[at:at] = other[start : start + chance.randrange(1, 12)]


def _set_byte(lines: Lines, at: int, _others: Lines, chance: random.Random) -> None:
    line = bytearray(lines[at] or b" ")
    line[chance.randrange(len(line))] = chance.randrange(256)
    lines[at] = bytes(line)


def _shuffle_words(lines: Lines, at: int, _others: Lines, chance: random.Random) -> None:
    words = lines[at].split(b" ")
    chance.shuffle(words)
    lines[at] = b" ".join(words)


def _repeat(lines: Lines, at: int, _others: Lines, chance: random.Random) -> None:
    lines[at] = lines[at] * chance.choice((2, 3, 20))


FAULTS = (
    *(_remove, _repeat_another, _indent, _other_value, _insert),
    *(_splice, _set_byte, _shuffle_words, _repeat),
)


def take(given: tuple[str, str, str]) -> str:
    """Read a folder as the daemon does. In the worker."""
    logging.disable(logging.CRITICAL)
    kind, folder, language = given
    try:
        if kind == "config":
            config.load(Path(folder) / "config.toml")
        elif kind == "devices":
            load_owner_file(Path(folder) / "devices.yaml", DiscoveryRules())
        else:
            _read_sentences(Path(folder), language)
    except (ConfigError, SentencesError, DeviceConfigError) as error:
        return f"{kind} refused" if str(error).strip() else f"{kind} refused without a word"
    return f"{kind} read"


def _read_sentences(folder: Path, language: str) -> None:
    loaded = sentence_set.load(folder, language, included=True)
    loaded.how_many()
    list(zip(range(20), loaded.examples(2), strict=False))
    for text in TEXTS:
        loaded.parse(text)
        loaded.lacking(text)


class ConfigurationFuzzing:
    """Damages and reads files, and counts what became of them."""

    def __init__(self, folder: Path, seed: int, keep: Path | None) -> None:
        self._chance = random.Random(seed)  # noqa: S311  (no secret)
        self._folder, self._keep = folder, keep
        shipped = ROOT / "appliance" / "sentences" / "included"
        self._sentences = {path.stem: path.read_bytes() for path in sorted(shipped.glob("*.yaml"))}
        self._config = (ROOT / "config.toml").read_bytes()
        # Each commented key once more as a key in force.
        self._keys = self._config.replace(b"\n# ", b"\n#").replace(b"\n#", b"\n")
        self._others = [
            *self._sentences.values(),
            SENTENCES.encode(),
            DEVICES.encode(),
            self._config,
        ]
        self._worker = FuzzWorker(take, LIMIT_S)
        self.came: collections.Counter[str] = collections.Counter()
        self.faults: list[str] = []
        self._slowest: tuple[float, str] = (0.0, "")

    def turn(self) -> None:
        """Damage and read one."""
        kind = self._chance.choice(("config", "devices", *["sentences"] * 4))
        language, seed = "en", SENTENCES.encode()
        name = f"{kind}.yaml"
        if kind == "config":
            seed, name = self._chance.choice((self._config, self._keys)), "config.toml"
        elif kind == "devices":
            seed = DEVICES.encode()
        elif (made := self._chance.random()) < 0.1:
            seed = doubling_rules(self._chance).encode()
        elif made < 0.15:
            seed = aliases(self._chance).encode()
        elif made < 0.4:
            language = self._chance.choice(list(self._sentences))
            seed = self._sentences[language]
        text = damaged(seed, self._others, self._chance)
        (self._folder / name).write_bytes(text)
        began = time.monotonic()
        word, fault = self._worker.turn((kind, str(self._folder), language))
        self._slowest = max(self._slowest, (time.monotonic() - began, kind))
        self.came[word] += 1
        (self._folder / name).unlink()
        if fault:
            self.faults.append(fault)
            if self._keep is not None and len(self.faults) <= 50:
                self._keep.mkdir(parents=True, exist_ok=True)
                (self._keep / f"{len(self.faults)}-{language}-{name}").write_bytes(text)
                (self._keep / f"{len(self.faults)}.txt").write_text(fault)

    def summary(self) -> dict[str, object]:
        """As JSON."""
        kinds = collections.Counter(fault.strip().splitlines()[-1][:160] for fault in self.faults)
        return {
            **self.came,
            "faults by kind": dict(kinds.most_common(30)),
            "slowest": [round(self._slowest[0], 2), self._slowest[1]],
            "starts of the worker": self._worker.starts,
            "memory_growth_mb": self._worker.grown_mb(),
            "most_mb": round(max(self._worker.memory_mb, default=0.0), 1),
        }

    def failed(self) -> bool:
        """Whether there was a fault, or memory grew."""
        return bool(self.faults) or self._worker.grown_mb() > LEAK_MB

    def end(self) -> None:
        """End the worker."""
        self._worker.end()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for files that were faults")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        fuzzing = ConfigurationFuzzing(Path(directory), arguments.seed, arguments.keep)
        end = time.monotonic() + arguments.minutes * 60
        while time.monotonic() < end:
            fuzzing.turn()
        print(json.dumps(fuzzing.summary(), indent=1))
        failed = fuzzing.failed()
        fuzzing.end()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
