"""Sentences and extra models from the owner's folder."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from appliance_image import folder, toml_text
from appliance_image.errors import Refused

if TYPE_CHECKING:
    from appliance_image.system import System

SENTENCES_BYTES = 16 << 20

YAML = re.compile(r"\.ya?ml(\.txt)?$", re.IGNORECASE)
MODEL_FILES = (".gguf", ".onnx", ".json", ".tflite")
GGUF = b"GGUF"
SPEECH_MODEL = ("model.bin", "config.json", "tokenizer.json")
"""What a folder with a speech model has."""


def sentences(system: System, path: Path) -> str:
    """Take a folder of sentence files if the appliance can read them; else the old ones stay."""
    files = [one for one in folder.tree(path) if YAML.search(one.name)]
    if not files:
        raise Refused(f"{path.name} has no file that ends with .yaml")
    if sum(file.stat().st_size for file in files) > SENTENCES_BYTES:
        raise Refused(f"{path.name} has more than {SENTENCES_BYTES >> 20} MB")
    new, place = system.etc / "sentences.new", system.etc / "sentences"
    shutil.rmtree(new, ignore_errors=True)
    for file in files:
        name = YAML.sub(".yaml", file.relative_to(path).as_posix())
        system.keep(new / name, folder.read_text(file, SENTENCES_BYTES))
    _check_sentences(system, new, path.name)
    _swap(new, place)
    return f"{len(files)} file{'' if len(files) == 1 else 's'} of sentences"


def models(system: System, path: Path) -> str:
    """Take models of the owner's; each is called in config.toml by its bare name."""
    if not path.is_dir():
        raise Refused(f"{path.name} is a file; a folder is wanted")
    place = system.persistent / "models"
    offered = sorted(one for one in path.iterdir() if folder.is_ours(one.name))
    taken = [_take_model(system, one, place) for one in offered]
    for old in place.glob("*"):
        if old.name not in taken:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    return ", ".join(taken) or "none"


def _check_sentences(system: System, new: Path, name: str) -> None:
    config = system.config if system.config.exists() else system.shipped / "config.toml"
    language = toml_text.read(config).get("device", {}).get("language", "en")
    asked = system.appliance.ask(
        *("intents", "check", "--intents", f"{new}", "--language", f"{language}"), config=config
    )
    if asked.returncode != 0:
        lines = (asked.stderr + asked.stdout).strip().replace(f"{new}", name).splitlines()
        raise Refused("; ".join(lines[:5]) or "the sentences could not be checked")


def _take_model(system: System, offered: Path, place: Path) -> str:
    problem = _oddity(offered)
    if problem:
        raise Refused(f"{offered.name}: {problem}")
    name = offered.name.lower()
    target, size = place / name, _size(offered)
    if target.exists() and _marks(target) == _marks(offered):
        return name
    room = system.free_bytes()
    if size > room:
        raise Refused(f"{offered.name} has {size >> 20} MB, and {room >> 20} MB are free")
    new = place / f"{name}.new"
    place.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(new, ignore_errors=True)
    if offered.is_dir():
        shutil.copytree(offered, new, copy_function=_copy)
    else:
        _copy(offered, new)
    os.sync()
    _swap(new, target)
    return name


def _oddity(offered: Path) -> str | None:
    if offered.is_dir():
        there = {path.name.lower() for path in offered.iterdir()}
        lacking = [name for name in SPEECH_MODEL if name not in there]
        return f"a folder with a speech model has {', '.join(lacking)}" if lacking else None
    if offered.suffix.lower() not in MODEL_FILES:
        return f"a model ends with {', '.join(MODEL_FILES)}, or is a folder"
    with offered.open("rb") as file:
        if offered.suffix.lower() == ".gguf" and file.read(len(GGUF)) != GGUF:
            return "it is no GGUF file; was the download whole?"
    return None


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(file.stat().st_size for file in files)


def _marks(path: Path) -> dict[str, tuple[int, int]]:
    """Size and second of each file: a repaired download has the size of the damaged one."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    stats = {f"{one.relative_to(path)}": one.stat() for one in files}
    return {name: (facts.st_size, int(facts.st_mtime)) for name, facts in stats.items()}


def _copy(source: str | Path, target: str | Path) -> None:
    shutil.copyfile(source, target)
    facts = Path(source).stat()
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _swap(new: Path, place: Path) -> None:
    old = place.with_name(place.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if place.is_dir():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)
