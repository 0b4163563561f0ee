"""Help and exit statuses of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance import cli


def test_without_a_command_the_help_is_shown_and_it_is_wrong_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main([]) == 2
    shown = capsys.readouterr().out
    assert all(command in shown for command in cli.COMMANDS)


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_every_command_has_a_help_with_the_config_and_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "--config" in shown
    assert f"appliance {command}" in shown.partition("\nExample")[2]


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_a_help_fits_a_terminal_of_80_columns(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_an_unknown_command_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["rnu"])
    assert ended.value.code == 2
    assert "run" in capsys.readouterr().err


def test_to_ask_nothing_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["ask", " "])
    assert ended.value.code == 2
    assert "no words" in capsys.readouterr().err


def test_a_bad_config_ends_with_status_78_and_names_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[log]\nlevel = 'loud'\n")
    assert cli.main(["config", "check", "--config", str(path)]) == 78
    assert "log.level" in capsys.readouterr().err
