"""Notices of the image are shown by `check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance import doctor
from appliance.config import Config
from appliance.doctor.check_result import CheckContext, CheckVerdict
from appliance.system import image_messages


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "notices.json"
    monkeypatch.setenv(image_messages.VARIABLE, f"{path}")
    return path


def test_each_notice_is_a_warning_of_check(file: Path) -> None:
    file.write_text(json.dumps({"notices": ["wifi.txt was refused: no name"]}))
    (answer,) = doctor.examine(CheckContext(Config()), ["image"])
    assert (answer.verdict, answer.found) == (CheckVerdict.WARNING, "wifi.txt was refused: no name")


@pytest.mark.parametrize("content", [None, "", "{", '{"notices": 5}', '{"notices": []}'])
def test_without_notices_there_is_no_answer(file: Path, content: str | None) -> None:
    if content is not None:
        file.write_text(content)
    assert image_messages.read() == []
    assert list(doctor.examine(CheckContext(Config()), ["image"])) == []
