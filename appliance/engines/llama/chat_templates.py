"""Chat templates: what surrounds a system prompt, questions and answers, family by family."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PLACE = "\ue000"
"""Begins and ends the number of a text while a template is filled in; no person writes it."""

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
"""By the name in the configuration. SmolLM2 and Qwen speak ChatML; OpenELM has no template.

A template's last line break is not part of it, so those that end with one have two.
"""

UNKNOWN_DATE = datetime(2024, 7, 26, tzinfo=UTC)
"""What a template that asks for the date is told: the date of the day there would make the
prefix another one each day, and it would have to be read again each time."""


class Chat:
    """A template of one model: from turns to texts that lie between what people said."""

    def __init__(self, template: str, *, begin: str, end: str) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        self._names = {
            "bos_token": begin,
            "eos_token": end,
            "add_generation_prompt": True,
            "raise_exception": _refuse,
            "strftime_now": UNKNOWN_DATE.strftime,
            "tools": None,
        }
        try:
            self._template = environment.from_string(template)
        except TemplateError as error:
            raise ValueError(f"the model's chat template cannot be read: {error}") from None

    def between(self, system: str, turns: int) -> list[str]:
        """The texts before, between and behind `turns` texts: questions and answers in turn.

        The last text is a question. What people said is put between the pieces as mere
        characters, so that a role marker in it never becomes a role.

        Raises:
            ValueError: the template cannot be filled in.

        """
        marks = [f"{PLACE}{number}{PLACE}" for number in range(turns)]
        roles = ("user", "assistant")
        said = [{"role": roles[n % 2], "content": mark} for n, mark in enumerate(marks)]
        apart = [{"role": "system", "content": system}, *said]
        merged = [{"role": "user", "content": f"{system}\n\n{marks[0]}"}, *said[1:]]
        # Some families know no system role: they raise, or leave it out without a word.
        for messages in (apart, merged):
            prompt = self._filled(messages)
            if system.strip() in prompt and all(prompt.count(mark) == 1 for mark in marks):
                return _cut(prompt, marks)
        raise ValueError("the model's chat template cannot be filled in")

    def _filled(self, messages: list[dict[str, str]]) -> str:
        try:
            return self._template.render(messages=messages, **self._names)
        except (TemplateError, SecurityError, ValueError, TypeError, KeyError, IndexError):
            return ""


def choose(named: str, own: str | None) -> str:
    """The template to use: the named one, else the file's own, else the plain one."""
    if named:
        return BUILT_IN[named]
    return own or PLAIN


def _cut(prompt: str, marks: Sequence[str]) -> list[str]:
    pieces = []
    for mark in marks:
        before, _, prompt = prompt.partition(mark)
        pieces.append(before)
    return [*pieces, prompt]


def _refuse(message: Any) -> Callable[[], None]:
    raise TemplateError(str(message))
