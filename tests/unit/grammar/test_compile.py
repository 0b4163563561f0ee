"""Each feature of hassil's templates: which sentences it allows, and what they mean."""

from __future__ import annotations

from typing import Any

import pytest
from hassil import Intents, recognize_all
from hassil.intents import TextSlotList
from support.sentences import intents_of

from appliance.errors import SentencesError
from appliance.grammar.grammar import Grammar
from appliance.grammar.numbers import spoken
from appliance.grammar.token_mask import TokenVocabulary, TokenWalk


def grammar(*sentences: str, area: str | None = None, **parts: Any) -> Grammar:
    block = {"sentences": list(sentences), **parts.pop("block", {})}
    language = parts.pop("language", "en")
    intents = {"language": language, "intents": {"Say": {"data": [block]}}, **parts}
    return Grammar.of(Intents.from_dict(intents)).in_area(area)


def slots(made: Grammar, text: str) -> dict[str, Any] | None:
    found = made.readings(text)
    assert bool(found) == made.allows(text)
    return dict(found[0].slots) if found else None


@pytest.mark.parametrize(
    "text",
    ["turn on the lamp", "Turn on the lamp.", "switch on lamp", "Switch on, the lamp!"],
)
def test_alternatives_optional_parts_capitals_and_punctuation_are_understood(text: str) -> None:
    assert slots(grammar("(turn|switch) on [the] lamp"), text) == {}


@pytest.mark.parametrize("text", ["turn on", "turn the lamp on", "turnon the lamp", "", "on lamp"])
def test_a_text_that_is_not_a_sentence_is_refused(text: str) -> None:
    assert slots(grammar("(turn|switch) on [the] lamp"), text) is None


@pytest.mark.parametrize("template", ["{n}[ (Prozent|%)]", "{n}[%| Prozent]", "{n}[ ]%", "{n} %"])
@pytest.mark.parametrize("said", ["auf 20%", "Auf 20 %.", "auf zwanzig %", "auf 20% bitte"])
def test_a_sign_after_a_number_may_stand_apart_however_it_is_declared(
    template: str, said: str
) -> None:
    lists = {"n": {"range": {"from": 0, "to": 100}}}
    made = grammar(f"auf {template} [bitte]", language="de", lists=lists)
    assert slots(made, said) == {"n": 20}
    assert slots(made, "auf % 20") is None
    assert slots(made, "auf 20% %") is None


def test_quotes_and_apostrophes_around_a_wildcard_are_not_part_of_its_value() -> None:
    made = grammar("qui est à l'{place}", language="fr", lists={"place": {"wildcard": True}})
    assert slots(made, "Qui est à l'école ?") == {"place": "école"}
    assert slots(made, "qui est à l'\u00ab école d'en haut \u00bb") == {"place": "école d'en haut"}


def test_a_permutation_is_said_completely_and_in_any_order() -> None:
    made = grammar("(red;small;fast) car")
    assert slots(made, "fast red small car") == {}
    assert slots(made, "small fast red car") == {}
    assert slots(made, "red small car") is None
    assert slots(made, "red red small car") is None


def test_optional_parts_of_a_permutation_leave_no_double_space() -> None:
    made = grammar(
        "a ([{size}];[{roast}]) coffee",
        lists={"size": {"values": ["small"]}, "roast": {"values": ["dark roast"]}},
    )
    assert slots(made, "a dark roast small coffee") == {"size": "small", "roast": "dark roast"}
    assert slots(made, "a coffee") == {}


def test_a_list_value_may_stand_for_another_and_hold_a_template() -> None:
    values = [{"in": "[the] living[ ]room", "out": "lounge"}, "kitchen"]
    made = grammar("light in {area:place}", lists={"area": {"values": values}})
    assert slots(made, "light in the living room") == {"place": "lounge"}
    assert slots(made, "light in livingroom") == {"place": "lounge"}
    assert slots(made, "light in kitchen") == {"place": "kitchen"}


