"""The operator's sentence files on disk, the starter set, and the command that shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import home_assistant_intents
import pytest

from appliance.cli import main
from appliance.errors import SentencesError
from appliance.fallback.sentence_patterns import patterns_of
from appliance.grammar.grammar import Grammar
from appliance.sentences.sentence_set import SHIPPED, SentenceSet, load

if TYPE_CHECKING:
    from pathlib import Path

LIGHTS = """\
language: en
intents:
  Light:
    data:
      - sentences: ["light {state}"]
lists:
  state:
    values: ["on", "off"]
"""


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path, **files: str) -> list[str]:
    """The problems of files, with their places, without the folder."""
    with pytest.raises(SentencesError) as error:
        load(written(folder, **files), "en")
    return [problem.replace(f"{folder}/", "") for problem in error.value.problems]


def block(sentence: str, rest: str = "") -> str:
    return f"intents:\n  A:\n    data:\n      - sentences:\n          - {sentence!r}\n{rest}"


@pytest.fixture(scope="module")
def starter() -> SentenceSet:
    return load(None, "en")


@pytest.mark.parametrize(
    ("text", "name", "slots"),
    [
        ("turn on the kitchen light", "HassTurnOn", {"area": "kitchen", "domain": "light"}),
        ("set a timer for five minutes", "HassStartTimer", {"minutes": 5}),
        ("stop machine three", "MachineStop", {"machine": 3}),
        (
            "what is the temperature in the bedroom",
            "HassClimateGetTemperature",
            {"area": "bedroom"},
        ),
        ("Turn on the kitchen light.", "HassTurnOn", {"area": "kitchen", "domain": "light"}),
        ("Please, TURN ON the lamp in the lounge!", "HassTurnOn", {"area": "living room"}),
        ("Could you turn off all the lights, please?", "HassTurnOff", {"area": "all"}),
        ("Set a timer for 5 minutes", "HassStartTimer", {"minutes": 5}),
        ("Set a twenty-five minute timer.", "HassStartTimer", {"minutes": 25}),
        ("Set a timer for 1 hour and 10 minutes", "HassStartTimer", {"hours": 1, "minutes": 10}),
        ("Set a timer for half an hour", "HassStartTimer", {"minutes": 30}),
        ("cancel my timer", "HassCancelTimer", {}),
        ("How much time is left?", "HassTimerStatus", {}),
        ("Dim the bedroom light to 20%.", "HassLightSet", {"area": "bedroom", "brightness": 20}),
        ("make the hall light warm white", "HassLightSet", {"area": "hall", "color": "warm white"}),
        (
            "What's the temperature in the kid's room?",
            "HassClimateGetTemperature",
            {"area": "children's room"},
        ),
        ("What time is it?", "HassGetCurrentTime", {}),
        ("Start machine number four", "MachineStart", {"machine": 4}),
        ("Acknowledge the alarm on machine 12", "MachineAcknowledge", {"machine": 12}),
        ("What is the status of machine two?", "MachineStatus", {"machine": 2}),
        ("Run machine 3 at fifty percent speed", "MachineSetSpeed", {"machine": 3, "speed": 50}),
        ("stop machine thirty", None, {}),
        ("I like the kitchen light", None, {}),
        ("turn on", None, {}),
        ("...", None, {}),
        ("", None, {}),
    ],
)
def test_the_starter_sentences_mean_what_they_say(
    starter: SentenceSet, text: str, name: str | None, slots: dict[str, Any]
) -> None:
    intent = starter.parse(text)
    assert (intent.name if intent else None) == name
    if intent is not None:
        assert slots.items() <= intent.slots.items()
        assert (intent.by, intent.confidence) == ("grammar", 1.0)


def test_a_machine_starts_only_when_it_is_confirmed(starter: SentenceSet) -> None:
    assert [name for name, declared in starter.declared.items() if declared.confirm] == [
        "MachineStart"
    ]


def test_every_example_of_the_starter_set_means_its_own_intent(starter: SentenceSet) -> None:
    for name, sentence in starter.examples(7):
        intent = starter.parse(sentence)
        assert intent is not None, sentence
        assert intent.name == name, sentence


def test_all_problems_of_all_files_are_reported_at_once_with_file_and_line(tmp_path: Path) -> None:
    one = "language: en\n" + block("turn [on", "          - go {roon}\n          - on\n")
    two = "lists:\n  room:\n    values: 3\n  n:\n    range: {from: 5, to: 1}\n  w: 3\n"
    assert problems(tmp_path, one=one, two=two) == [
        "one.yaml:6: '[' at character 6 has no closing ']': 'turn [on'",
        "one.yaml:7: list {roon} does not exist; did you mean room?",
        "one.yaml:8: expected text, not True (to YAML, on, off, yes and no are booleans); quote it",
        "two.yaml:3: `values:` of {room} must be a list of values",
        "two.yaml:5: {n}: `to:` (1) must not be less than `from:` (5)",
        "two.yaml:6: list {w} must be a mapping with `values:`, `range:` or `wildcard: true`",
    ]


def test_a_file_that_is_not_yaml_is_reported_beside_the_problems_of_other_files(
    tmp_path: Path,
) -> None:
    found = problems(tmp_path, one="intents: [\n", two=block("go {nowhere}"))
    assert [problem.split(": ")[0] for problem in found] == ["one.yaml:2", "two.yaml:5"]


def test_a_file_that_is_not_utf8_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("language: en\nintents: é".encode("latin-1"))
    assert problems(tmp_path) == ["a.yaml:2: not UTF-8 text; save it as UTF-8"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (block("go <there>"), "a.yaml:5: rule <there> does not exist"),
        (
            block("<x>", "expansion_rules:\n  x: 'a [<y>]'\n  y: b <x>\n"),
            "a.yaml:7: a rule contains itself: <x> → <y> → <x>",
        ),
        (
            block("<x>", "        expansion_rules:\n          x: a <x>\n"),
            "a.yaml:7: a rule contains itself: <x> → <x>",
        ),
        (
            block("{any}", "lists:\n  any:\n    wildcard: true\n"),
            "a.yaml:5: '{any}' is only a wildcard and fits anything; add a word that must be said",
        ),
        (block("[go]"), "a.yaml:5: '[go]' fits silence; add a word that must be said"),
        (block("\u2026"), "a.yaml:5: '\u2026' fits silence; add a word that must be said"),
        (
            block("go {n}", "lists:\n  n:\n    range: {from: 0, to: 1000000000}\n"),
            "a.yaml:8: {n}: the range has 1,000,000,001 numbers, more than 100,000",
        ),
        (
            block("go {n}", "lists:\n  n:\n    range: {from: 0, to: 1, fractions: [halves]}\n"),
            "a.yaml:8: {n}: `fractions:` must be halves or tenths",
        ),
        ("intents:\n  A: {}\n", "a.yaml:2: intent A must have `data:`"),
        ("intents:\n  A:\n    data: [{}]\n", "a.yaml:3: `sentences:` must be a list of sentences"),
        ("intents: [a]\n", "a.yaml:1: intents must be a mapping"),
        ("- a\n", "a.yaml:1: a sentence file must be a mapping"),
        (
            block("go").replace("  A:\n", "  A:\n    confirm: maybe\n"),
            "a.yaml:3: confirm must be true or false, not 'maybe'",
        ),
        (
            block("go", "skip_words: [please, 3]\n"),
            "a.yaml:6: a skip word must be text, not 3; quote it",
        ),
        (
            block("go {n}", "lists:\n  n:\n    values: [{out: 1}]\n"),
            "a.yaml:8: {n}: a value must have `in:`, the words that people say",
        ),
    ],
)
def test_a_wrong_file_is_reported_with_the_line_of_the_error(
    tmp_path: Path, text: str, expected: str
) -> None:
    (found,) = problems(tmp_path, a=text)
    assert found.startswith(expected)


def test_rules_that_call_one_another_without_end_are_an_error(tmp_path: Path) -> None:
    rules = "".join(f"  r{number}: go <r{number + 1}>\n" for number in range(3000))
    text = block("<r0>", f"expansion_rules:\n{rules}  r3000: home\n")
    (found,) = problems(tmp_path, a=text)
    assert found.endswith("the rules call one another too deeply; put some of them together")


def test_rules_that_double_one_another_are_refused(tmp_path: Path) -> None:
    rules = "".join(f'  r{n}: "(<r{n + 1}> <r{n + 1}>|x)"\n' for n in range(40))
    text = block("<r0>", f"expansion_rules:\n{rules}  r40: home\n")
    (found,) = problems(tmp_path, a=text)
    assert found.startswith("a.yaml:5: '<r0>' allows more than 10^100 sentences")


@pytest.mark.parametrize(
    "rest", ["", "lists: {name: {values: []}}\n", "lists: {name: {values: }}\n"]
)
def test_sentences_of_a_list_without_values_are_left_out_with_a_warning(
    tmp_path: Path, rest: str
) -> None:
    more = "          - dim {name}\n          - lights on [in {name}]\n"
    loaded = load(written(tmp_path, a=block("light {name}", more + rest)), "en")
    (warning,) = loaded.warnings
    assert "a.yaml:5: 'light {name}' and 1 more cannot be said" in warning
    assert "lists: {name: {values: [...]}}" in warning
    assert loaded.parse("lights on") is not None
    assert loaded.parse("dim") is None
    assert loaded.grammar.allows("lights on")


def test_if_no_list_has_values_nothing_can_be_said_and_that_is_an_error(tmp_path: Path) -> None:
    left_out, nothing = problems(tmp_path, a=block("light {area}"))
    assert "the list {area} has no values" in left_out
    assert nothing == "no sentence can be said: its lists have no values"


def test_an_empty_grammar_is_an_error(tmp_path: Path) -> None:
    assert problems(tmp_path, a="language: en\n") == [
        f"{tmp_path}: no sentence is declared in it for language en"
    ]


def test_a_folder_without_files_and_a_missing_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SentencesError, match=r"no \.yaml file in this folder"):
        load(tmp_path, "en")
    with pytest.raises(SentencesError, match="folder does not exist"):
        load(tmp_path / "gone", "en")


def test_a_wildcard_first_works_and_is_warned_of(tmp_path: Path) -> None:
    text = block("{what} in an hour", "lists:\n  what:\n    wildcard: true\n")
    loaded = load(written(tmp_path, a=text), "en")
    (warning,) = loaded.warnings
    assert "a.yaml:5: '{what} in an hour' may begin with the wildcard {what}" in warning
    intent = loaded.parse("Wake me in an hour.")
    assert intent is not None
    assert intent.slots == {"what": "Wake me"}
    assert loaded.how_many() == "endlessly many"


def test_sentences_of_one_intent_in_two_files_add_up(tmp_path: Path) -> None:
    more = (
        "intents:\n  Light:\n    confirm: true\n    data:\n      - sentences: ['glow {state}']\n"
        "lists:\n  state:\n    values: [dim]\n"
    )
    loaded = load(written(tmp_path, a=LIGHTS, b=more), "en")
    for text in ("light on", "glow on", "light dim"):
        assert loaded.parse(text) is not None
    assert loaded.declared["Light"].confirm
    assert loaded.how_many() == "6"


def test_a_rule_declared_twice_is_the_later_files_and_warned_of(tmp_path: Path) -> None:
    one = block("go <there>", "expansion_rules:\n  there: home\n")
    two = "expansion_rules:\n  there: away\n"
    loaded = load(written(tmp_path, one=one, two=two), "en")
    assert loaded.parse("go away") is not None
    assert loaded.parse("go home") is None
    assert "two.yaml:2: rule <there> replaces the one at" in loaded.warnings[0]


def test_a_list_declared_in_two_ways_is_an_error(tmp_path: Path) -> None:
    other = "lists:\n  state:\n    range: {from: 1, to: 2}\n"
    (found,) = problems(tmp_path, a=LIGHTS, b=other)
    assert found.startswith("b.yaml:2: list {state} differs from the one at")


def test_unknown_keys_and_repeated_keys_are_warned_of(tmp_path: Path) -> None:
    text = LIGHTS + "list:\n  a: 1\nlanguage: en\n"
    warnings = load(written(tmp_path, a=text), "en").warnings
    assert [warning.partition(": ")[2] for warning in warnings] == [
        "unknown key 'list' has no effect; did you mean 'lists'?",
        "'language' is given twice; line 1 is ignored",
    ]


def test_a_list_of_twenty_thousand_values_works(tmp_path: Path) -> None:
    values = "".join(f"      - song number {number}\n" for number in range(20_000))
    text = block("play {song}", f"lists:\n  song:\n    values:\n{values}")
    loaded = load(written(tmp_path, a=text), "en")
    assert loaded.how_many() == "20,000"
    intent = loaded.parse("play song number 19999")
    assert intent is not None
    assert intent.slots == {"song": "song number 19999"}


def test_the_subfolder_of_a_language_goes_before_the_folder(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    written(tmp_path / "en", a=LIGHTS)
    written(tmp_path, a=block("outside"))
    loaded = load(tmp_path, "en")
    assert list(loaded.intents.intents) == ["Light"]


def test_the_folder_of_a_language_serves_its_regions(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    written(tmp_path / "de", a="language: de\n" + block("licht an"))
    assert load(tmp_path, "de-CH").parse("Licht an") is not None


def test_a_file_of_another_language_is_left_out_with_a_warning(tmp_path: Path) -> None:
    german = "language: de\n" + block("licht an")
    loaded = load(written(tmp_path, a=LIGHTS, b=german), "en")
    assert loaded.parse("licht an") is None
    assert "file ignored: its language is 'de', not 'en'" in loaded.warnings[0]


def test_a_file_may_use_the_words_that_home_assistant_lends(tmp_path: Path) -> None:
    text = block("<turn> my sofa {color}")
    loaded = load(written(tmp_path, a=text), "en")
    intent = loaded.parse("could you switch my sofa blue")
    assert intent is not None
    assert intent.slots == {"color": "blue"}


def test_what_a_value_and_a_block_declare_reaches_the_slots(tmp_path: Path) -> None:
    text = (
        "intents:\n  A:\n    never_by_voice: true\n    response: Done.\n    data:\n"
        "      - sentences: ['set {level} {0..10:amount}']\n        slots: {kind: lamp}\n"
        "lists:\n  level:\n    values:\n      - in: (low|dim)\n        out: 10\n"
    )
    loaded = load(written(tmp_path, a=text), "en")
    intent = loaded.parse("Set dim seven")
    assert intent is not None
    assert intent.slots == {"level": 10, "amount": 7, "kind": "lamp"}
    assert loaded.declared["A"].never_by_voice
    assert loaded.declared["A"].response == "Done."


def test_context_that_a_value_brings_opens_the_sentences_that_require_it(tmp_path: Path) -> None:
    text = (
        "intents:\n  Dim:\n    data:\n      - sentences: ['dim {name}']\n"
        "        requires_context: {domain: light}\n"
        "lists:\n  name:\n    values:\n"
        "      - {in: lamp, out: lamp, context: {domain: light}}\n"
        "      - {in: fan, out: fan, context: {domain: fan}}\n"
    )
    loaded = load(written(tmp_path, a=text), "en")
    assert loaded.parse("dim lamp") is not None
    assert loaded.parse("dim fan") is None


@pytest.mark.parametrize("language", ["en", "fr", "de", "es", "it", "nl"])
def test_the_whole_of_home_assistants_sentences_loads(tmp_path: Path, language: str) -> None:
    data = home_assistant_intents.get_intents(language)
    assert data is not None
    for name, count in (("name", 200), ("area", 30), ("floor", 10)):
        data["lists"][name] = {"values": [f"{name} {number}" for number in range(count)]}
    (tmp_path / "all.yaml").write_text(json.dumps(data), "utf-8")  # JSON is YAML, too
    loaded = load(tmp_path, language)
    assert len(loaded.intents.intents) == len(data["intents"])
    assert not [warning for warning in loaded.warnings if "wildcard" not in warning]


def test_home_assistants_own_sentences_know_the_owners_rooms_and_devices(tmp_path: Path) -> None:
    written(
        tmp_path,
        home="""
            language: en
            lists:
              area: {values: [kitchen, bedroom]}
              name:
                values:
                  - {in: bed light, out: bed light, context: {domain: light}}
            intents:
              Tea: {data: [{sentences: [make some tea]}]}
        """,
    )
    home = load(tmp_path, "en", builtin=True)
    meant = {
        "make some tea": ("Tea", {}),
        "turn on the bed light": ("HassTurnOn", {"name": "bed light"}),
        "turn off the lights in the kitchen": (
            "HassTurnOff",
            {"area": "kitchen", "domain": "light"},
        ),
    }
    for text, (name, slots) in meant.items():
        intent = home.parse(text)
        assert intent is not None, text
        assert (intent.name, intent.slots) == (name, slots)
    assert home.parse("turn on the light in the garage") is None
    assert home.parse("turn on the lights on the first floor") is None
    assert home.warnings == ()


@pytest.mark.parametrize("language", sorted(home_assistant_intents.get_languages()))
def test_numbers_do_in_every_language_of_home_assistant(tmp_path: Path, language: str) -> None:
    ranges = "lists:\n  n: {range: {from: -1, to: 30, fractions: halves}}\n"
    loaded = load(written(tmp_path, a=block("abc {n}", ranges)), language)
    grammar = Grammar.of(loaded.intents)
    assert [reading.slots for reading in grammar.readings("abc 20")] == [{"n": 20}]
    for intent, text in loaded.examples(8):
        assert intent == "A"
        assert text.startswith("abc ")
    assert patterns_of(loaded).values["n"]["20",] == "20"


def test_norwegian_number_words_are_understood_as_text(tmp_path: Path) -> None:
    ranges = "lists:\n  n: {range: {from: 0, to: 30}}\n"
    intent = load(written(tmp_path, a=block("abc {n}", ranges)), "nb").parse("abc tjue")
    assert intent is not None
    assert intent.slots == {"n": 20}


@pytest.mark.parametrize("language", ["nb", "zh-CN", "sr-Latn", "ar"])
def test_a_language_of_another_kind_is_listed_like_any_other(tmp_path: Path, language: str) -> None:
    owners = "".join(f"  {name}: {{values: [abc]}}\n" for name in ("name", "area", "floor"))
    loaded = load(written(tmp_path, a=f"lists:\n{owners}"), language, builtin=True)
    assert {intent for intent, _ in loaded.examples(1)} == set(loaded.intents.intents)


def test_spaces_between_characters_do_not_matter_if_the_file_says_so(tmp_path: Path) -> None:
    rest = "lists: {name: {values: [灯]}}\nsettings: {ignore_whitespace: true}\n"
    intent = load(written(tmp_path, a=block("打开{name}", rest)), "zh-CN").parse("打 开 灯")
    assert intent is not None
    assert intent.slots == {"name": "灯"}


def test_home_assistants_own_sentences_alone_need_no_folder() -> None:
    assert load(None, "de", builtin=True).parse("wie spät ist es") is not None
    with pytest.raises(SentencesError, match="no sentences in language xx"):
        load(None, "xx", builtin=True)


def test_the_command_counts_the_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["intents", "check"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(" sentences in 15 intents")
    assert second == "beside them 33 included intents (sentences.included)"
    assert main(["intents", "check", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["intents"], summary["included_intents"]) == (15, 33)
    assert summary["problems"] == []


def test_the_command_tells_each_problem_on_a_line_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, a=block("go ["))
    assert main(["intents", "check", "--intents", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"{tmp_path}/a.yaml:5: '[' at character 4")


GUESSED = """
language: en
intents:
  TurnOn: {data: [{sentences: ["turn on [the] {name}"]}]}
  TurnOff: {by_fuzzy: false, data: [{sentences: ["turn off [the] {name}"]}]}
  Open: {never_by_voice: true, by_model: false, data: [{sentences: ["open [the] {name}"]}]}
