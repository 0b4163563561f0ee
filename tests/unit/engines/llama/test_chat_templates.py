"""Each built-in chat template is the one that its model family was trained on."""

from __future__ import annotations

import pytest

from appliance.engines.llama import chat_templates
from appliance.engines.llama.chat_templates import BUILT_IN, Chat, choose
from appliance.models import catalogue

AS_TRAINED = {
    "chatml": (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n",
        "<|im_end|>\n<|im_start|>user\n",
    ),
    "gemma": (
        "<s><start_of_turn>user\nBe kind.\n\n",
        "<end_of_turn>\n<start_of_turn>model\n",
        "<end_of_turn>\n<start_of_turn>user\n",
    ),
    "llama-3": (
        (
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind."
            "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
        ),
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
    ),
    "phi-3": (
        "<|system|>\nBe kind.<|end|>\n<|user|>\n",
        "<|end|>\n<|assistant|>\n",
        "<|end|>\n<|user|>\n",
    ),
    "mistral": ("<s>[INST] Be kind.\n\n", " [/INST]", "</s>[INST] "),
    "plain": ("Be kind.\n\nQuestion: ", "\nAnswer:", "\nQuestion: "),
}
"""The pieces before the first text, before an answer, and after one."""


def between(template: str, turns: int = 3) -> list[str]:
    return Chat(template, begin="<s>", end="</s>").between("Be kind.", turns)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_template_is_what_its_family_was_trained_on(name: str) -> None:
    before, answer, after = AS_TRAINED[name]
    pieces = between(BUILT_IN[name])
    # The space that some templates put before an answer belongs to the answer here.
    assert [pieces[0], pieces[1].rstrip(" "), pieces[2], pieces[3].rstrip(" ")] == [
        *(before, answer.rstrip(" "), after, answer.rstrip(" "))
    ]


@pytest.mark.parametrize(
    "model",
    [one for one in catalogue.hub_models().values() if one.task == "language-model"],
    ids=lambda model: model.name,
)
def test_a_model_of_the_catalogue_has_the_template_of_its_family(
    model: catalogue.HubModel,
) -> None:
    families = {
        "llama-3": "llama-3",
        "phi-3": "phi-3",
        "gemma": "gemma",
        "mistral": "mistral",
        "qwen": "chatml",
        "lfm2": "chatml",
        "openelm": "plain",
    }
    assert model.chat_template == families[model.family]
    assert between(choose(model.chat_template, None))[0].endswith(
        AS_TRAINED[model.chat_template][0]
    )


def test_the_named_template_comes_first_then_the_file_s_own_then_the_plain_one() -> None:
    own = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    assert choose("", own) == own
    assert choose("chatml", own) == BUILT_IN["chatml"]
    assert choose("", None) == BUILT_IN["plain"]


def test_a_template_without_a_system_role_gets_the_system_prompt_in_the_first_question() -> None:
    without = (
        "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    )
    assert between(without, turns=1)[0] == "<user>Be kind.\n\n"


@pytest.mark.parametrize("template", ["{{ nothing.here.at.all }}", "{% for %}", "always the same"])
def test_a_template_that_cannot_be_rendered_is_an_error(template: str) -> None:
    with pytest.raises(ValueError, match=r"chat template (is invalid|cannot be rendered)"):
        between(template)


def test_a_template_cannot_access_the_program() -> None:
    with pytest.raises(ValueError, match="cannot be rendered"):
        between("{{ ''.__class__.__mro__ }}{% for m in messages %}{{ m.content }}{% endfor %}")


def test_a_template_without_end_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chat_templates, "RENDER_LIMIT_S", 0.05)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(ValueError, match=r"has no end within 0\.05 s"):
        Chat(endless, begin="", end="").between("Be kind.", 1)