@pytest.mark.parametrize("said", ["20 percent", "20%", "twenty percent", "Twenty percent."])
def test_a_number_of_a_range_is_said_in_digits_or_words(said: str) -> None:
    made = grammar("dim to {level} percent", lists={"level": {"range": {"from": 0, "to": 100}}})
    assert slots(made, f"dim to {said}") == {"level": 20}
    assert slots(made, "dim to 101 percent") is None


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("0", 0),
        ("zero", 0),
        ("one hundred and five", 105),
        ("one hundred five", 105),
        ("a hundred and five", 105),
        ("hundred", 100),
        ("nine hundred and ninety-nine", 999),
        ("1000", 1000),
        ("1,000", 1000),
        ("one thousand", 1000),
        ("1001", None),
    ],
)
def test_numbers_up_to_a_thousand_are_understood(said: str, value: int | None) -> None:
    made = grammar("set it to {n}", lists={"n": {"range": {"from": 0, "to": 1000}}})
    assert slots(made, f"set it to {said}") == (None if value is None else {"n": value})


def test_each_number_up_to_a_thousand_is_said_in_digits_and_in_words() -> None:
    made = grammar("set it to {n}", lists={"n": {"range": {"from": 0, "to": 1000}}})
    for number in range(0, 1001, 37):
        assert slots(made, f"set it to {number}") == {"n": number}
        for words in spoken(number, "en"):
            assert slots(made, f"set it to {words}") == {"n": number}, words


def test_halves_multipliers_and_numbers_below_zero_are_understood() -> None:
    lists = {
        "t": {"range": {"from": -10, "to": 30, "fractions": "halves"}},
        "k": {"range": {"from": 1, "to": 9, "multiplier": 100}},
    }
    made = grammar("{t} degrees", "{k} hundred", lists=lists)
    assert slots(made, "20.5 degrees") == {"t": 20.5}
    assert slots(made, "twenty point five degrees") == {"t": 20.5}
    assert slots(made, "minus five degrees") == {"t": -5}
    assert slots(made, "3 hundred") == {"k": 300}


def test_an_inline_range_allows_the_numbers_in_it() -> None:
    assert slots(grammar("wait {1..5:n} minutes"), "wait three minutes") == {"n": 3}


def test_number_words_of_a_sentence_may_be_digits() -> None:
    made = grammar("an {size} coffee", lists={"size": {"values": ["eight ounce"]}})
    assert slots(made, "an 8-ounce coffee") == {"size": "eight ounce"}


def test_rules_may_contain_rules_and_lists() -> None:
    made = grammar(
        "<turn_on> it",
        expansion_rules={"turn_on": "<turn> on [{what}]", "turn": "(turn|switch)"},
        lists={"what": {"values": ["all of"]}},
    )
    assert slots(made, "switch on all of it") == {"what": "all of"}
    assert slots(made, "switch on it") == {}


def test_a_wildcard_takes_as_few_words_as_fit() -> None:
    made = grammar("add {item} to [my] list", lists={"item": {"wildcard": True}})
    assert slots(made, "Add brown bread to my list.") == {"item": "brown bread"}
    assert slots(made, "add to list") is None


def test_a_wildcard_may_begin_a_sentence() -> None:
    made = grammar("{who} is home", lists={"who": {"wildcard": True}})
    assert slots(made, "Aunt Mary is home") == {"who": "Aunt Mary"}
    assert slots(made, "is home") is None


def test_skip_words_may_stand_at_either_end() -> None:
    made = grammar("lamp on", skip_words=["please", "can you"])
    assert slots(made, "Can you please lamp on, please?") == {}
    assert slots(made, "please") is None


@pytest.mark.parametrize(
    "text",
    [
        "turn on please the lamp",
        "Turn on, please, the lamp.",
        "turn please can you on the please lamp",
        "please turn on the please please lamp please",
    ],
)
def test_skip_words_may_stand_between_any_two_words(text: str) -> None:
    words = ["please", "can you"]
    source = {"intents": {"Say": {"data": [{"sentences": ["turn on [the] lamp"]}]}}}
    intents = Intents.from_dict({"language": "en", **source, "skip_words": words})
    assert list(recognize_all(text, intents))
    assert slots(Grammar.of(intents), text) == {}


