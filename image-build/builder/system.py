"""Stage 55: the whole system as it lies on the card, with the product and its models."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from typing import TYPE_CHECKING, Any

from builder import kernel, locks, rootfs, tools, wheels
from builder.facts import build_time, facts, signing_key
from builder.options import REPOSITORY, known_models
from builder.stages import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from builder.stages import Build

NAME = "55-system"
OVERLAY = REPOSITORY / "image-build/overlay"
SLOTS = REPOSITORY / "image-build/slots"
MOSQUITTO = REPOSITORY / "docs/examples/mosquitto"
"""The one access list; the broker of the image has it too."""

MODELS_COMMAND = ("msgspec", "numpy", "psutil")
"""Packages that `appliance models` imports."""

SITE = "opt/appliance/.venv/lib/python3.13/site-packages"
SHARE = "usr/share/appliance"
LIBRARY = "usr/lib/python3.13"

EMPTIED = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
    "boot",
    "var/cache/ldconfig",
    "var/cache/debconf",
)
LEFT_OUT = (
    "etc/ssh/ssh_host_*",
    "etc/apt/sources.list",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "var/lib/dbus/machine-id",
)


def sources() -> list[Path]:
    """What of the repository lies in the system."""
    names = ("appliance", "systemd", "script/install", "pyproject.toml", "README.md", "config.toml")
    return [OVERLAY, SLOTS, MOSQUITTO, *(REPOSITORY / name for name in names)]


def inputs(build: Build) -> dict[str, Any]:
    """What else does."""
    options = build.options
    named = [options.config, signing_key(build), *([options.intents] if options.intents else [])]
    return {
        "models": model_names(build),
        "boards": options.boards,
        "built": build_time(),
        "files": digest_of(named),
    }


def make(build: Build) -> None:
    """The tree `root`."""
    root = build.here / "root"
    for name in (rootfs.NAME, kernel.NAME):
        build.run(
            "cp",
            "--archive",
            "--reflink=auto",
            "--no-target-directory",
            build.folders[name] / "root",
            root,
        )
    _clear(root)
    build.run(
        "cp",
        "--recursive",
        "--no-dereference",
        "--preserve=mode,links",
        "--no-target-directory",
        OVERLAY,
        root,
    )
    _mount_points(root)
    tools.inside(build, "systemd-sysusers", "--root=/tree", binds={"/tree": root})
    _python(build, root)
    build.run(REPOSITORY / "script/install", "--root", root, "--files")
    shutil.copytree(SLOTS / "appliance_image", root / "opt/appliance/image/appliance_image")
    wheels.compile_all(build, root / "opt/appliance/image", "/opt/appliance/image")
    # Debian's own goes by the files' times, which are another here: each start would compile anew.
    wheels.compile_all(build, root / LIBRARY, f"/{LIBRARY}")
    _share(build, root)
    _models(build, root)
    _last_touches(root)


def _clear(root: Path) -> None:
    for name in EMPTIED:
        for path in (root / name).glob("*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for pattern in LEFT_OUT:
        for path in root.glob(pattern):
            path.unlink()


def _mount_points(root: Path) -> None:
    for name in (
        "persistent",
        "boot/config",
        "etc/appliance",
        "var/lib/private/appliance",
        "var/lib/mosquitto",
    ):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "var/lib/private").chmod(0o700)
    (root / "var/lib/private/appliance").chmod(0o700)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    (root / "etc/machine-id").write_text("")
    (root / "etc/hostname").write_text("appliance\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 appliance\n::1 localhost\n")
    (root / "etc/fstab").write_text(
        "# The initrd mounts the root and /persistent; units mount the rest.\n"
    )


def _python(build: Build, root: Path) -> None:
    """A virtual environment such as `python3 -m venv` makes, with the product in it."""
    venv = root / "opt/appliance/.venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").symlink_to("/usr/bin/python3")
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    shutil.copytree(build.folders[wheels.NAME] / "site", root / SITE, symlinks=True)
    source = build.here / "source"
    source.mkdir()
    shutil.copytree(
        REPOSITORY / "appliance", source / "appliance", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, source / name)
    python = build.folders[tools.NAME] / "venv/bin/python"
    build.run(
        *(python, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index"),
        *("--no-compile", "--target", build.here / "product", source),
    )
    product = build.here / "product"
    shutil.rmtree(product / "bin", ignore_errors=True)
    _forget_the_builder(product)
    wheels.compile_all(build, product, f"/{SITE}")
    build.run("cp", "--recursive", "--no-target-directory", product, root / SITE)
    shutil.rmtree(product)
    shutil.rmtree(source)


def _forget_the_builder(product: Path) -> None:
    """Where it was built is no part of it, and would make each machine's image another."""
    address, program = "direct_url.json", "../../bin/"
    for info in product.glob("*.dist-info"):
        (info / address).unlink(missing_ok=True)
        lines = (info / "RECORD").read_text().splitlines(keepends=True)
        kept = [x for x in lines if f"/{address}," not in x and not x.startswith(program)]
        (info / "RECORD").write_text("".join(kept))


