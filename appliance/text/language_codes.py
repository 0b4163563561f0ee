"""Codes of languages: `pt-BR` is a kind of `pt`, and Whisper calls some by another code."""

from __future__ import annotations

WHISPER_CODES = {"nb": "no", "jv": "jw"}
"""Languages that have another code in Whisper than in ISO 639 and in Home Assistant."""


def family(language: str) -> str:
    """The language without its script and region: `pt` of `pt-BR`."""
    return language.partition("-")[0]


def whisper_code(language: str) -> str:
    """Whisper's code of a language: `no` for `nb`, `zh` for `zh-CN`."""
    return WHISPER_CODES.get(family(language), family(language))
