"""config.toml is read, or rejected with every mistake listed."""

from __future__ import annotations

import ast
import itertools
import re
import tomllib
from pathlib import Path
from typing import get_args, get_type_hints

import home_assistant_intents
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import config
from appliance.errors import ConfigError
from appliance.messages.request_payloads import Control
from appliance.values import Operation

SHIPPED = Path(__file__).parents[2] / "config.toml"


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config.parse(text)
    return caught.value.problems


def test_the_shipped_file_has_the_defaults_of_the_code() -> None:
    defaults = msgspec.to_builtins(config.Config())
    assert tomllib.loads(SHIPPED.read_text("utf-8")) == defaults


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("[::1]", 'an address in brackets; write: host = "::1"'),
        ("[fe80::1]:1884", 'a host with a port; write: host = "fe80::1", port = 1884'),
        ("broker:1884", 'a host with a port; write: host = "broker", port = 1884'),
        ("192.168.1.2:1883", 'a host with a port; write: host = "192.168.1.2", port = 1883'),
        ("mqtt://broker", 'a URL; write: host = "broker"'),
        ("mqtts://me:secret@broker:8884/", 'write: host = "broker", port = 8884, tls = true'),
        ("tcp://[::1]:1883", 'a URL; write: host = "::1", port = 1883'),
        ("broker/path", 'a URL; write: host = "broker"'),
        (" broker", "must not contain white space"),
        ("broker ", "must not contain white space"),
        ("my broker", "must not contain white space"),
        (" ", "must not contain white space"),
    ],
)
def test_what_is_no_host_name_is_named_for_what_it_is(host: str, advice: str) -> None:
    (problem,) = problems_of(f"[mqtt]\nhost = '{host}'")
    assert problem.startswith("mqtt.host: ")
    assert advice in problem


