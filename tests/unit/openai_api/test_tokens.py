"""Tokens: kept as hashes, looked up, withdrawn, and read again when the file changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import ApplianceError
from appliance.openai_api.tokens import FILE, ClientTokens


def test_a_token_is_that_of_its_client_and_is_not_on_the_disk(tmp_path: Path) -> None:
    tokens = ClientTokens(tmp_path)
    one, other = tokens.add("open-webui"), tokens.add("n8n")
    assert (tokens.client_of(one), tokens.client_of(other)) == ("open-webui", "n8n")
    assert one not in (tmp_path / FILE).read_text()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("token", ["", "apl-", "x" * 10_000, "ä"])
def test_another_token_is_nobodys(tmp_path: Path, token: str) -> None:
    tokens = ClientTokens(tmp_path)
    tokens.add("open-webui")
    assert tokens.client_of(token) is None


def test_a_change_by_another_process_counts_at_once(tmp_path: Path) -> None:
    server, command = ClientTokens(tmp_path), ClientTokens(tmp_path)
    token = command.add("n8n")
    assert server.client_of(token) == "n8n"
    assert command.remove("n8n")
    assert server.client_of(token) is None
    assert not command.remove("n8n")


def test_a_name_has_one_token(tmp_path: Path) -> None:
    tokens = ClientTokens(tmp_path)
    tokens.add("n8n")
    with pytest.raises(ApplianceError, match="remove it first"):
        tokens.add("n8n")


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "a" * 65, "a\n"])
def test_a_name_that_would_confuse_a_log_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ApplianceError, match="letters"):
        ClientTokens(tmp_path).add(name)


def test_a_damaged_file_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(ApplianceError, match="damaged"):
        ClientTokens(tmp_path).client_of("x")
