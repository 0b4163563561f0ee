"""Renders the templates of devices safely, with an allow list and limits on cost.

A template is foreign code. It is parsed, each node of its syntax tree is checked against an allow
list, and each operation whose result could grow (concatenation, a filter, a call) is done by a
function of ours that counts its size. There are no loops, so time and memory are bounded by
`TEMPLATE_BYTES` times `VALUE_UNITS` at most, and by `TOTAL_UNITS` in practice.
"""

from __future__ import annotations

import ast
import contextlib
import functools
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from appliance.devices.template_functions import FILTERS, FUNCTIONS, METHODS, TESTS
from appliance.devices.template_limits import Budget, current_budget, measured
from appliance.errors import TemplateFailed, UnsafeTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

import msgspec

TEMPLATE_BYTES = 4096
DEPTH = 30
"""Maximum depth of the syntax tree."""

PAYLOAD_BYTES = 65_536
"""Maximum length of a payload; longer ones are not rendered."""

CACHED = 1024
"""Number of cached compiled templates; a publisher sends the same few for all its devices."""

ALLOWED_NODES: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Keyword),
    *(nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Getattr, nodes.Getitem, nodes.Slice),
    *(nodes.Filter, nodes.Test, nodes.Call, nodes.CondExpr, nodes.If, nodes.Assign),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat),
)

NEEDS_HOME_ASSISTANT = frozenset(
    {"this", "states", "state_attr", "is_state", "is_state_attr", "has_value", "expand", "hass"}
)
"""Names of functions for states of other devices, which only Home Assistant knows."""

CONCAT, METHOD = "concat_", "method_"
"""Names of our functions for `~` and for a method; no template can use these names."""

UNDEFINED_TESTS = frozenset({"defined", "undefined"})


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja with the operators that can grow under our control."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _check_operands(operator, left, right)
        measured(left, right)
        return measured(super().call_binop(context, operator, left, right))


def _check_operands(operator: str, left: Any, right: Any) -> None:
    if operator in "*%" and not (_is_number(left) and _is_number(right)):
        raise UnsafeTemplate(f"{operator} is allowed for numbers only")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, jinja2.Undefined))


def _finalize(value: Any) -> Any:
    return measured(value)


def _concat(*parts: Any) -> str:
    return str(measured("".join([str(measured(part)) for part in parts])))


def _method(owner: Any, name: str, *args: Any, **named: Any) -> Any:
    measured(owner, *args)
    return measured(METHODS[name](owner, *args, **named))


def _new_environment(undefined: type[jinja2.Undefined]) -> _Environment:
    environment = _Environment(
        optimized=False,  # the optimizer computes while it compiles
        finalize=_finalize,
        cache_size=0,
        undefined=undefined,
    )
    environment.globals = {**FUNCTIONS, CONCAT: _concat, METHOD: _method}
    environment.filters = dict(FILTERS)
    environment.tests = dict(TESTS)
    return environment


ENVIRONMENT = _new_environment(jinja2.Undefined)
STRICT_ENVIRONMENT = _new_environment(jinja2.StrictUndefined)
"""A missing value, which raises an error instead of being an empty text."""


class DeviceTemplate:
    """One template of a device; compiled at its first use."""

    def __init__(self, text: str, *, strict: bool = False) -> None:
        """Check the template; a `strict` one fails if a value is missing.

        Raises:
            UnsafeTemplate: it cannot be parsed, or uses more than is allowed.

        """
        if len(text.encode("utf-8", "replace")) > TEMPLATE_BYTES:
            raise UnsafeTemplate(f"the template has more than {TEMPLATE_BYTES} bytes")
        self.text = text.strip()
        self._strict = strict
        self._is_static = not any(mark in text for mark in ("{{", "{%", "{#"))
        if not self._is_static:
            _checked_tree(self.text)

    def render(self, variables: Mapping[str, Any]) -> str:
        """The text, without white space around it.

        Raises:
            TemplateFailed: a value is missing (`is_defined`, an unknown key of an unknown key).
            UnsafeTemplate: it costs too much.
            ValueError, TypeError and others: as the functions in it raise them.

        """
        if self._is_static:
            return self.text
        token = current_budget.set(Budget())
        try:
            # Undefined values and refused operations are both errors of Jinja.
            rendered = _compiled(self.text, strict=self._strict).render(variables)
        except jinja2.TemplateError as error:
            raise TemplateFailed(str(error)) from error
        except (RecursionError, MemoryError) as error:
            raise UnsafeTemplate("the template needs too much memory") from error
        finally:
            current_budget.reset(token)
        return str(rendered.strip())

    def render_value(self, payload: str, variables: Mapping[str, Any]) -> str:
        """Render a received payload, with `value` and, if it is JSON, `value_json`."""
        if len(payload) > PAYLOAD_BYTES:
            raise UnsafeTemplate(f"the payload has more than {PAYLOAD_BYTES} bytes")
        values = {**variables, "value": payload}
        with contextlib.suppress(msgspec.DecodeError, ValueError, RecursionError):
            values["value_json"] = msgspec.json.decode(payload)
        return self.render(values)

    def render_command(self, variables: Mapping[str, Any]) -> str | bytes:
        """Render a command; what looks like a Python bytes literal becomes bytes."""
        rendered = self.render(variables)
        if rendered.startswith(("b'", 'b"')):
            with contextlib.suppress(ValueError, SyntaxError, MemoryError):
                literal = ast.literal_eval(rendered)
                if isinstance(literal, bytes):
                    return literal
        return rendered