@pytest.mark.parametrize("text", ["allume est-ce que la lampe", "allume est ce que la lampe"])
def test_a_skip_word_with_a_hyphen_may_be_left_out(text: str) -> None:
    made = grammar("allume [la] lampe", language="fr", skip_words=["est-ce que"])
    assert slots(made, text) == {}


@pytest.mark.parametrize("text", ["turn pleaseon the lamp", "turn on can the lamp", "turn on can"])
def test_half_a_skip_word_is_not_skipped(text: str) -> None:
    assert slots(grammar("turn on [the] lamp", skip_words=["please", "can you"]), text) is None


def test_a_skip_word_may_be_part_of_a_name_and_of_a_wildcard() -> None:
    lists = {"item": {"wildcard": True}, "name": {"values": ["please lamp"]}}
    made = grammar("add {item} to list", "turn on {name}", lists=lists, skip_words=["please"])
    assert slots(made, "add please to list") == {"item": "please"}
    assert slots(made, "turn please on please lamp") == {"name": "please lamp"}


def test_a_skip_word_at_the_edge_of_a_wildcard_is_not_part_of_its_value() -> None:
    lists = {"what": {"wildcard": True}}
    made = grammar("turn on [the] lamp", "{what} lamp", lists=lists, skip_words=["please"])
    assert slots(made, "turn on please the lamp") == {}
    assert slots(made, "a please lamp") == {"what": "a please"}


def test_a_sentence_whose_context_is_missing_cannot_be_said() -> None:
    block = {"requires_context": {"area": {"slot": True}}}
    made = grammar("lights on", block=block, area="attic")
    assert slots(made, "lights on") == {"area": "attic"}
    [unplaced] = made.in_area(None).readings("lights on")
    assert unplaced.lacks_area
    assert "area" not in unplaced.slots
    block = {"requires_context": {"floor": {"slot": True}}}
    with pytest.raises(SentencesError, match="no sentence can be said"):
        grammar("lights on", block=block)


def test_a_sentence_allows_only_names_whose_context_fits() -> None:
    values = [
        {"in": "desk", "out": "desk", "context": {"domain": "light"}},
        {"in": "door", "out": "door", "context": {"domain": "lock"}},
        "cat",
    ]
    made = grammar(
        "dim {name}",
        block={"requires_context": {"domain": "light"}},
        lists={"name": {"values": values}},
    )
    assert slots(made, "dim desk") == {"name": "desk"}
    assert slots(made, "dim door") is None
    assert slots(made, "dim cat") is None


def test_a_spoken_slot_replaces_a_fixed_one() -> None:
    made = grammar(
        "go [{way:way}]",
        block={"slots": {"way": "up", "by": "foot"}},
        lists={"way": {"values": ["down"]}},
    )
    assert slots(made, "go") == {"way": "up", "by": "foot"}
    assert slots(made, "go down") == {"way": "down", "by": "foot"}


def test_lists_of_the_caller_replace_those_of_the_files() -> None:
    intents = intents_of({"On": "{name} on"}, lists={"name": {"values": ["lamp"]}})
    made = Grammar.of(intents, {"name": TextSlotList.from_strings(["fan"], name="name")})
    assert made.allows("fan on")
    assert not made.allows("lamp on")


def test_apostrophes_and_hyphens_may_be_written_or_not() -> None:
    made = grammar("what's the wi-fi key")
    assert made.allows("What's the Wi-Fi key?")
    assert made.allows("whats the wi fi key")
    assert made.allows("what's the wi- fi key")
    assert made.readings("what's the wi- fi key") == made.readings("what's the wi-fi key") != []