lists: {name: {values: [lamp, gate]}}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "could you activate the lamp",
            "repair: TurnOn, name = lamp (0.90; by_fuzzy yes, by_model yes)",
        ),
        (
            "could you deactivate the lamp",
            "repair: TurnOff, name = lamp (0.90; by_fuzzy no, by_model yes); not done: by_fuzzy is",
        ),
        (
            "kindly open the gate now",
            "repair: Open, name = gate, never_by_voice (0.99; by_fuzzy yes, by_model no); not done",
        ),
        ("turn on the lamp tomorrow", 'nothing is done: perhaps TurnOn, but "tomorrow" says when'),
    ],
)
def test_the_command_shows_what_is_made_of_a_text_that_fits_no_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    written(tmp_path, a=GUESSED)
    assert main(["intents", "test", "--intents", str(tmp_path), text]) == 1
    _, *more = capsys.readouterr().out.splitlines()
    assert more[0].strip().startswith(expected)


def test_the_command_shows_the_guess_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, a=GUESSED)
    text = "could you activate the lamp"
    assert main(["intents", "test", "--json", "--intents", str(tmp_path), text]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["intent"] is None
    assert found["guess"]["step"] == "repair"
    assert found["guess"]["intents"][0]["name"] == "TurnOn"
    assert (found["guess"]["by_fuzzy"], found["guess"]["by_model"]) == (True, True)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("go (a;b;c;d;e;f;g)", "intent A: a permutation of 7 parts; at most 6"),
        ("go {0..99999999:n}", "intent A: {0..99999999} has 100,000,000 numbers; 100,000 at most"),
    ],
)
def test_the_command_tells_what_speech_cannot_be_held_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sentence: str, expected: str
) -> None:
    written(tmp_path, a=block(f'"{sentence}"'))
    assert main(["intents", "check", "--intents", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(expected)


def test_text_of_a_number_is_not_taken_for_another(tmp_path: Path) -> None:
    lists = "lists:\n  n:\n    range: {from: -9, to: 9, fractions: tenths}\n"
    loaded = load(written(tmp_path, a=block("gain {n}", lists)), "en")
    for text, value in (("gain .5", 0.5), ("gain -5", -5), ("gain \N{MINUS SIGN}5.", -5)):
        intent = loaded.parse(text)
        assert intent is not None
        assert intent.slots == {"n": value}


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("pour a 12 ounce latte", {"size": "twelve ounce"}),
        ("pour a 12-ounce latte", {"size": "twelve ounce"}),
        ("pour a twelve ounce latte in room 3", {"size": "twelve ounce", "room": "room 3"}),
        ("pour a 12 ounce latte in room 25", {"size": "twelve ounce", "room": "hall twenty-five"}),
        ("pour a large latte in room twenty-one", {"size": "large", "room": "room 21"}),
        ("pour a large latte in Room Twenty One", {"size": "large", "room": "room 21"}),
        ("pour a large latte with two sugars", {"size": "large", "sugars": 2}),
        ("pour a 12 ounce latte with 2 sugars", {"size": "twelve ounce", "sugars": 2}),
    ],
)
def test_a_number_in_a_text_may_be_written_otherwise_than_in_the_sentences(
    tmp_path: Path, text: str, slots: dict[str, str | int]
) -> None:
    lists = """
lists:
  size: {values: [twelve ounce, large]}
  room: {values: [room 3, room 21, {in: room twenty-five, out: hall twenty-five}]}
  sugars: {range: {from: 1, to: 9}}
"""
    sentence = "pour a {size} latte [in {room}] [with {sugars} sugars]"
    intent = load(written(tmp_path, a=block(sentence, lists)), "en").parse(text)
    assert intent is not None
    assert intent.slots == slots


