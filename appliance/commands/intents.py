"""`appliance intents`: checks the sentence files, lists the intents, tests a sentence."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance import config as configuration
from appliance.commands.action_parsers import add_actions
from appliance.errors import SentencesError
from appliance.fallback.cascade import Cascade
from appliance.pipeline.pipeline_factory import read_sentences
from appliance.pipeline.several_commands import SeveralCommands
from appliance.sentences.sentence_fit import fit_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from appliance.config import CascadeSettings
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

EXAMPLES = 2
"""Examples of each intent in a list."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance intents`."""
    parser.epilog = """\
Examples:
  appliance intents check --intents my-sentences
  appliance intents test "turn on the kitchen light"
  appliance intents test "turn on the lamp and set a timer for 5 minutes"

`test` says of a text that fits no sentence which are spelled most like it, and
what the steps after the grammar make of it when it is typed: repair, several
commands, proposal. by_fuzzy says whether the intent lets them act, by_model
whether the language model may choose it.

Exit status: 0 done, 1 a mistake in a file, or (test) a sentence that fits
none."""
    actions = add_actions(
        parser,
        {
            "check": "list every mistake in the files, with file and line",
            "list": "list the intents, with examples",
            "test": "show the intent of a sentence, or how any other text is understood",
        },
    )
    for action in actions:
        action.add_argument(
            "--intents", type=Path, metavar="DIR", help="in place of sentences.folder"
        )
        action.add_argument("--language", metavar="CODE", help="in place of device.language")
        action.add_argument("--json", action="store_true", help="JSON; JSON lines for test")
    *_, test = actions
    test.add_argument(
        "sentence", nargs="+", metavar="SENTENCE", help="a sentence, or several in quotes"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the action; returns the exit status."""
    config = configuration.load(arguments.config)
    folder = arguments.intents or config.sentence_folder
    language = arguments.language or config.device.language
    included = config.sentences.included and arguments.intents is None

    def load(*, included: bool) -> SentenceSet:
        return read_sentences(config, folder, language, included=included)

    try:
        loaded = load(included=included)
        own = load(included=False) if included and arguments.action == "check" else loaded
        if arguments.action == "check":
            _ = loaded.grammar  # compiling for speech has limits of its own
    except SentencesError as error:
        return _report_problems(error, language, as_json=arguments.json)
    if arguments.action == "check":
        return _check(own, loaded, as_json=arguments.json)
    if arguments.action == "list":
        return _list(loaded, as_json=arguments.json)
    guesses = _Guesses(config.cascade)
    texts = _texts(arguments.sentence)
    tested = [_test(loaded, text, guesses, as_json=arguments.json) for text in texts]
    return 0 if all(tested) else 1


def _report_problems(error: SentencesError, language: str, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"language": language, "problems": list(error.problems)}))
    else:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        print(f"appliance intents: {_count(len(error.problems), 'problem')}", file=sys.stderr)
    return error.exit_status


def _check(own: SentenceSet, loaded: SentenceSet, *, as_json: bool) -> int:
    """`loaded` has the included sentences beside the owner's `own`."""
    count, endless = own.count()
    included = len(loaded.intents.intents) - len(own.intents.intents)
    if as_json:
        summary = {
            "language": loaded.language,
            "intents": len(own.intents.intents),
            "included_intents": included,
            "sentences": None if endless else count,
            "problems": [],
            "warnings": list(loaded.warnings),
        }
        print(json.dumps(summary))
        return 0
    for warning in loaded.warnings:
        print(f"{warning} (warning)", file=sys.stderr)
    print(f"{own.how_many()} sentences in {_count(len(own.intents.intents), 'intent')}")
    if included:
        print(f"beside them {_count(included, 'included intent')} (sentences.included)")
    return 0


def _list(loaded: SentenceSet, *, as_json: bool) -> int:
    rows = [_described(loaded, name) for name in loaded.intents.intents]
    if as_json:
        print(json.dumps({"language": loaded.language, "intents": rows}, indent=2))
        return 0
    for row in rows:
        marks = [key for key in ("confirm", "never_by_voice") if row[key]]
        about = ", ".join([f"{row['how_many']} sentences", *marks])
        print(f"{row['name']}  ({about})")
        for example in row["examples"]:
            print(f"    {example}")
    return 0


def _described(loaded: SentenceSet, name: str) -> dict[str, Any]:
    count, endless = loaded.count(name)
    declared = loaded.declared[name]
    every = [sentence for _, sentence in loaded.examples(1, name)]
    return {
        "name": name,
        "sentences": None if endless else count,
        "how_many": loaded.how_many(name),
        "confirm": declared.confirm,
        "never_by_voice": declared.never_by_voice,
        "response": declared.response,
        "examples": every[:EXAMPLES],
    }


def _texts(words: list[str]) -> list[str]:
    """One sentence without quotes, or several in quotes."""
    return words if any(" " in word.strip() for word in words) else [" ".join(words)]


@dataclass(frozen=True, slots=True)
class _Guess:
    """The result of a step after the grammar for a text."""

    step: str
    intents: tuple[Intent, ...]
    by_fuzzy: bool
    by_model: bool
    never_by_voice: bool

    @property
    def why_not(self) -> str | None:
        """Reason why it is not carried out although it is understood; None if it is."""
        if not self.by_fuzzy:
            return "by_fuzzy is false"
        return "never_by_voice intents need their very words" if self.never_by_voice else None


class _Guesses:
    """The results of the steps after the grammar for a typed text, whether they may act or not."""

    def __init__(self, settings: CascadeSettings) -> None:
        self._settings = settings
        self._cascade = Cascade(settings)
        self._several = SeveralCommands(self._cascade)

    def first(self, text: str, sentences: SentenceSet) -> _Guess | None:
        """The result of the first step that understands it; None if none does."""
        for step, intents in self._steps(text, sentences):
            if intents:
                declared = [sentences.declared[one.name] for one in intents]
                return _Guess(
                    step,
                    intents,
                    all(one.by_fuzzy for one in declared),
                    all(one.by_model for one in declared),
                    any(one.never_by_voice for one in declared),
                )
        return None

    def objection(self, text: str, sentences: SentenceSet) -> str | None:
        """Reason why no step understands it, if it is nearly a sentence."""
        _, unclear = self._several.meant(text, sentences)
        return unclear or self._cascade.objection(text, sentences)

    def _steps(self, text: str, sentences: SentenceSet) -> Iterator[tuple[str, tuple[Intent, ...]]]:
        settings, cascade = self._settings, self._cascade
        one = cascade.closest(text, sentences) if settings.repair else None
        yield "repair", () if one is None else (one,)
        yield "several commands", self._several.meant(text, sentences)[0]
        threshold = settings.propose_text
        one = cascade.most_like(text, sentences, threshold) if threshold else None
        yield "proposal", () if one is None else (one,)


def _test(loaded: SentenceSet, text: str, guesses: _Guesses, *, as_json: bool) -> bool:
    found = fit_of(loaded, text)
    intents, lacking, nearest = found.intents, found.lacking, found.nearest
    guess = None if intents or lacking else guesses.first(text, loaded)
    reason = None if intents or lacking or guess else guesses.objection(text, loaded)
    if as_json:
        fit: dict[str, Any] = {"text": text, "intent": None, "nearest": nearest}
        if intents:
            fit["intent"] = msgspec.to_builtins(intents[0])
        if len(intents) > 1:
            fit["intents"] = msgspec.to_builtins(intents)
        fit["guess"] = None if guess is None else msgspec.to_builtins(guess)
        fit["reason"] = lacking or reason or (guess.why_not if guess else None)
        print(json.dumps(fit, default=str))
    elif intents:
        print(f"{text}: {' + '.join(_shown(loaded, intent) for intent in intents)}")
    elif lacking:
        print(f"{text}: {lacking}")
    else:
        near = f"; nearest: {' / '.join(nearest)}" if nearest else ""
        print(f"{text}: no sentence fits{near}")
        if guess is not None:
            print(f"    {_guess_line(loaded, guess)}")
        elif reason is not None:
            print(f"    nothing is done: {reason}")
    return bool(intents)


def _guess_line(loaded: SentenceSet, guess: _Guess) -> str:
    meant = " + ".join(_shown(loaded, intent) for intent in guess.intents)
    sure = min(intent.confidence or 0.0 for intent in guess.intents)
    marks = f"by_fuzzy {_yes(guess.by_fuzzy)}, by_model {_yes(guess.by_model)}"
    refused = f"; not done: {guess.why_not}" if guess.why_not else ""
    return f"{guess.step}: {meant} ({sure:.2f}; {marks}){refused}"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _shown(loaded: SentenceSet, intent: Intent) -> str:
    """An intent with its slots and what is declared of it, in one line."""
    slots = [f"{name} = {value}" for name, value in intent.slots.items()]
    declared = loaded.declared[intent.name]
    marks = [key for key in ("confirm", "never_by_voice") if getattr(declared, key)]
    return ", ".join([intent.name, *slots, *marks])


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
