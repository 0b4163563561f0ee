"""The templates of devices: what they can, and what they must not cost."""

from __future__ import annotations

import pytest

from appliance.devices.template import DeviceTemplate
from appliance.errors import TemplateFailed, UnsafeTemplate

WORKING = [
    ("{{ value }}", "21.5", "21.5"),
    ("{{ value_json.lamp.power }}", '{"lamp": {"power": "OFF"}}', "OFF"),
    ("{{ value_json['a b'] }}", '{"a b": false}', "False"),
    ("{{ value | int(base=16) }}", "ff", "255"),
    ("{{ value | float | round(1) }}", "2.26", "2.3"),
    ("{{ value | float | round }}", "2.6", "3"),
    ("{{ value | int(-1) }}", "x", "-1"),
    ("{{ '#%02x%02x%02x' | format(1, 128, 255) }}", "", "#0180ff"),
    ("{{ {'heat': 'on'}[value] | default('off') }}", "cool", "off"),
    ("{% if value_json.x is defined %}{{ value_json.x }}{% else %}-{% endif %}", "{}", "-"),
    ("{{ value.split(',')[1] }}", "a,b", "b"),
    ("{{ 'on' if value | int > 3 else 'off' }}", "4", "on"),
    ("{{ value | regex_replace('[^0-9]', '') }}", "a1b2", "12"),
    ("{{ value_json | to_json }}", '{"a": [1, 2]}', '{"a":[1,2]}'),
    ("{{ 'a' ~ value ~ 1 }}", "b", "ab1"),
    ("{{ [3, 1, 2] | sort | join('-') }}", "", "1-2-3"),
    ("{{ (value | multiply(0.01)) | int }}", "5000", "50"),
    ("  plain text  ", "", "plain text"),
    ("{{ value.replace('a', 'bb') }}", "aca", "bbcbb"),
    ("{{ value_json.get('x', 7) }}", "{}", "7"),
    ("{{ iif(value == '1', 'yes', 'no') }}", "1", "yes"),
    ("{{ 0 | timestamp_custom('%Y', false) }}", "", "1970"),
]


@pytest.mark.parametrize(("text", "payload", "expected"), WORKING)
def test_a_template_gives_what_home_assistant_gives(text: str, payload: str, expected: str) -> None:
    assert DeviceTemplate(text).render_value(payload, {}) == expected


FORBIDDEN = [
    "{% for i in range(9) %}{% endfor %}",
    "{{ 9 ** 90000 }}",
    "{{ states('light.kitchen') }}",
    "{{ this.state }}",
    "{{ value.center(999999999) }}",
    "{{ value['center'](999999999) }}",
    "{% set f = value.center %}{{ f(999999999) }}",
    "{% set float = value.center %}{{ float(9) }}",
    "{{ lipsum() }}",
    "{{ cycler() }}",
    "{% include 'x' %}",
    "{% import 'x' as x %}",
    "{% macro m() %}{% endmacro %}",
    "{% set ns.x = 1 %}",
    "{{ value | pprint }}",
    "{{ value | xmlattr }}",
    "{{ concat_('a', 'b') }}",
    "{{ method_(value, 'upper') }}",
    "{{ float(*value) }}",
    "{{ 99999999999 }}",
    "{{ value || 1 }}",
    "{{ " + "(" * 1500 + "1" + ")" * 1500 + " }}",
    "{{ " + "not " * 100 + "value }}",
    "x" * 5000,
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_what_is_not_on_the_white_list_is_refused(text: str) -> None:
    with pytest.raises(UnsafeTemplate):
        DeviceTemplate(text)


COSTLY = [
    "{% set x = value %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% set x = value %}" + "{% set x = x + x %}" * 40 + "{{ x }}",
    "{{ value * 999999999 }}",
    "{{ value | replace('a', value) | replace('a', value) | replace('a', value) }}",
    "{{ value.replace('', value) }}",
    "{{ value | list | join(value) }}",
    "{{ '%999999999d' | format(1) }}",
    "{{ '%*d' | format(999999999, 1) }}",
    "{% set x = 9999999999 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
    "{% set x = [value] %}" + "{% set x = [x, x, x, x, x, x] %}" * 30 + "{{ x }}",
    "{{ value | regex_replace('(a+)+$', '') }}",
    "{{ value | regex_replace('(a|a)*$', '') }}",
    "{{ value | regex_search('a*a*a*a*a*a*b') }}",
    "{{ value | regex_replace('', value) }}",
    "{{ now().strftime('%999999999d') }}",
    "{{ value % 3 }}",
    "{{ value | string | upper | lower" + " | upper | lower" * 200 + " }}",
]


@pytest.mark.timeout(60)  # unbounded, they take hours, or all memory
@pytest.mark.parametrize("text", COSTLY)
def test_a_costly_template_ends_and_stays_small(text: str) -> None:
    try:
        rendered = DeviceTemplate(text).render_value("a" * 20_000, {})
    except UnsafeTemplate:
        rendered = ""
    assert len(rendered) <= 65_536


def test_no_template_reaches_the_inside_of_python() -> None:
    for text in ("{{ value.__class__ }}", "{{ ''['__class__'] }}", "{{ value_json.__init__ }}"):
        assert DeviceTemplate(text).render_value("{}", {}) == ""


def test_a_missing_value_is_told_from_an_empty_one() -> None:
    with pytest.raises(TemplateFailed):
        DeviceTemplate("{{ value_json.x | is_defined }}").render_value("{}", {})
    assert DeviceTemplate("{{ value_json.x }}").render_value("{}", {}) == ""


def test_a_command_that_looks_like_bytes_becomes_bytes() -> None:
    assert DeviceTemplate("b'\\x01\\xff'").render_command({}) == b"\x01\xff"
    assert DeviceTemplate("b'\\x01").render_command({}) == "b'\\x01"


def test_a_payload_that_is_too_long_is_not_rendered() -> None:
    with pytest.raises(UnsafeTemplate):
        DeviceTemplate("{{ value }}").render_value("x" * 70_000, {})