def _share(build: Build, root: Path) -> None:
    """What every device of this image starts with."""
    share = root / SHARE
    (share / "sentences").mkdir(parents=True)
    shutil.copy(build.options.config, share / "config.toml")
    build.run("openssl", "pkey", "-in", signing_key(build), "-pubout", "-out", share / "update.pem")
    told = json.dumps(facts(build, model_names(build)), indent=1, sort_keys=True)
    (share / "image.json").write_text(told + "\n")
    if build.options.intents:
        shutil.copytree(build.options.intents, share / "sentences", dirs_exist_ok=True)


def model_names(build: Build) -> list[str]:
    """Those that were asked for, else those that the configuration names."""
    if build.options.models:
        return sorted(build.options.models)
    asked, usual = (
        tomllib.loads(path.read_text())
        for path in (build.options.config, REPOSITORY / "config.toml")
    )
    ears = usual["speech"] | asked.get("speech", {})
    mind = usual["language_model"] | asked.get("language_model", {})
    language = asked.get("device", {}).get("language", "en")
    suits = "whisper-tiny.en" if language.split("-")[0] == "en" else "whisper-base"
    model = suits if ears["model"] == "auto" else ears["model"]
    names = {model, ears.get("second_model") or model}
    if mind["enabled"]:
        names.add(mind["model"])
    return sorted(name for name in names if "/" not in name)


def _models(build: Build, root: Path) -> None:
    """Fetched or copied, then read and checked byte by byte by the product's own command."""
    names = model_names(build)
    store = build.options.cache / "models"
    for name in names:
        theirs = build.options.models_from / name if build.options.models_from else None
        if theirs and theirs.is_dir() and not (store / name).exists():
            shutil.copytree(theirs, store / name, ignore=shutil.ignore_patterns(".*"))
    config = build.here / "models.toml"
    config.write_text(f"[device]\nmodels_directory = {json.dumps(str(store))}\n")
    venv = build.here / "models-venv"
    build.run("python3", "-m", "venv", venv)
    chosen = build.here / "models.lock"
    chosen.write_text(locks.subset(tools.LOCK, list(MODELS_COMMAND)))
    pip = (
        venv / "bin/python",
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--only-binary",
        ":all:",
    )
    build.run(*pip, "-r", chosen)
    command = (venv / "bin/python", "-m", "appliance", "models")
    for action in ("pull", "verify"):
        build.run(*command, action, *names, "--config", config, cwd=REPOSITORY, env=_clean())
    shutil.rmtree(venv)
    target = root / "opt/appliance/models"
    target.mkdir(parents=True)
    for model in catalogue(names):
        (target / model["name"]).mkdir()
        for file in model["files"]:
            place = target / model["name"] / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(store / model["name"] / file, place)


def catalogue(names: list[str]) -> list[dict[str, Any]]:
    """What the product knows of these models: files with their sha256, licence."""
    return [model for model in known_models() if model["name"] in names]


def _clean() -> dict[str, str]:
    """The environment without what would lead Python or the appliance elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "APPLIANCE", "XDG", "STATE_DIRECTORY"))
    }


def _last_touches(root: Path) -> None:
    state = root / "var/lib/appliance"  # systemd makes it, as a link to where a DynamicUser's lies
    if state.is_dir():
        state.rmdir()
    (root / "usr/lib/clock-epoch").write_text("")
    for name in ("etc", "var"):  # what systemd does after an update of /usr is done here already
        (root / name / ".updated").write_text("")
    shutil.copytree(MOSQUITTO, root / SHARE / "mosquitto")
