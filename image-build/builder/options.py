"""What the owner asks of a build, on the command line."""

from __future__ import annotations

import argparse
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]

BOARDS = ("pi4", "pi5", "virt")

CATALOGUE = REPOSITORY / "appliance/models/catalogue.toml"

ABOUT = """\
Makes a card image with Debian 13, the appliance, a broker, models and sentences inside. It needs no
network once it is on a board. Run it as root on a Debian-like machine (x86-64 or arm64) with
mmdebstrap and 12 GB of free disk; packages come from the mirror and the index that this machine's
own apt and pip use.
"""

EXAMPLES = """\
examples:
  sudo image-build/build                              one image for all boards, in ./image
  sudo image-build/build --board pi5 --models whisper-base smollm2-135m-instruct
  sudo image-build/build --intents my-sentences --config my-config.toml --output /srv/out
  sudo image-build/build --from 70-image              make the last two stages again
  sudo image-test --image image                       boot it in emulation, without a network

Stages are kept in the cache and made again when what goes into them has changed; an interrupted
build goes on where it was. Flash the result:
  bmaptool copy image/appliance.img.gz /dev/sdX      or any flasher that takes a .img.gz file
""".replace("image-test --image image", "image-build/test --image image")


@dataclass(frozen=True, slots=True)
class Options:
    """A build as the owner wants it."""

    boards: tuple[str, ...]
    models: tuple[str, ...]
    models_from: Path | None
    intents: Path | None
    config: Path
    output: Path
    cache: Path
    signing_key: Path | None
    reuse_debian: bool
    again_from: str
    only: str
    compress: bool


def parse(arguments: list[str]) -> Options:
    """The options; ends the program with status 2 and a sentence where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="image-build/build",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add(parser)
    found = parser.parse_args(arguments)
    for name in ("models_from", "intents"):
        folder = getattr(found, name)
        if folder is not None and not folder.is_dir():
            parser.error(f"--{name.replace('_', '-')}: there is no folder {folder}")
    for name in ("config", "signing_key"):
        file = getattr(found, name)
        if file is not None and not file.is_file():
            parser.error(f"--{name.replace('_', '-')}: there is no file {file}")
    try:
        tomllib.loads(found.config.read_text())
    except ValueError as error:
        parser.error(f"--config: {found.config} is no TOML: {error}")
    known = [model["name"] for model in known_models()]
    if unknown := [name for name in found.models or () if name not in known]:
        there_are = ", ".join(sorted(known))
        parser.error(f"--models: no model is called {', '.join(unknown)}; there are {there_are}")
    return Options(
        boards=tuple(dict.fromkeys(found.board or BOARDS)),
        models=tuple(found.models or ()),
        models_from=_whole(found.models_from),
        intents=_whole(found.intents),
        config=found.config.resolve(),
        output=found.output.resolve(),
        cache=found.cache.resolve(),
        signing_key=_whole(found.signing_key),
        reuse_debian=found.reuse_debian,
        again_from=found.again_from,
        only=found.until,
        compress=found.compress,
    )


def known_models() -> list[dict[str, Any]]:
    """What the product knows of each model: name, files with their sha256, licence."""
    models: list[dict[str, Any]] = tomllib.loads(CATALOGUE.read_text())["models"]
    return models


def _whole(path: Path | None) -> Path | None:
    return path.resolve() if path else None


def _add(parser: argparse.ArgumentParser) -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "appliance/image"
    add = parser.add_argument
    add("--board", action="append", choices=BOARDS, help="may be given again; default: all three")
    add(
        "--models",
        nargs="+",
        metavar="NAME",
        help="of `appliance models list`; default: those that the configuration names",
    )
    add(
        "--models-from",
        type=Path,
        metavar="DIR",
        help="a folder with models that were pulled already; they are checked all the same",
    )
    add("--intents", type=Path, metavar="DIR", help="your sentences; default: the starter set")
    add(
        "--config",
        type=Path,
        metavar="FILE",
        default=REPOSITORY / "config.toml",
        help="what every device of this image starts with; default: config.toml",
    )
    add("--output", type=Path, metavar="DIR", default=Path("image"), help="default: ./image")
    add("--cache", type=Path, metavar="DIR", default=cache, help="default: %(default)s")
    add(
        "--signing-key",
        type=Path,
        metavar="FILE",
        help="the private key (PEM, Ed25519) of your updates; default: one that is made once in "
        "the cache; keep it, for a device takes updates of its own key only",
    )
    add(
        "--reuse-debian",
        action="store_true",
        help="take the cached Debian even if the archive has newer packages",
    )
    add(
        "--from",
        dest="again_from",
        default="",
        metavar="STAGE",
        help="make it and all after it again",
    )
    add("--until", default="", metavar="STAGE", help="stop after this stage")
    add(
        "--no-compress",
        dest="compress",
        action="store_false",
        help="leave out appliance.img.gz, which takes a minute",
    )
