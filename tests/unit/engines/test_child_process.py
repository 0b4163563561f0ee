"""What is told of a process that died."""

from __future__ import annotations

import json
import traceback

import pytest

from appliance.engines.child_process import last_words


def trace(error: Exception) -> str:
    try:
        raise error  # noqa: TRY301 - here, so that the trace names this function
    except Exception:  # noqa: BLE001 - whatever it is
        return "a line before\n" + traceback.format_exc()


def test_a_program_s_last_line_is_told() -> None:
    assert last_words("loading\nGGML_ASSERT(n > 0) failed\n") == "GGML_ASSERT(n > 0) failed"
    assert last_words("") == last_words(" \n") == ""


@pytest.mark.parametrize(
    "error",
    [
        KeyError("my secret diary entry"),
        ValueError("my secret\ndiary entry"),
        json.JSONDecodeError("my secret diary entry", "diary", 3),
    ],
)
def test_of_an_error_kind_and_place_are_told_and_no_word_of_an_order(error: Exception) -> None:
    told = last_words(trace(error))
    assert type(error).__name__ in told
    assert " at test_child_process.py:" in told
    assert "secret" not in told
    assert "diary" not in told


def test_a_library_that_is_not_there_is_named() -> None:
    told = last_words(trace(ImportError("libgomp.so.1: cannot open shared object file")))
    assert told == "ImportError: libgomp.so.1: cannot open shared object file"
