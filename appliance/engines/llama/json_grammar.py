"""Which tokens may come next, so that only JSON of a given schema can be written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators
from llguidance import LLMatcher, llamacpp

from appliance.engines.llama_library import ModelError

if TYPE_CHECKING:
    from llguidance import LLTokenizer
    from numpy.typing import NDArray

    from appliance.engines.llama_library import Weights

SEPARATORS = (",", ":")
"""Between JSON's parts: spaces are tokens that cost time and say nothing."""


def vocabulary_of(weights: Weights) -> LLTokenizer:
    """The model's vocabulary as the grammars need it; takes a second, so it is kept."""
    return llamacpp.lltokenizer_from_vocab(weights.vocabulary)


class JsonOf:
    """JSON of one schema, token by token."""

    def __init__(self, schema: Any, vocabulary: LLTokenizer) -> None:
        self._checker = _checked(schema)
        if schema is False:
            raise ModelError("the schema cannot be met: false allows nothing")
        try:
            grammar = LLMatcher.grammar_from_json_schema(
                {} if schema is True else schema, overrides={"whitespace_flexible": False}
            )
        except (ValueError, TypeError) as error:
            raise ModelError(f"the schema cannot be met: {_first_line(error)}") from None
        self._matcher = LLMatcher(vocabulary, grammar)
        self._complain()

    def allow(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores with everything that may not come next at minus infinity."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._complain()
        allowed = np.unpackbits(bits, bitorder="little")[: len(scores)].astype(bool)
        masked = np.full_like(scores, -np.inf)
        masked[: len(allowed)][allowed] = scores[: len(allowed)][allowed]
        if not np.isfinite(masked).any():
            raise ModelError("the schema cannot be met: nothing may come next")
        return masked

    def take(self, token: int) -> None:
        """The token that came."""
        self._matcher.consume_token(token)
        self._complain()

    def forced(self) -> list[int]:
        """Tokens that the schema leaves no choice about; they are taken."""
        tokens: list[int] = self._matcher.compute_ff_tokens()
        if tokens:
            self._matcher.consume_tokens(tokens)
            self._complain()
        return tokens

    @property
    def over(self) -> bool:
        """Whether nothing may follow."""
        return bool(self._matcher.is_stopped())

    def check(self, text: str) -> None:
        """ModelError unless `text` is JSON of the schema, whatever the grammar thought."""
        try:
            self._checker.validate(json.loads(text))
        except json.JSONDecodeError:
            raise ModelError("the JSON was not complete within the tokens allowed") from None
        except ValidationError as error:
            raise ModelError(f"what was written is not of the schema: {error.message}") from None

    def _complain(self) -> None:
        if self._matcher.is_error():
            message = _first_line(self._matcher.get_error())
            raise ModelError(f"the schema cannot be met: {message}")


def _checked(schema: Any) -> Any:
    if not isinstance(schema, dict | bool):
        raise ModelError("the schema is no JSON Schema: it is an object, or true or false")
    _refuse_far_references(schema)
    kind = validators.validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        where = "".join(f".{part}" for part in error.absolute_path)
        raise ModelError(f"the schema is no JSON Schema: {where} {error.message}") from None
    return kind(schema)


def _refuse_far_references(schema: Any) -> None:
    """A schema is never fetched from anywhere: not a byte leaves."""
    if isinstance(schema, list):
        for part in schema:
            _refuse_far_references(part)
    elif isinstance(schema, dict):
        for key, part in schema.items():
            if key in ("$ref", "$dynamicRef") and not str(part).startswith("#"):
                raise ModelError(f"the schema cannot be met: {key} {part!r} leads out of it")
            _refuse_far_references(part)


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0][:200]
