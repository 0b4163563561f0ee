"""What a bundle may have, and what becomes of one on a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from appliance import config as configuration
from appliance.errors import BundleError, ConfigError
from appliance.fleet import bundle as bundles
from appliance.fleet.bundle import Bundle
from appliance.fleet.bundle_store import MOST_STARTS, BundleStore
from appliance.pushed_bundle import RECORD, folder_of

if TYPE_CHECKING:
    from pathlib import Path

SENTENCES = "language: en\nintents: {Go: {data: [{sentences: [go now]}]}}\n"


def bundle(serial: int) -> Bundle:
    return Bundle(serial=serial, made_at="", files={"sentences/a.yaml": SENTENCES})


def put_in_force(store: BundleStore, one: Bundle) -> None:
    signed = msgspec.json.encode(one)
    assert store.write(one, signed)
    store.begin_trial(one, signed)
    store.count_start()
    store.confirm()


@pytest.mark.parametrize(
    "name",
    [
        *("config.toml", "../sentences/a.yaml", "/etc/passwd", "sentences/../../a.yaml"),
        *("sentences/a.yaml\n", "sentences/.hidden.yaml", "sentences/a/b/c.yaml", "record.json"),
    ],
)
def test_a_bundle_has_no_other_files_than_those_named_in_the_documentation(name: str) -> None:
    with pytest.raises(BundleError, match="may not be in a bundle"):
        bundles.check(Bundle(serial=1, made_at="", files={name: "x"}))


@pytest.mark.parametrize(
    "settings",
    [
        *('[mqtt]\nhost = "elsewhere"', '[mqtt]\nusername = "me"', '[fleet]\npublic_key = ""'),
        *('[listening]\ntrigger = "always"', '[log]\nlevel = "debug"', '[device]\nname = "x"'),
        *(
            '[sentences]\nfolder = "/"',
            '[devices]\ndiscovery = "act"',
            '[language_model]\nfacts = "/etc/appliance/mqtt.password"',
            '[http]\nlisten = "0.0.0.0:1"',
        ),
        "mqtt = 3",
    ],
)
def test_no_setting_of_microphone_broker_login_key_or_server_is_taken(settings: str) -> None:
    with pytest.raises(BundleError, match="may not be in a bundle"):
        bundles.check(Bundle(serial=1, made_at="", files={"settings.toml": settings}))


def test_what_is_no_bundle_is_refused_with_words() -> None:
    for content in (
        b"",
        b"{",
        b"[]",
        b'{"form": "appliance-bundle-2"}',
        b"\xff" * 9,
        b"[" * 99_999,
    ):
        with pytest.raises(BundleError, match="not a bundle"):
            bundles.read(content)
    with pytest.raises(BundleError, match="more than"):
        bundles.read(b" " * 1_000_001)


def test_a_bundle_in_force_changes_what_it_may_and_only_with_a_key(tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    files = {"settings.toml": "[cascade]\nrepair = false", "sentences/a.yaml": SENTENCES}
    put_in_force(store, Bundle(serial=3, made_at="", files=files))
    for key, repair in (("", True), ("key.pub", False)):
        path = tmp_path / "config.toml"
        path.write_text(
            f'[device]\nstate_directory = "{tmp_path}"\n[fleet]\npublic_key = "{key}"\n'
            f"[cascade]\nrepair = true\n"
        )
        config = configuration.load(path)
        assert config.cascade.repair is repair
        assert config.sentences.folder.endswith("bundles/3/sentences") is not repair
        assert configuration.load(path, with_bundle=False).sentences.folder == ""


def test_settings_of_a_bundle_are_checked_as_those_of_the_owner(tmp_path: Path) -> None:
    files = {"settings.toml": "[cascade]\nrepair = 7"}
    put_in_force(BundleStore(tmp_path), Bundle(serial=1, made_at="", files=files))
    path = tmp_path / "config.toml"
    path.write_text(f'[device]\nstate_directory = "{tmp_path}"\n[fleet]\npublic_key = "key.pub"\n')
    with pytest.raises(ConfigError, match=r"bundle 1: cascade\.repair"):
        configuration.load(path)


def test_an_equal_or_lower_number_is_refused_also_after_it_was_taken_back(tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    put_in_force(store, bundle(5))
    failing = bundle(7)
    store.write(failing, b"seven")
    store.begin_trial(failing, b"seven")
    assert store.take_back("it was not well")
    assert (store.record.serial, store.record.highest) == (5, 7)
    for serial in (5, 6, 7):
        with pytest.raises(BundleError, match="is not newer than 7"):
            store.write(bundle(serial), b"another")
    assert store.write(bundle(8), b"eight")


def test_the_same_bundle_again_is_no_mistake_while_it_is_in_force(tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    one = bundle(2)
    signed = msgspec.json.encode(one)
    put_in_force(store, one)
    assert store.write(one, signed) is False


def test_a_bundle_that_does_not_stay_up_is_taken_back_after_some_starts(tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    put_in_force(store, bundle(1))
    second = bundle(2)
    store.write(second, b"two")
    store.begin_trial(second, b"two")
    for _ in range(MOST_STARTS):
        store.count_start()
        assert store.record.serial == 2
    store.count_start()
    assert (store.record.serial, store.record.state) == (1, "taken_back")
    assert "did not stay up" in store.record.reason


def test_no_other_bundle_is_taken_during_a_trial(tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    store.write(bundle(1), b"one")
    store.begin_trial(bundle(1), b"one")
    with pytest.raises(BundleError, match="the trial of bundle"):
        store.write(bundle(2), b"two")


def test_a_damaged_record_does_not_let_an_old_bundle_in(tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    put_in_force(store, bundle(9))
    (folder_of(tmp_path) / RECORD).write_bytes(b"\x00")
    assert store.record.serial == 0
    with pytest.raises(BundleError, match="is not newer than 9"):
        store.write(bundle(9), b"again")
