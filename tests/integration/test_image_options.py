"""What is asked of a build is checked before any of its stages, which take minutes."""

from __future__ import annotations

from pathlib import Path

import pytest
from builder import options


def test_a_build_takes_the_shipped_configuration_for_all_boards() -> None:
    asked = options.parse([])
    assert asked.boards == ("pi4", "pi5", "virt")
    assert asked.config.name == "config.toml"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--models", "whisper-tiny.en", "wisper-base"], "no model is called wisper-base; there"),
        (["--config", "broken.toml"], "broken.toml is no TOML: "),
        (["--config", "binary.toml"], "binary.toml is no TOML: "),
        (["--config", "absent.toml"], "there is no file absent.toml"),
        (["--intents", "absent"], "there is no folder absent"),
        (["--board", "pi3"], "invalid choice: 'pi3'"),
    ],
)
def test_what_cannot_be_built_is_told_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.toml").write_text("[speech\n")
    Path("binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SystemExit) as ended:
        options.parse(arguments)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err