@pytest.mark.parametrize(
    "text", ["¿Qué hora es?", "¡Qué hora es!", "« qué hora es »", "qué hora es ?", '"Qué hora es."']
)
def test_signs_may_stand_before_a_sentence_and_apart_from_it(text: str) -> None:
    assert slots(grammar("qué hora es"), text) == {}


@pytest.mark.parametrize("text", ["qué ? hora", "?", "qué hora es ? qué"])
def test_a_text_of_punctuation_only_means_nothing(text: str) -> None:
    assert slots(grammar("qué hora es"), text) is None


def test_the_grammar_allows_what_hassil_recognises() -> None:
    source = {
        "language": "en",
        "intents": {
            "A": {
                "data": [
                    {"sentences": ["(set|put) [the] {x} (to|at) {n} [now]", "({x};{n}) please"]}
                ]
            },
            "B": {"data": [{"sentences": ["what is {x}"], "slots": {"q": "state"}}]},
        },
        "lists": {
            "x": {"values": ["heat", "living room heat"]},
            "n": {"range": {"from": 1, "to": 30}},
        },
    }
    intents = Intents.from_dict(source)
    made = Grammar.of(intents)
    for text in (
        "set the heat to 5",
        "put living room heat at twenty now",
        "5 heat please",
        "what is living room heat",
        "what is 5",
        "set heat",
        "heat thirty please",
    ):
        expected = [
            (found.intent.name, {name: entity.value for name, entity in found.entities.items()})
            for found in recognize_all(text, intents)
        ]
        assert bool(expected) == made.allows(text), text
        if expected:
            reading = made.readings(text)[0]
            assert (reading.intent, dict(reading.slots)) in expected


def test_a_missing_list_a_missing_rule_and_a_rule_that_calls_itself_are_reported_together() -> None:
    with pytest.raises(SentencesError) as caught:
        Grammar.of(
            Intents.from_dict(
                {
                    "language": "en",
                    "expansion_rules": {"a": "x <b>", "b": "[y] <a>"},
                    "intents": {
                        "One": {"data": [{"sentences": ["see {nobody}"]}]},
                        "Two": {"data": [{"sentences": ["<nothing>"]}]},
                        "Three": {"data": [{"sentences": ["go <a>"]}]},
                    },
                }
            )
        )
    told = "\n".join(caught.value.problems)
    assert "intent One: list {nobody} is missing, in 'see {nobody}'" in told
    assert "rule <nothing> is missing" in told
    assert "rule <a> calls itself" in told


def test_rules_that_call_one_another_too_deeply_are_an_error() -> None:
    rules = {f"r{number}": f"go <r{number + 1}>" for number in range(300)}
    with pytest.raises(SentencesError, match="too deeply"):
        grammar("<r0>", expansion_rules={**rules, "r300": "home"})


def test_a_grammar_without_sentences_is_an_error() -> None:
    with pytest.raises(SentencesError, match="no sentence can be said"):
        Grammar.of(Intents.from_dict({"language": "en", "intents": {}}))


def test_a_name_among_twenty_thousand_values_is_found() -> None:
    values = [f"{word} {number}" for word in ("alpha", "beta") for number in range(10_000)]
    made = grammar("call {who} now", lists={"who": {"values": values}})
    assert slots(made, "call beta 9999 now") == {"who": "beta 9999"}
    assert slots(made, "call gamma 1 now") is None


def test_number_words_follow_the_language() -> None:
    lists = {"n": {"range": {"from": 0, "to": 100}}}
    for language, text in (
        ("de", "auf einundzwanzig Prozent"),
        ("fr", "auf vingt et un Prozent"),
        ("es", "auf veintiuno Prozent"),
        ("it", "auf ventuno Prozent"),
        ("nl", "auf eenentwintig Prozent"),
    ):
        made = grammar("auf {n} Prozent", language=language, lists=lists)
        assert slots(made, text) == {"n": 21}, language


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("-5", -5),
        ("\N{MINUS SIGN}5", -5),
        ("minus 5", -5),
        ("negative five", -5),
        ("minus twelve point five", -12.5),
        ("5", 5),
        ("- 5", None),
        ("21.5", 21.5),
        ("21,5", 21.5),
        ("21 and a half", 21.5),
        ("twenty-one and a half", 21.5),
        (".5", 0.5),
        ("-.5", -0.5),
        ("2.15", None),
        ("215", None),
    ],
)
def test_a_number_keeps_its_sign_and_its_fraction(said: str, value: float | None) -> None:
    lists = {"n": {"range": {"from": -20, "to": 30, "fractions": "halves"}}}
    made = grammar("offset {n} [degrees]", lists=lists)
    assert slots(made, f"offset {said} degrees") == (None if value is None else {"n": value})
    assert slots(made, f"Offset {said}.") == (None if value is None else {"n": value})