@functools.lru_cache(maxsize=CACHED)
def _compiled(text: str, *, strict: bool) -> jinja2.Template:
    environment = STRICT_ENVIRONMENT if strict else ENVIRONMENT
    try:
        return environment.from_string(_checked_tree(text))
    except jinja2.TemplateError as error:
        raise UnsafeTemplate(f"the template is not valid: {error}") from error
    except (SyntaxError, ValueError, RecursionError, OverflowError) as error:
        raise UnsafeTemplate(f"the template cannot be compiled: {error}") from error


def _checked_tree(text: str) -> nodes.Template:
    try:
        tree = ENVIRONMENT.parse(text)
    except jinja2.TemplateError as error:
        raise UnsafeTemplate(f"the template is not valid: {error}") from error
    except (RecursionError, ValueError) as error:  # an integer of 5,000 digits is a ValueError
        raise UnsafeTemplate("the template is nested too deeply, or has a huge number") from error
    return _Checker().checked_template(tree)


class _Checker:
    """Walks a tree, refuses nodes that are not on the allow list, and inserts our functions."""

    def checked_template(self, tree: nodes.Template) -> nodes.Template:
        self._visit(tree, 0)
        return tree

    def _visit(self, node: nodes.Node, depth: int) -> nodes.Node:
        if depth > DEPTH:
            raise UnsafeTemplate(f"the template is nested more than {DEPTH} levels")
        if not isinstance(node, ALLOWED_NODES):
            raise UnsafeTemplate(f"{type(node).__name__.lower()} is not allowed in a template")
        check = getattr(self, f"_check_{type(node).__name__.lower()}", None)
        if check is not None:
            check(node)
        for name, value in node.iter_fields():
            if isinstance(value, list):
                changed = [self._item(item, depth) for item in value]
                setattr(node, name, changed)
            elif isinstance(value, nodes.Node):
                setattr(node, name, self._visit(value, depth + 1))
        return self._replaced(node)

    def _item(self, item: Any, depth: int) -> Any:
        return self._visit(item, depth + 1) if isinstance(item, nodes.Node) else item

    def _replaced(self, node: nodes.Node) -> nodes.Node:
        """The node, with a growing operation done by our function."""
        if isinstance(node, nodes.Concat):
            return self._call(CONCAT, node.nodes, [], node.lineno)
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            name = nodes.Const(node.node.attr, lineno=node.lineno)
            return self._call(METHOD, [node.node.node, name, *node.args], node.kwargs, node.lineno)
        return node

    @staticmethod
    def _call(
        name: str, args: list[nodes.Expr], named: list[nodes.Keyword], lineno: int
    ) -> nodes.Call:
        function = nodes.Name(name, "load", lineno=lineno)
        call = nodes.Call(function, args, named, None, None, lineno=lineno)
        call.set_environment(ENVIRONMENT)
        function.set_environment(ENVIRONMENT)
        return call

    @staticmethod
    def _check_name(node: nodes.Name) -> None:
        if node.name in NEEDS_HOME_ASSISTANT:
            raise UnsafeTemplate(f"{node.name} needs Home Assistant")
        if node.name in (CONCAT, METHOD):
            raise UnsafeTemplate(f"{node.name} is not allowed in a template")
        if node.ctx != "load" and node.name in FUNCTIONS:
            raise UnsafeTemplate(f"{node.name} cannot be set: it is a function")

    @staticmethod
    def _check_call(node: nodes.Call) -> None:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise UnsafeTemplate("* and ** are not allowed in a call")
        if isinstance(node.node, nodes.Name):
            if node.node.name not in FUNCTIONS:
                what = "needs Home Assistant, or is unknown"
                raise UnsafeTemplate(f"the function {node.node.name} {what}")
        elif not isinstance(node.node, nodes.Getattr) or node.node.attr not in METHODS:
            raise UnsafeTemplate("only known functions and methods can be called")

    @staticmethod
    def _check_filter(node: nodes.Filter) -> None:
        if node.node is None or node.dyn_args is not None or node.dyn_kwargs is not None:
            raise UnsafeTemplate("a filter needs a value before it")
        if node.name not in FILTERS:
            raise UnsafeTemplate(f"the filter {node.name} is not supported")

    @staticmethod
    def _check_test(node: nodes.Test) -> None:
        if node.name not in TESTS or node.dyn_args is not None or node.dyn_kwargs is not None:
            raise UnsafeTemplate(f"the test {node.name} is not supported")

    @staticmethod
    def _check_const(node: nodes.Const) -> None:
        if isinstance(node.value, int) and abs(node.value) >= 10**10:
            raise UnsafeTemplate("a number in a template has ten digits at most")

    @staticmethod
    def _check_assign(node: nodes.Assign) -> None:
        if not isinstance(node.target, nodes.Name):
            raise UnsafeTemplate("set can give a value to one name only")
