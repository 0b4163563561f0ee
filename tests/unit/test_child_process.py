"""What the error says about a child process that died."""

from __future__ import annotations

import json
import traceback

import pytest

from appliance.child_process import last_error


def trace(error: Exception) -> str:
    try:
        raise error  # noqa: TRY301 - here, so that the trace names this function
    except Exception:  # noqa: BLE001 - whatever it is
        return "a line before\n" + traceback.format_exc()


def test_the_last_line_of_a_program_is_quoted() -> None:
    assert last_error("loading\nGGML_ASSERT(n > 0) failed\n") == "GGML_ASSERT(n > 0) failed"
    assert last_error("") == last_error(" \n") == ""


@pytest.mark.parametrize(
    "error",
    [
        KeyError("my secret diary entry"),
        ValueError("my secret\ndiary entry"),
        json.JSONDecodeError("my secret diary entry", "diary", 3),
    ],
)
def test_a_python_error_gives_kind_and_place_and_no_word_of_a_request(error: Exception) -> None:
    quoted = last_error(trace(error))
    assert type(error).__name__ in quoted
    assert " at test_child_process.py:" in quoted
    assert "secret" not in quoted
    assert "diary" not in quoted


def test_a_missing_library_is_named() -> None:
    quoted = last_error(trace(ImportError("libgomp.so.1: cannot open shared object file")))
    assert quoted == "ImportError: libgomp.so.1: cannot open shared object file"