def test_a_number_that_is_not_declared_is_not_taken_for_a_declared_one(tmp_path: Path) -> None:
    lists = "lists:\n  size: {values: [twelve ounce, room 3]}\n"
    loaded = load(written(tmp_path, a=block("pour {size}", lists)), "en")
    for text in ("pour 112 ounce", "pour 1.2 ounce", "pour 1,012 ounce", "pour room thirty"):
        assert loaded.parse(text) is None


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("play 99 luftballons in room three", {"song": "99 luftballons", "room": "room 3"}),
        ("play three doors down in room 4", {"song": "three doors down", "room": "room four"}),
        ("play ninety nine in room three", {"song": "ninety nine", "room": "room 3"}),
        ("play top forty in room 4", {"playlist": "top 40", "room": "room four"}),
        ("play 12 hits in room three", {"playlist": "twelve hits", "room": "room 3"}),
        ("play 40 hits", {"song": "40 hits"}),
    ],
)
def test_a_wildcard_keeps_its_numbers_and_takes_no_number_of_a_list(
    tmp_path: Path, text: str, slots: dict[str, str]
) -> None:
    lists = """
lists:
  song: {wildcard: true}
  playlist: {values: [top 40, twelve hits]}
  room: {values: [room 3, room four]}
"""
    sentence = "play ({song}|{playlist}) [in {room}]"
    loaded = load(written(tmp_path, a=block(sentence, lists)), "en")
    intent = loaded.parse(text)
    assert intent is not None
    assert intent.slots == slots
    assert dict(Grammar.of(loaded.intents).readings(text)[0].slots) == slots  # spoken, too


