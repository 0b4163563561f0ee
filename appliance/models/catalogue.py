"""The catalogue: which models there are, of which files, and where each may be had."""

from __future__ import annotations

import difflib
import functools
from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.errors import ModelMissing

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Meta(pattern=r"^[0-9a-f]{40}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""No separator and no leading dot, so that a name never leads out of the model's folder."""


CONVERTER = "convert_hf_to_gguf.py"
"""Of llama.cpp: weights as the hub has them → a GGUF file."""


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of catalogue.toml."""


class File(_Entry, frozen=True):
    """A published file: what it must be, wherever it comes from."""

    bytes: Annotated[int, Meta(ge=1)]
    sha256: Sha256


class Package(_Entry, frozen=True):
    """An installable package that carries files of a model, or parts of them."""

    name: str
    version: str
    bytes: Annotated[int, Meta(ge=1)]
    """Of the package itself, as it is downloaded."""
    sha256: Sha256
    members: dict[FileName, str]
    """File of the model → path inside the package."""


class Hub(_Entry, frozen=True):
    """A repository on the model hub, at one commit."""

    repository: str
    revision: Commit


class Model(_Entry, frozen=True):
    """A model that can be pulled."""

    name: FileName
    family: str
    task: Literal["speech-to-text", "language-model"]
    form: Literal["ctranslate2", "gguf"]
    licence: str
    languages: tuple[str, ...]
    """ISO 639 codes; `mul` where there are too many to name."""
    memory_mb: int
    files: dict[FileName, File]
    packages: tuple[Package, ...] = ()
    hub: Hub | None = None

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files.values())

    @property
    def opened_as(self) -> str:
        """What an engine opens, below the model's folder: the GGUF file, or "" for the folder."""
        return next((name for name in self.files if name.endswith(".gguf")), "")


class ByHand(_Entry, frozen=True):
    """A language model that is known to run, and that the owner fetches."""

    name: FileName
    family: str
    repository: str
    """On the model hub."""
    file: FileName
    quantisation: str
    licence: str
    file_mb: Annotated[int, Meta(ge=1)]
    memory_mb: Annotated[int, Meta(ge=1)]
    board: str
    """What it suits."""
    chat_template: Literal["plain", "chatml", "gemma", "llama-3", "phi-3", "mistral"]
    """For a file that brings none of its own."""
    converted: bool = False
    """`repository` has the weights, and no GGUF: the owner makes `file` of them."""

    @property
    def whence(self) -> str:
        """Where its file comes from."""
        if self.converted:
            return f"{self.file}, made of {self.repository} with llama.cpp's {CONVERTER}"
        return f"{self.file} from {self.repository}"


class _Catalogue(_Entry, frozen=True):
    models: tuple[Model, ...]
    by_hand: tuple[ByHand, ...] = ()


@functools.cache
def _read() -> _Catalogue:
    text = resources.files(__package__).joinpath("catalogue.toml").read_bytes()
    return msgspec.toml.decode(text, type=_Catalogue)


@functools.cache
def models() -> dict[str, Model]:
    """Every model of the catalogue that can be pulled, by name."""
    return {model.name: model for model in _read().models}


@functools.cache
def by_hand() -> dict[str, ByHand]:
    """The models that their owner fetches, by name."""
    return {model.name: model for model in _read().by_hand}


def find(name: str) -> Model:
    """The model of that name; ModelMissing, with what was perhaps meant, if there is none."""
    try:
        return models()[name]
    except KeyError:
        raise ModelMissing(unknown(name)) from None


def unknown(name: str) -> str:
    """What to say of a name that the catalogue does not hold."""
    if model := by_hand().get(name):
        return (
            f"{name} is not fetched for you ({model.licence}): put {model.whence} "
            "on the board and give its path as language_model.model"
        )
    near = difflib.get_close_matches(name, models(), n=2, cutoff=0.5)
    if near:
        return f"no model is called {name!r}; did you mean {' or '.join(near)}?"
    return f"no model is called {name!r}; there are: {', '.join(models())}"
