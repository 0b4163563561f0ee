"""Constrained decoding: masks the tokens that would break JSON of a given schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import best_match
from llguidance import LLMatcher, llamacpp

from appliance.engines.llama.bounded_schema import bounded, extracting
from appliance.engines.llama_library import ModelError

if TYPE_CHECKING:
    from llguidance import LLTokenizer
    from numpy.typing import NDArray

    from appliance.engines.llama_library import Weights


LONGEST_MESSAGE = 200
"""Characters of another library's error."""


def tokenizer_of(weights: Weights) -> LLTokenizer:
    """The model's vocabulary for the grammars; making it takes about a second."""
    return llamacpp.lltokenizer_from_vocab(weights.vocabulary)


class JsonMask:
    """The token mask of one JSON Schema, while a text is written."""

    def __init__(
        self, schema: Any, tokenizer: LLTokenizer, extract_from: str | None = None
    ) -> None:
        """ModelError if the schema is invalid, or if no JSON can match it.

        With `extract_from`, all strings and numbers are taken from that text.
        """
        self._validator = _validator_for(schema)
        schema = bounded(schema)
        if extract_from is not None:
            try:
                schema = extracting(schema, extract_from, _fits)
            except ValueError as error:
                raise ModelError(str(error)) from None
        if schema is False:
            raise ModelError("the schema cannot be met: false allows nothing")
        try:
            # No spaces: they are tokens that cost time and say nothing.
            grammar = LLMatcher.grammar_from_json_schema(
                {} if schema is True else schema, overrides={"whitespace_flexible": False}
            )
        except (ValueError, TypeError) as error:
            raise ModelError(f"the schema cannot be met: {_first_line(error)}") from None
        self._matcher = LLMatcher(tokenizer, grammar)
        self._raise_error()

    def masked(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores, with those of tokens that may not come next at minus infinity."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._raise_error()
        allowed = np.unpackbits(bits, bitorder="little")[: len(scores)].astype(bool)
        masked = np.full_like(scores, -np.inf)
        masked[: len(allowed)][allowed] = scores[: len(allowed)][allowed]
        if not np.isfinite(masked).any():
            raise ModelError("the schema cannot be met: no token may come next")
        return masked

    def accept(self, token: int) -> None:
        """Advance by the token that was chosen."""
        self._matcher.consume_token(token)
        self._raise_error()

    def accept_forced(self) -> list[int]:
        """Advance by the tokens that the schema leaves no choice about; returns them."""
        tokens: list[int] = self._matcher.compute_ff_tokens()
        if tokens:
            self._matcher.consume_tokens(tokens)
            self._raise_error()
        return tokens

    @property
    def is_complete(self) -> bool:
        """Whether nothing may follow."""
        return bool(self._matcher.is_stopped())

    def check(self, text: str) -> None:
        """Validate the whole text, independently of the mask; ModelError if it does not match."""
        try:
            self._validator.validate(json.loads(text))
        except json.JSONDecodeError:
            raise ModelError(
                "the JSON was not complete within the maximum number of tokens"
            ) from None
        except ValidationError as error:
            raise ModelError(f"the answer does not match the schema: {error.message}") from None

    def _raise_error(self) -> None:
        if self._matcher.is_error():
            message = _first_line(self._matcher.get_error())
            raise ModelError(f"the schema cannot be met: {message}")


def _validator_for(schema: Any) -> Any:
    if not isinstance(schema, dict | bool):
        raise ModelError("not a JSON Schema: it must be an object, true or false")
    _refuse_external_references(schema)
    kind = validators.validator_for(schema, default=Draft202012Validator)
    error = best_match(kind(kind.META_SCHEMA).iter_errors(schema))
    if error is not None:
        raise ModelError(f"not a JSON Schema: {_described(error)}")
    return kind(schema)


def _fits(schema: Any, value: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))


def _described(error: ValidationError) -> str:
    """The error and its place: `schema.properties.age.type: 'strin' is not one of [...]`."""
    while error.context:  # of alternatives, the one that was meant: its type at least is right
        error = min(error.context, key=lambda one: one.validator == "type")
    path = error.absolute_path
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    message = error.message
    if len(message) > LONGEST_MESSAGE:  # it begins with the whole value
        message = f"{message[: LONGEST_MESSAGE // 2]} ... {message[-LONGEST_MESSAGE // 2 :]}"
    return f"schema{place}: {message}"


def _refuse_external_references(schema: Any) -> None:
    """The validator would fetch them from the network."""
    if isinstance(schema, list):
        for part in schema:
            _refuse_external_references(part)
    elif isinstance(schema, dict):
        for key, part in schema.items():
            if key in ("$ref", "$dynamicRef") and not str(part).startswith("#"):
                raise ModelError(f"external {key} {part!r} is not allowed in a schema")
            _refuse_external_references(part)


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0][:LONGEST_MESSAGE]