def test_a_word_that_is_a_number_by_chance_stays_in_a_wildcard(tmp_path: Path) -> None:
    lists = "lists:\n  item: {wildcard: true}\n"
    sentence = "ajoute {item} à la liste 2"
    intent = load(written(tmp_path, a=block(sentence, lists)), "fr").parse(
        "ajoute un vélo neuf à la liste deux"
    )
    assert intent is not None
    assert intent.slots == {"item": "un vélo neuf"}


def test_the_command_lists_every_intent_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["intents", "list", "--intents", str(SHIPPED), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["intents"]
    assert len(listed) == 15
    assert all(intent["examples"] for intent in listed)
    assert main(["intents", "list"]) == 0
    assert "MachineStart  (640 sentences, confirm)\n" in capsys.readouterr().out


def test_the_command_shows_what_a_sentence_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["intents", "test", "stop", "machine", "three"]) == 0
    assert capsys.readouterr().out == "stop machine three: MachineStop, machine = 3\n"


def test_the_command_suggests_what_is_near_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["intents", "test", "turn on the kitchn light", "stop machine one"]) == 1
    first, guess, second = capsys.readouterr().out.splitlines()
    assert first.startswith("turn on the kitchn light: no sentence fits; nearest: turn on ")
    assert "kitchen light" in first
    assert second == "stop machine one: MachineStop, machine = 1"
    assert guess.strip().startswith("repair: HassTurnOn, ")