def test_a_range_below_zero_allows_no_number_above_zero() -> None:
    made = grammar("offset {n}", lists={"n": {"range": {"from": -9, "to": -1}}})
    assert slots(made, "offset 5") is None
    assert slots(made, "offset minus 5") == {"n": -5}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "einundzwanzigeinhalb"),
        ("fr", "21 et demi"),
        ("es", "veintiuno y medio"),
        ("it", "21 e mezzo"),
        ("nl", "21 en een half"),
    ],
)
def test_halves_are_said_as_people_say_them(language: str, said: str) -> None:
    lists = {"n": {"range": {"from": 0, "to": 30, "fractions": "halves"}}}
    made = grammar("auf {n}", language=language, lists=lists)
    assert slots(made, f"auf {said}") == {"n": 21.5}


def test_a_time_may_be_written_with_a_colon_and_with_stops() -> None:
    hours = {"h": {"range": {"from": 1, "to": 12}}, "m": {"range": {"from": 0, "to": 59}}}
    made = grammar("wake me at {h} [{m}] [(am|pm)]", lists=hours)
    assert slots(made, "Wake me at 7:30 a.m.") == {"h": 7, "m": 30}
    assert slots(made, "wake me at seven thirty pm") == {"h": 7, "m": 30}
    assert slots(made, "wake me at 7 p.m") == {"h": 7}
    assert slots(made, "wake me at: 7") == {"h": 7}
    assert slots(made, "wake me at 7:") == {"h": 7}


def test_digits_of_a_name_are_said_in_words() -> None:
    made = grammar("turn on {name}", lists={"name": {"values": ["fan 3", "50 cent", "room 101"]}})
    assert slots(made, "turn on fan three") == {"name": "fan 3"}
    assert slots(made, "turn on fifty cent") == {"name": "50 cent"}
    assert slots(made, "turn on fan 2") is None
    assert slots(made, "turn on room 101") == {"name": "room 101"}


def test_accents_of_a_foreign_name_need_not_be_written_in_english() -> None:
    lists = {"name": {"values": ["Motörhead", "Beyoncé", "Bjørn", "papá", "papa"]}}
    made = grammar("play {name} in the café", lists=lists)
    assert slots(made, "play motorhead in the cafe") == {"name": "Motörhead"}
    assert slots(made, "play motörhead in the café") == {"name": "Motörhead"}
    assert slots(made, "play bjorn in the café") == {"name": "Bjørn"}
    assert slots(made, "play papa in the café") == {"name": "papa"}
    assert slots(made, "play papá in the café") == {"name": "papá"}
    german = grammar("heize {name}", language="de", lists={"name": {"values": ["Küche"]}})
    assert slots(german, "heize kuche") is None


def test_a_model_may_write_the_sign_directly_after_the_number() -> None:
    made = grammar("auf {n} %", language="de", lists={"n": {"range": {"from": 0, "to": 20}}})
    vocabulary = TokenVocabulary.of([" auf", " 20", "%", " %", None], 4)
    walk = TokenWalk(made.automaton, vocabulary)
    number = made.automaton.walk(made.automaton.start, " auf 20")
    assert set(walk.choices(number).ids.tolist()) == {2, 3}
    assert all(map(made.automaton.accepts, walk.choices(number).targets))
