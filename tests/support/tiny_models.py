"""Writes a language model of each family that people use: real form, random weights, some kB.

    python tests/support/tiny_models.py FOLDER

They prove that an architecture loads, answers and is scored; what they say means nothing.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from appliance.engines.llama.chat_templates import BUILT_IN

WIDTH, HEADS, KEYS, HEAD, LAYERS, INNER, CONTEXT = 64, 4, 2, 16, 2, 96, 2048
CONVOLVED = 3
"""Tokens that a short convolution looks at."""


@dataclass(frozen=True)
class Family:
    """How one family differs from the others."""

    architecture: str
    template: str | None
    """Of `chat_templates.BUILT_IN`; what the files of this family carry."""
    markers: tuple[str, ...]
    """Tokens of its vocabulary that make roles."""
    end: str
    words: str = "llama"
    """The tokenizer: `llama` (SentencePiece) or `gpt2` (byte pairs)."""
    cutting: str = "default"
    """How byte pairs are kept apart."""


FAMILIES = {
    "openelm": Family("openelm", None, (), "</s>"),
    "phi-3": Family(
        "phi3", "phi-3", ("<|user|>", "<|system|>", "<|assistant|>", "<|endoftext|>"), "<|end|>"
    ),
    "gemma-3": Family("gemma3", "gemma", ("<start_of_turn>",), "<end_of_turn>"),
    "functiongemma": Family(
        *("gemma3", "gemma", ("<start_of_turn>", "<start_function_call>", "<escape>")),
        "<end_of_turn>",
    ),
    "llama-3": Family(
        *("llama", "llama-3", ("<|start_header_id|>", "<|end_header_id|>"), "<|eot_id|>"),
        words="gpt2",
        cutting="llama-bpe",
    ),
    "mistral": Family("llama", "mistral", ("[INST]", "[/INST]"), "</s>"),
    "smollm2": Family(
        *("llama", "chatml", ("<|im_start|>",), "<|im_end|>"), words="gpt2", cutting="smollm"
    ),
    "qwen2": Family(
        *("qwen2", "chatml", ("<|im_start|>",), "<|im_end|>"), words="gpt2", cutting="qwen2"
    ),
    "qwen3": Family(
        *("qwen3", "chatml", ("<|im_start|>",), "<|im_end|>"), words="gpt2", cutting="qwen2"
    ),
    "lfm2": Family(
        *("lfm2", "chatml", ("<|im_start|>", "<|tool_call_start|>"), "<|im_end|>"),
        words="gpt2",
        cutting="lfm2",
    ),
}


def write(name: str, path: Path) -> Path:
    """A model of the family `name` at `path`."""
    family = FAMILIES[name]
    writer = gguf.GGUFWriter(path, family.architecture)
    writer.add_name(f"tiny random {name}")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(10_000.0)
    per_layer = family.architecture == "openelm"  # its layers may differ in width
    writer.add_head_count([HEADS] * LAYERS if per_layer else HEADS)
    if family.architecture == "lfm2":  # a layer without keys is a short convolution
        writer.add_head_count_kv(
            [KEYS if _attends("lfm2", layer) else 0 for layer in range(LAYERS)]
        )
        writer.add_shortconv_l_cache(CONVOLVED)
    else:
        writer.add_head_count_kv([KEYS] * LAYERS if per_layer else KEYS)
    writer.add_feed_forward_length([INNER] * LAYERS if per_layer else INNER)
    if family.architecture == "gemma3":
        writer.add_sliding_window(512)
    if family.architecture == "phi3":
        writer.add_rope_scaling_orig_ctx_len(CONTEXT)
    tokens = _add_vocabulary(writer, family)
    chance = np.random.default_rng(7)
    for tensor, shape in _tensors(family.architecture, tokens).items():
        values = chance.normal(0.0, 0.3, shape) if len(shape) > 1 else np.ones(shape)
        writer.add_tensor(tensor, values.astype(np.float32))
    _close(writer)
    return path


def write_adapter(path: Path) -> Path:
    """A LoRA adapter for the models of the architecture `llama`."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 16.0)
    chance = np.random.default_rng(8)
    for layer in range(LAYERS):
        name = f"blk.{layer}.attn_q.weight"
        writer.add_tensor(f"{name}.lora_a", chance.normal(0, 0.5, (4, WIDTH)).astype(np.float32))
        writer.add_tensor(
            f"{name}.lora_b", chance.normal(0, 0.5, (HEADS * HEAD, 4)).astype(np.float32)
        )
    _close(writer)
    return path


