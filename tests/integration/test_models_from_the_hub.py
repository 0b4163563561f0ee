"""`appliance models pull` of a model that only the hub describes, against a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.hub_server import REVISION, ModelHub

from appliance.models import catalogue
from appliance.models.store import ENTRY_FILE, Store
from appliance.pipeline.pipeline_factory import OFFLINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "qwen2.5-0.5b-instruct"
GATED = "llama-3.2-1b-instruct"
CONTENT = b"GGUF" + bytes(range(256)) * 4000


def hub_of(name: str, **more: object) -> ModelHub:
    model = catalogue.hub_models()[name]
    return ModelHub(model.repository, model.file, CONTENT, **more)  # type: ignore[arg-type]


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with hub_of(NAME).open() as server:
        yield server


class Owner:
    """Types `appliance models` with a folder of models of their own."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.config = folder / "config.toml"
        self.config.write_text(f"[device]\nmodels_directory = {json.dumps(str(self.models))}\n")

    def types(self, hub: ModelHub, *words: str, token: str = "") -> tuple[int, str]:
        """Exit status, and everything that was printed."""
        done = subprocess.run(
            [sys.executable, "-m", "appliance", "models", *words, "--config", str(self.config)],
            env={
                **{name: value for name, value in os.environ.items() if name not in OFFLINE},
                "HF_ENDPOINT": hub.address,
                "HF_TOKEN": token,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stdout
        return done.returncode, done.stdout


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


def test_it_is_checked_against_the_hub_s_own_checksum_and_kept_with_its_description(
    hub: ModelHub, owner: Owner
) -> None:
    status, said = owner.types(hub, "pull", NAME)
    assert (status, "licence Apache-2.0" in said, "SHA-256 correct" in said) == (0, True, True)
    path = Store(owner.models).path_of(NAME)
    assert path.read_bytes() == CONTENT
    entry = json.loads((path.parent / ENTRY_FILE).read_bytes())
    assert entry["hub"] == {"repository": hub.repository, "revision": REVISION}
    assert entry["files"][hub.file]["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_from_then_on_it_is_a_model_like_the_others(hub: ModelHub, owner: Owner) -> None:
    owner.types(hub, "pull", NAME)
    assert owner.types(hub, "verify", NAME)[0] == 0
    listed = json.loads(owner.types(hub, "list", "--json")[1])["models"]
    assert [row["state"] for row in listed if row["name"] == NAME] == ["ready"]
    (owner.models / NAME / hub.file).write_bytes(CONTENT[:-1] + b"!")
    assert owner.types(hub, "verify", NAME)[0] == 1
    assert owner.types(hub, "pull", NAME)[0] == 0
    assert owner.types(hub, "verify", NAME)[0] == 0
    assert "freed" in owner.types(hub, "remove", NAME)[1]
    status, said = owner.types(hub, "verify", NAME)
    assert (status, f"appliance models pull {NAME}" in said) == (69, True)


def test_a_broken_connection_is_resumed_within_a_pull(hub: ModelHub, owner: Owner) -> None:
    hub.breaks_after = [300_000, 300_000]
    assert owner.types(hub, "pull", NAME)[0] == 0
    ranges = [one.get("Range") for one in hub.store_requests]
    assert ranges == [None, "bytes=300000-", "bytes=600000-"]


def test_the_next_pull_goes_on_from_where_the_last_one_gave_up(owner: Owner) -> None:
    with hub_of(NAME).open() as hub:
        hub.breaks_after = [400_000, 0, 0, 0, 0, 0, 0]
        status, said = owner.types(hub, "pull", NAME)
        assert (status, "could not be fetched" in said) == (1, True)
        hub.breaks_after, hub.store_requests = [], []
        assert owner.types(hub, "pull", NAME)[0] == 0
        assert [one.get("Range") for one in hub.store_requests] == ["bytes=400000-"]
    assert Store(owner.models).path_of(NAME).read_bytes() == CONTENT


def test_a_file_with_another_checksum_is_rejected_and_not_gone_on_from(
    hub: ModelHub, owner: Owner
) -> None:
    hub.delivered = CONTENT[::-1]
    status, said = owner.types(hub, "pull", NAME)
    assert (status, "has the sha256" in said) == (1, True)
    assert not (owner.models / NAME).exists()
    hub.delivered = None
    assert owner.types(hub, "pull", NAME)[0] == 0


def test_terms_that_were_not_accepted_stop_the_pull_before_the_hub_is_asked(owner: Owner) -> None:
    with hub_of(GATED).open() as hub:
        status, said = owner.types(hub, "pull", GATED)
        assert status == 1
        assert "read the terms at https://www.llama.com" in said
        assert f"appliance models pull {GATED} --accept-terms" in said
        assert not (owner.models / GATED).exists()


def test_a_repository_that_is_shown_only_with_a_token_says_how_to_get_one(owner: Owner) -> None:
    with hub_of(GATED, token="secret").open() as hub:
        status, said = owner.types(hub, "pull", GATED, "--accept-terms")
        assert (status, "HF_TOKEN" in said, "accepted its terms" in said) == (1, True, True)
        assert owner.types(hub, "pull", GATED, "--accept-terms", token="secret")[0] == 0
        assert not any("Authorization" in one for one in hub.store_requests)


def test_a_repository_or_a_file_that_is_not_there_is_named(owner: Owner) -> None:
    with ModelHub("somebody/else", "a.gguf", CONTENT).open() as hub:
        status, said = owner.types(hub, "pull", NAME)
        assert (status, catalogue.hub_models()[NAME].repository in said) == (1, True)
    with ModelHub(catalogue.hub_models()[NAME].repository, "b.gguf", CONTENT).open() as hub:
        status, said = owner.types(hub, "pull", NAME)
        assert (status, "it has b.gguf" in said) == (1, True)


def test_a_hub_that_cannot_be_reached_is_an_error_that_says_so(owner: Owner) -> None:
    gone = hub_of(NAME)
    with gone.open():
        pass
    status, said = owner.types(gone, "pull", NAME)
    assert (status, "the hub" in said) == (1, True)


def test_a_model_that_the_board_cannot_hold_is_not_pulled(owner: Owner, tmp_path: Path) -> None:
    (tmp_path / "board/proc").mkdir(parents=True)
    (tmp_path / "board/proc/meminfo").write_text("MemTotal: 1000000 kB\nMemAvailable: 900000 kB\n")
    model = "mistral-7b-instruct-v0.3"
    with hub_of(model).open() as hub, pytest.MonkeyPatch.context() as patch:
        patch.setenv("APPLIANCE_BOARD", str(tmp_path / "board"))
        status, said = owner.types(hub, "pull", model)
    assert (status, "5200 MB of memory" in said) == (1, True)


SPEECH = "distil-small.en"
SMALL_FILES = {
    "config.json": b"{}",
    "tokenizer.json": b'{"version": "1.0"}',
    "vocabulary.json": b'["a", "b"]',
}


def test_a_speech_model_is_pulled_with_its_small_files_and_all_are_checked_from_then_on(
    owner: Owner,
) -> None:
    with hub_of(SPEECH, small_files=SMALL_FILES).open() as hub:
        status, said = owner.types(hub, "pull", SPEECH)
    assert (status, "licence MIT" in said, "4 files" in said) == (0, True, True)
    store = Store(owner.models)
    assert store.path_of(SPEECH) == owner.models / SPEECH
    assert store.find(SPEECH).task == "speech-to-text"
    for name, content in {**SMALL_FILES, "model.bin": CONTENT}.items():
        assert (owner.models / SPEECH / name).read_bytes() == content
    (owner.models / SPEECH / "vocabulary.json").write_bytes(b'["a", "c"]')
    assert owner.types(hub, "verify", SPEECH)[0] == 1


def test_a_small_file_that_is_not_the_described_one_is_refused(owner: Owner) -> None:
    wrong = {"tokenizer.json": b'{"version": "6.6"}'}
    with hub_of(SPEECH, small_files=SMALL_FILES, delivered_small=wrong).open() as hub:
        status, said = owner.types(hub, "pull", SPEECH)
    assert (status, "tokenizer.json is not the file that the hub describes" in said) == (1, True)
    assert not (owner.models / SPEECH).exists()


def test_a_repository_without_one_of_the_files_is_refused_by_its_name(owner: Owner) -> None:
    with hub_of(SPEECH, small_files={"config.json": b"{}"}).open() as hub:
        status, said = owner.types(hub, "pull", SPEECH)
    assert (status, "has no tokenizer.json" in said) == (1, True)
