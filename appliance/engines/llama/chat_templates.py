"""Chat templates: the text around a system prompt, questions and answers, by model family."""

from __future__ import annotations

import contextlib
import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RENDER_LIMIT_S = 5.0
"""Limit of processor time for one text, in seconds; a real template needs a millisecond."""

MARK = "\ue000"
"""Mark around the number that stands for a text while a template is rendered; it is never typed."""

PLAIN = """\
{%- for m in messages -%}
{%- if m.role == 'system' %}{{ m.content }}

{% elif m.role == 'user' %}Question: {{ m.content }}
{% else %}Answer: {{ m.content }}
{% endif -%}
{%- endfor -%}
Answer:"""

CHATML = """\
{%- for m in messages -%}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}<|im_start|>assistant

"""

GEMMA = """\
{{ bos_token }}{%- for m in messages -%}
{%- if m.role == 'system' %}{{ raise_exception('there is no system role') }}{% endif -%}
<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}
{{ m.content }}<end_of_turn>
{% endfor %}<start_of_turn>model

"""

LLAMA_3 = """\
{{ bos_token }}{%- for m in messages -%}
<|start_header_id|>{{ m.role }}<|end_header_id|>

{{ m.content }}<|eot_id|>{% endfor %}<|start_header_id|>assistant<|end_header_id|>


"""

PHI_3 = """\
{%- for m in messages -%}<|{{ m.role }}|>
{{ m.content }}<|end|>
{% endfor %}<|assistant|>

"""

MISTRAL = """\
{{ bos_token }}{%- for m in messages -%}
{%- if m.role == 'system' %}{{ raise_exception('there is no system role') }}
{%- elif m.role == 'user' %}[INST] {{ m.content }} [/INST]
{%- else %} {{ m.content }}{{ eos_token }}{% endif -%}
{% endfor %}"""

BUILT_IN = {
    "plain": PLAIN,
    "chatml": CHATML,
    "gemma": GEMMA,
    "llama-3": LLAMA_3,
    "phi-3": PHI_3,
    "mistral": MISTRAL,
}
"""Templates by their name in the configuration. SmolLM2 and Qwen use ChatML; OpenELM has none.

A template's last line break is not part of it, so those that end with one have two.
"""

FIXED_DATE = datetime(2024, 7, 26, tzinfo=UTC)
"""Fixed date for templates that ask for one; today's would change the cached prefix every day."""


class Chat:
    """A chat template of one model, cut into the pieces around what people said."""

    def __init__(self, template: str, *, begin: str, end: str) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        self._names = {
            "bos_token": begin,
            "eos_token": end,
            "add_generation_prompt": True,
            "raise_exception": _refuse,
            "strftime_now": FIXED_DATE.strftime,
            "tools": None,
        }
        try:
            self._template = environment.from_string(template)
        except TemplateError as error:
            raise ValueError(f"the model's chat template is invalid: {error}") from None

    def between(self, system: str, turns: int) -> list[str]:
        """The pieces before, between and after `turns` texts: questions and answers in turn.

        The last text is a question. What people said is inserted later, as plain text, so that
        a role marker in it never becomes a role.

        Raises:
            ValueError: the template cannot be rendered.

        """
        marks = [f"{MARK}{number}{MARK}" for number in range(turns)]
        roles = ("user", "assistant")
        conversation = [{"role": roles[n % 2], "content": mark} for n, mark in enumerate(marks)]
        separate = [{"role": "system", "content": system}, *conversation]
        merged = [{"role": "user", "content": f"{system}\n\n{marks[0]}"}, *conversation[1:]]
        # Some families have no system role: their template raises, or leaves it out silently.
        for messages in (separate, merged):
            prompt = self._rendered(messages)
            if system.strip() in prompt and all(prompt.count(mark) == 1 for mark in marks):
                return _cut(prompt, marks)
        raise ValueError("the model's chat template cannot be rendered")

    def _rendered(self, messages: list[dict[str, str]]) -> str:
        try:
            with _time_limit():
                return self._template.render(messages=messages, **self._names)
        except TimeoutError:
            raise ValueError(
                f"the model's chat template has no end within {RENDER_LIMIT_S:g} s; name another "
                "one in language_model.chat_template"
            ) from None
        except (TemplateError, SecurityError, ValueError, TypeError, KeyError, IndexError):
            return ""


def choose(named: str, own: str | None) -> str:
    """The template to use: the named one, otherwise the file's own, otherwise the plain one."""
    if named:
        return BUILT_IN[named]
    return own or PLAIN


def _cut(prompt: str, marks: Sequence[str]) -> list[str]:
    pieces = []
    for mark in marks:
        before, _, prompt = prompt.partition(mark)
        pieces.append(before)
    return [*pieces, prompt]


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """TimeoutError after RENDER_LIMIT_S of computing, in the main thread of a process.

    A template is a program, and a sandbox does not bound how long it runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can be interrupted; the model's process renders in its own
        return
    before = signal.signal(signal.SIGVTALRM, _time_is_over)
    signal.setitimer(signal.ITIMER_VIRTUAL, RENDER_LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def _time_is_over(_number: int, _frame: object) -> None:
    raise TimeoutError


def _refuse(message: Any) -> Callable[[], None]:
    raise TemplateError(str(message))