def _close(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(architecture: str, tokens: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (tokens, WIDTH),
        ("token_embd_norm" if architecture == "lfm2" else "output_norm") + ".weight": (WIDTH,),
    }
    if architecture not in ("openelm", "lfm2"):
        shapes["output.weight"] = (tokens, WIDTH)
    for layer in range(LAYERS):
        mixes = _attention(architecture) if _attends(architecture, layer) else _convolution()
        block = {**mixes, **_feed_forward(architecture)}
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    return shapes


def _attends(architecture: str, layer: int) -> bool:
    """Whether a layer has attention; of LFM2 only some have."""
    return architecture != "lfm2" or layer % 2 == 1


def _convolution() -> dict[str, tuple[int, ...]]:
    return {
        "attn_norm.weight": (WIDTH,),
        "shortconv.conv.weight": (WIDTH, CONVOLVED),
        "shortconv.in_proj.weight": (3 * WIDTH, WIDTH),
        "shortconv.out_proj.weight": (WIDTH, WIDTH),
    }


def _attention(architecture: str) -> dict[str, tuple[int, ...]]:
    own, shared = HEADS * HEAD, KEYS * HEAD
    block: dict[str, tuple[int, ...]] = {
        "attn_norm.weight": (WIDTH,),
        "attn_output.weight": (WIDTH, own),
    }
    if architecture in ("phi3", "openelm"):
        block["attn_qkv.weight"] = (own + 2 * shared, WIDTH)
    else:
        block |= {
            "attn_q.weight": (own, WIDTH),
            "attn_k.weight": (shared, WIDTH),
            "attn_v.weight": (shared, WIDTH),
        }
    if architecture == "qwen2":
        block |= {"attn_q.bias": (own,), "attn_k.bias": (shared,), "attn_v.bias": (shared,)}
    if architecture in ("openelm", "gemma3", "qwen3", "lfm2"):
        block |= {"attn_q_norm.weight": (HEAD,), "attn_k_norm.weight": (HEAD,)}
    if architecture == "gemma3":
        block["post_attention_norm.weight"] = (WIDTH,)
    return block


def _feed_forward(architecture: str) -> dict[str, tuple[int, ...]]:
    block: dict[str, tuple[int, ...]] = {
        "ffn_norm.weight": (WIDTH,),
        "ffn_down.weight": (WIDTH, INNER),
    }
    if architecture == "phi3":
        block["ffn_up.weight"] = (2 * INNER, WIDTH)
    else:
        block |= {"ffn_up.weight": (INNER, WIDTH), "ffn_gate.weight": (INNER, WIDTH)}
    if architecture == "gemma3":
        block["post_ffw_norm.weight"] = (WIDTH,)
    return block


def _add_vocabulary(writer: gguf.GGUFWriter, family: Family) -> int:
    control = ["<s>", "</s>", *family.markers]
    if family.end not in control:
        control.append(family.end)
    kinds = gguf.TokenType
    if family.words == "llama":
        tokens = ["<unk>", *control, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581"]
        types = [kinds.UNKNOWN, *[kinds.CONTROL] * len(control), *[kinds.BYTE] * 256, kinds.NORMAL]
    else:
        tokens = [*_bytes_as_letters(), "th", *control]
        types = [*[kinds.NORMAL] * 257, *[kinds.CONTROL] * len(control)]
        writer.add_tokenizer_pre(family.cutting)
        writer.add_token_merges(["t h"])
    writer.add_tokenizer_model(family.words)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_bos_token_id(tokens.index("<s>"))
    writer.add_eos_token_id(tokens.index(family.end))
    writer.add_add_bos_token(family.words == "llama" or family.cutting == "llama-bpe")
    if family.template:
        writer.add_chat_template(BUILT_IN[family.template])
    return len(tokens)


def _bytes_as_letters() -> list[str]:
    """GPT-2's letters for the 256 bytes: printable ones stand for themselves."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = itertools.count(256)
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for known in FAMILIES:
        print(write(known, folder / f"tiny-{known}.gguf"))
    print(write_adapter(folder / "tiny-adapter.gguf"))