@pytest.mark.parametrize("host", ["broker", "b.local", "10.0.0.1", "::1", "fe80::1%eth0", "bröker"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    assert config.parse(f"[mqtt]\nhost = '{host}'").broker_host == host


def test_a_byte_order_mark_at_the_beginning_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[mqtt]\nhost = 'broker'\n")
    assert config.load(path).broker_host == "broker"


def test_the_shipped_file_explains_every_key() -> None:
    lines = SHIPPED.read_text("utf-8").splitlines()
    unexplained = [
        line
        for before, line in itertools.pairwise(lines)
        if re.match(r"\w+ = ", line) and not re.match(r"# .|\w+ = ", before)
    ]
    assert unexplained == []


def test_the_code_explains_each_field_with_the_first_sentence_of_the_file() -> None:
    comments = re.findall(r"((?:^# .*\n)+)(\w+) = ", SHIPPED.read_text("utf-8"), re.MULTILINE)
    explained = [
        (key, re.split(r"(?<=[.])\s", re.sub(r"\n?# ", " ", comment).strip())[0])
        for comment, key in comments
    ]
    assert fields_of_the_code() == explained


def fields_of_the_code() -> list[tuple[str, str]]:
    """Every field of a section with the docstring below it."""
    return [
        (field.target.id, str(meaning.value.value))
        for section in ast.parse(Path(config.__file__).read_text("utf-8")).body
        if isinstance(section, ast.ClassDef)
        for field, meaning in itertools.pairwise(section.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(meaning, ast.Expr) and isinstance(meaning.value, ast.Constant)
    ]


def test_every_section_has_only_keys_with_defaults() -> None:
    for section in get_type_hints(config.Config).values():
        assert section() == section()


def test_an_empty_file_is_the_default() -> None:
    assert config.parse("") == config.Config()


def test_all_problems_are_reported_together_with_their_paths() -> None:
    problems = problems_of(
        """
        [mqtt]
        prot = 1883
        port = "1883"
        version = "4"
        [listening]
        speech_threshold = 2.0
        [log]
        level = "loud"
        """
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "mqtt.prot",
        "mqtt.port",
        "mqtt.version",
        "listening.speech_threshold",
        "log.level",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[mqtt]\nhots = 'broker'", "mqtt.hots: there is no such key; did you mean mqtt.host"),
        ("[mqqt]\nhost = 'broker'", "did you mean mqtt"),
        ("host = 'broker'", "did you mean mqtt.host?"),
        ("[mqtt]\nport = 70000", "mqtt.port: expected `int` <= 65535, not 70000"),
        ("[mqtt]\nport = 1.5", "mqtt.port: expected `int`, not 1.5"),
        ("[mqtt]\nversion = '4'", "expected one of '5', '3.1.1', not '4'"),
        ("mqtt = 3", "mqtt: is a table; write it as [mqtt]"),
        ("[mqtt]\nroot = 'a/#'", "mqtt.root: must not contain + #"),
        ("[mqtt]\nroot = '{divice}'", "mqtt.root: must not contain + #"),
        ("[mqtt]\nroot = ''", "mqtt.root: must not be empty"),
        ("[mqtt]\ncertificate_file = 'c'\nhost='b'\ntls=true", "one needs the other"),
        ("[mqtt]\nca_file = 'c'", "mqtt.tls: must be true"),
        ("[mqtt]\ntls = true", "the embedded broker has no TLS"),
        ("[mqtt]\npassword_file = 'p'", "mqtt.username: required with"),
        ("[language_model]\nmaximum_tokens = 4096", "must be less than context_tokens"),
        ('[device]\nlanguage = "english"', 'must be a code such as "en", "pt-BR" or "sr-Latn"'),
        ("[speech]\ncalibration = [nan, 1, 1, inf]", "speech.calibration: must be finite"),
        ("[speech]\nsecond_calibration = [1, 1, 1, inf]", "second_calibration: must be finite"),
        ("[speech]\nmodel = 'm'\nsecond_model = 'm'", "must differ from speech.model"),
        (
            "[device]\nname = 'a b'",
            "device.name: expected at most 64 letters, digits, - and _, not 'a b'",
        ),
        ("[satellite]\nlisten = 'x'", "satellite.listen: expected an address with a port such as"),
        ("[wyoming]\nsatellites = ['x']", "wyoming.satellites: expected addresses with a port"),
        ("[sparkplug]\ngroup_id = 'a/b'", "group_id: expected a name without +, # and /"),
        ("[wake_word]\nearshot = '$x'", "wake_word.earshot: expected a topic without + and #"),
        (
            "[mqtt]\nreply_prefixes = ['x']",
            "reply_prefixes: expected beginnings of topics that end",
        ),
        ("[mqtt]\ngroup = 'a/b'", "mqtt.group: expected a name of at most 64 characters without /"),
        ("[home_assistant]\nprefix = '#'", "home_assistant.prefix: expected a topic without + #"),
        ('[device]\nname = "kitchen\\n"', "device.name: expected at most 64 letters"),
        (f"[mqtt]\nport = '{'x' * 1000}'", f", not '{'x' * 79}..."),
        ("[mqtt", "not valid TOML"),
        (f"x = {'[' * 5000}{']' * 5000}", "not valid TOML: maximum recursion depth exceeded"),
        (f"[mqtt]\nport = {'9' * 5000}", "not valid TOML: Exceeds the limit"),
        ('[mqtt]\nroot = "a\\nb"', "mqtt.root: must not contain control characters, not 'a"),
        ("[log]\nlevel = 'info'\n[log]\n", "not valid TOML"),
    ],
)
def test_a_wrong_key_is_named_with_what_is_expected(text: str, message: str) -> None:
    assert message in "\n".join(problems_of(text))


def test_no_message_about_a_wrong_text_is_a_regular_expression() -> None:
    def texts(hint: object) -> list[msgspec.Meta]:
        parts = get_args(hint)
        return [one for one in parts if isinstance(one, msgspec.Meta) and one.pattern] + [
            found for part in parts for found in texts(part)
        ]

    patterns = {
        f"{section.__name__}.{key}": found
        for section in get_type_hints(config.Config).values()
        for key, hint in get_type_hints(section, include_extras=True).items()
        for found in texts(hint)
    }
    assert len(patterns) > 10
    assert [name for name, one in patterns.items() if not one.description] == []


def test_a_node_without_a_group_is_said_to_have_no_effect() -> None:
    found = config.parse("[sparkplug]\nnode_id = 'n'\nprimary_host = 'h'").without_effect
    keys = "sparkplug.node_id and sparkplug.primary_host"
    assert found == [f"{keys}: no effect without sparkplug.group_id; give the edge node a group"]
    assert config.parse("[sparkplug]\nnode_id = 'n'\ngroup_id = 'g'").without_effect == []


@pytest.mark.parametrize("language", sorted(home_assistant_intents.get_languages()))
def test_every_language_of_home_assistant_can_be_set(language: str) -> None:
    assert config.parse(f'[device]\nlanguage = "{language}"').device.language == language


def test_a_missing_file_a_folder_and_binary_content_are_reported_with_the_path(
    tmp_path: Path,
) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, message in (
        (tmp_path / "none.toml", "there is no such file"),
        (tmp_path, "cannot be read"),
        (binary, "not UTF-8 text"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            config.load(path)
        assert str(path) in str(caught.value)
        assert caught.value.exit_status == 78


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=5),
        lambda inner: st.dictionaries(st.sampled_from(["mqtt", "port", "x"]), inner, max_size=3),
        max_leaves=8,
    ).filter(lambda value: isinstance(value, dict))
)
@settings(deadline=None)
def test_any_table_is_a_config_or_a_config_error(table: dict[str, object]) -> None:
    found: list[str] = []
    fields = dict(config._read_struct(config.Config, table, "", found))
    assert found or config.Config(**fields)


def test_the_device_name_fills_root_and_client_id() -> None:
    settings = config.parse("[device]\nname = 'kitchen'\n[mqtt]\nroot = 'acme/hall/{device}'")
    assert settings.root == "acme/hall/kitchen"
    assert settings.client_id == "appliance-kitchen"


def test_ports_follow_tls_and_the_embedded_broker() -> None:
    assert config.parse("").broker_port == 1883
    assert config.parse("[mqtt]\nhost = 'b'\ntls = true").broker_port == 8883
    assert config.parse("[mqtt]\nembedded_port = 1999").broker_port == 1999
    assert config.parse("[mqtt]\nhost = 'b'\nport = 7").broker_port == 7


def test_directories_follow_the_config_then_systemd_then_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/user/state")
    assert config.parse("").state_directory == Path("/home/user/state/appliance")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/appliance:/var/lib/other")
    assert config.parse("").state_directory == Path("/var/lib/appliance")
    assert config.parse("").models_directory == Path("/var/lib/appliance/models")
    chosen = config.parse("[device]\nstate_directory = '/data'\nmodels_directory = '/models'")
    assert (chosen.state_directory, chosen.models_directory) == (Path("/data"), Path("/models"))


def test_each_model_in_use_is_named_once_and_the_second_one_only_with_the_grammar() -> None:
    def models(**speech: object) -> list[str]:
        return msgspec.convert({"speech": speech}, config.Config).models

    first = "whisper-tiny.en"
    one, both = [first, "smollm2-135m-instruct"], [first, "whisper-base", "smollm2-135m-instruct"]
    assert models(model=first, second_model="") == one
    assert models(model=first, second_model="whisper-base") == both
    assert models(model=first, second_model="whisper-base", grammar=False) == one


def test_each_request_can_be_opened_and_some_are_closed_by_default() -> None:
    names = {*Operation, *Control}
    assert set(get_args(config.RequestName)) == names
    assert names - set(config.Config().mqtt.operations) == {
        *(Control.LISTEN, Control.MICROPHONE, Control.TIMER, Control.APPLY),
    }
    with pytest.raises(ConfigError, match="operations"):
        config.parse('[mqtt]\noperations = ["sing"]')


@pytest.mark.parametrize(
    ("wyoming", "problem"),
    [
        ('listen = "0.0.0.0:10300"', "wyoming.allow: required"),
        ('listen = "here:10300"', "wyoming.listen"),
        ('listen = "127.0.0.1:0"', "the port must be 1 to 65535"),
        ('listen = "999.0.0.1:10300"', "wyoming.listen"),
        ('allow = ["kitchen"]', "wyoming.allow"),
        ('allow = ["192.168.1.7/24"]', "wyoming.allow"),
    ],
)
def test_a_server_that_anybody_could_reach_is_refused(wyoming: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        config.parse(f"[wyoming]\n{wyoming}")


def test_a_server_for_this_machine_or_for_named_clients_is_accepted() -> None:
    assert not config.parse('[wyoming]\nlisten = "127.0.0.1:10300"').wyoming.clients
    assert not config.parse('[wyoming]\nallow = ["10.0.0.0/8"]').wyoming.clients
    parsed = config.parse('[wyoming]\nlisten = "[::]:10300"\nallow = ["10.0.0.7", "fd00::/8"]')
    assert parsed.wyoming.clients == ["10.0.0.7", "fd00::/8"]
    assert parsed.wyoming.address == ("::", 10300)
