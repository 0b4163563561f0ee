"""What a sentence may begin with and must have, with rules that use one another many times."""

from hassil.intents import WildcardSlotList

from appliance.sentences import template_check
from appliance.sentences.sentence_check import SentenceScope

LISTS = {"any": WildcardSlotList("any")}
RULES = {"the": template_check.read("(the|my)")}


def test_what_may_be_said_first_looks_past_what_may_be_left_out() -> None:
    scope = SentenceScope(LISTS, RULES)
    assert scope.may_start(template_check.read("[please] [<the>] {any} on").expression) == {"any"}
    assert not scope.may_start(template_check.read("<the> {any} on").expression)


def test_each_rule_is_looked_at_once_however_often_it_is_used() -> None:
    doubled = {f"r{n}": template_check.read(f"(<r{n + 1}>|<r{n + 1}>)") for n in range(60)}
    scope = SentenceScope(LISTS, {**doubled, "r60": template_check.read("{any}")})
    first = doubled["r0"].expression
    assert scope.may_start(first) == {"any"}
    assert not scope.is_blank(first)
    assert not scope.words_needed(first)
    assert not scope.empty_lists(first)
