"""script/run and script/test: what they print and do before and after the installation."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from support.waiting import until

REPOSITORY = Path(__file__).parents[2]
LOCKS = sorted(REPOSITORY.glob("script/*.lock"))

FAKE_PYTHON = """#!/bin/sh
case "$1 $2" in
  -c*json.load*) echo true ;; # the language model is enabled
  -c*) echo 3.12 ;;
  "-m pip") ;;
  *) echo "python" "$@" ;;
esac
"""


class Checkout:
    """A checkout in a folder with a space in its name; its `programs` come first in PATH."""

    def __init__(self, place: Path) -> None:
        self.root = place / "my appliance"
        self.programs = place / "programs"
        self.programs.mkdir()
        shutil.copytree(REPOSITORY / "script", self.root / "script")
        for name in ("pyproject.toml", "config.toml"):
            shutil.copy(REPOSITORY / name, self.root)
        self.environment = {
            "HOME": str(place),
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
        }

    def program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=cwd or self.root.parent,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )

    def shell(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run `program` with the functions of setup.sh."""
        start = f'set -euo pipefail; root="{self.root}"; source "$root/script/setup.sh"; '
        return self.run("bash", "-c", start + program)

    def furnish(self, *, engine: bool = True) -> None:
        """A .venv that looks complete, whose Python prints its arguments."""
        for name in ("python", "appliance"):
            path = self.root / ".venv" / "bin" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(FAKE_PYTHON)
            path.chmod(0o755)
        site = self.root / ".venv" / "lib" / "python3.12" / "site-packages"
        lock = (self.root / "script" / "llama-cpp-python.lock").read_text()
        version = lock.removeprefix("llama-cpp-python==").split()[0]
        (site / f"llama_cpp_python-{version}.dist-info").mkdir(parents=True)
        if engine:
            (site / f"llama_cpp_python-{version}.dist-info" / "RECORD").touch()
        self.program("ldconfig", "echo libportaudio.so.2 libgomp.so.1")
        done = self.shell('find_python; fingerprint >"$venv/ready-for-run"')
        assert done.returncode == 0, done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_has_names_versions_and_hashes_but_no_url(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"https?:|--index|--extra|--find|--trusted", text)
    for requirement in text.replace("\\\n", " ").splitlines():
        name, *hashes = requirement.split(" --hash=sha256:")
        assert re.match(r"[a-z0-9-]+==\S+( ; \S|$)", name.strip()), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"[0-9a-f]{64}", each.strip()) for each in hashes)


def test_every_required_package_is_locked() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    run = project["project"]["dependencies"]
    groups = project["dependency-groups"]
    asked = {
        "requirements.lock": {*run} - {"llama-cpp-python"},
        "requirements-test.lock": {*run, *groups["checks"], *groups["tests"]}
        - {"llama-cpp-python"},
        "llama-cpp-python.lock": {"llama-cpp-python"},
    }
    for lock, requirements in asked.items():
        text = (REPOSITORY / "script" / lock).read_text()
        locked = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
        names = {re.split(r"[<>=~!;\[ ]", requirement)[0].lower() for requirement in requirements}
        assert names <= locked, "run script/lock"


def test_the_tests_use_the_same_versions_as_the_appliance() -> None:
    run, test = (
        set(re.findall(r"^\S+==\S+", (REPOSITORY / "script" / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-test.lock")
    )
    assert run <= test


@pytest.mark.parametrize("name", ["script/run", "script/test", "script/lock", ".ci/run"])
def test_the_scripts_are_executable(name: str) -> None:
    assert os.access(REPOSITORY / name, os.X_OK)
    subprocess.run(["bash", "-n", REPOSITORY / name], check=True)


def test_without_root_the_command_to_run_is_printed(checkout: Checkout) -> None:
    checkout.program("id", "echo 1000")
    checkout.program("ldconfig", "true")
    checkout.program("apt-get", "echo must not be called; exit 1")
    done = checkout.run(str(checkout.root / "script" / "run"), "--once")
    assert done.returncode == 69
    (command,) = re.findall(r"^ +(sudo apt-get install .*)", done.stdout, re.MULTILINE)
    assert {"libportaudio2", "libgomp1"} <= set(command.split())
    assert not (checkout.root / ".venv").exists()


def test_root_installs_what_is_missing_and_updates_the_lists_only_if_necessary(
    checkout: Checkout,
) -> None:
    calls = checkout.root / "calls"
    checkout.program("id", "echo 0")
    checkout.program("ldconfig", f"test -e '{calls}.done' && echo libgomp.so.1 libportaudio.so.2")
    checkout.program(
        "apt-get",
        f"""echo "$@" >>'{calls}'
case "$*" in
  *update) touch '{calls}.lists' ;;
  *install*) test -e '{calls}.lists' && touch '{calls}.done' ;;
esac""",
    )
    done = checkout.shell(
        "find_python; start_steps; llama_at_hand() { true; }; system_packages run"
    )
    assert done.returncode == 0, done.stdout
    installs = [line.split("-o ")[-1] for line in calls.read_text().splitlines()]
    assert [("update" if "update" in line else "install") for line in installs] == [
        *("install", "update", "install")
    ]
    assert "libportaudio2" in done.stdout


def test_without_a_recent_python_the_required_version_is_printed(checkout: Checkout) -> None:
    old = "test \"$1\" != -c || echo ''"
    for version in ("3", *(f"3.{minor}" for minor in range(11, 15))):
        checkout.program(f"python{version}", old)
    done = checkout.run(str(checkout.root / "script" / "run"))
    assert done.returncode == 69
    assert "Python 3.11 or later is required" in done.stdout


def test_a_second_call_only_checks_the_models_and_runs(checkout: Checkout) -> None:
    checkout.furnish()
    done = checkout.run(str(checkout.root / "script" / "run"), "--once")
    assert done.returncode == 0, done.stdout
    config = checkout.root / "config.toml"
    assert done.stdout.splitlines() == [
        f"python -m appliance models pull --config {config}",
        f"python -m appliance run --trial --config {config} --once",
    ]


def test_a_run_of_the_samples_does_not_wait_for_the_language_model_s_engine(
    checkout: Checkout,
) -> None:
    checkout.furnish(engine=False)
    done = checkout.run(str(checkout.root / "script" / "run"), "--once")
    assert done.returncode == 0, done.stdout
    *_, said, run = done.stdout.splitlines()
    assert "its engine is not built yet" in said
    assert run.endswith("--once")
    assert not (checkout.root.parent / ".cache").exists()


def test_the_engine_is_built_behind_the_appliance_and_stops_with_it(
    checkout: Checkout, tmp_path: Path
) -> None:
    checkout.furnish(engine=False)
    building, output = tmp_path / "building", tmp_path / "output"
    os.mkfifo(building)
    start = f"""set -euo pipefail; root="{checkout.root}"; source "$root/script/setup.sh"
        system_packages() {{ true; }}
        build_llama() {{ echo "$BASHPID" >'{building}'; exec sleep 60; }}
        start_steps; build_llama_behind; end_steps
        echo the appliance runs; exec sleep 60"""
    environment = {**checkout.environment, "HOME": str(tmp_path / "home")}
    with (
        output.open("w") as out,
        subprocess.Popen(["bash", "-c", start], stdout=out, env=environment) as appliance,
    ):
        build = int(building.read_text())
        assert appliance.poll() is None
        appliance.terminate()
        appliance.wait(10)
    until(lambda: not Path(f"/proc/{build}").exists(), "the build goes on")
    assert "the appliance runs" in output.read_text()


def test_the_engine_is_installed_as_soon_as_it_is_built(checkout: Checkout, tmp_path: Path) -> None:
    checkout.furnish(engine=False)
    start = """system_packages() { true; }
        build_llama() { mkdir -p "$1" && touch "$1/llama.whl"; }
        pip_install() { echo "installed ${*: -1}" >>"$HOME/installed"; }
        start_steps; build_llama_behind; end_steps; wait"""
    done = checkout.shell(start)
    assert done.returncode == 0, done.stdout
    assert (checkout.root.parent / "installed").read_text().endswith("/llama.whl\n")
    assert "the running appliance uses it within seconds" in done.stdout


def wheel(folder: Path) -> Path:
    """A package of one empty module."""
    path = folder / "tiny_package-1-py3-none-any.whl"
    about = "tiny_package-1.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_package.py", "")
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any"
        )
        archive.writestr(f"{about}/RECORD", "")
    return path


def test_no_setting_of_pip_makes_it_install_elsewhere_and_those_for_the_network_are_kept(
    checkout: Checkout, tmp_path: Path
) -> None:
    place = checkout.root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    package = wheel(tmp_path)
    settings = tmp_path / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    for wrong in (
        *("user = true", f"target = {elsewhere}", f"prefix = {elsewhere}", f"root = {elsewhere}"),
        *("constraint = /nowhere", "require-hashes = true", "no-binary = :all:"),
    ):
        key, _, value = wrong.partition(" = ")
        settings.write_text(f"[global]\nindex-url = https://pip.example/simple\n{wrong}\n")
        in_environment = f"export PIP_{key.upper().replace('-', '_')}='{value}'; "
        for start in ("", in_environment):
            done = checkout.shell(f"{start} pip_install --no-deps --no-index '{package}'")
            assert done.returncode == 0, f"{wrong}: {done.stdout}"
            (module,) = place.glob("lib/python3*/site-packages/tiny_package.py")
            module.unlink()
            for metadata in module.parent.glob("tiny_package-*"):
                shutil.rmtree(metadata)
    assert not elsewhere.exists()
    kept = checkout.shell("pip_settings | tr '\\0' '\\n'").stdout.splitlines()
    names = {line.partition("=")[0] for line in kept}  # this machine may have settings of its own
    assert "PIP_INDEX_URL=https://pip.example/simple" in kept
    assert not names & {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_NO_BINARY"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system read-only")
def test_a_checkout_that_cannot_be_written_has_its_environment_in_the_cache(
    checkout: Checkout,
) -> None:
    root, cache = str(checkout.root), f"{checkout.environment['HOME']}/.cache/appliance"
    assert checkout.shell('echo "$venv"').stdout == f"{root}/.venv\n"
    if subprocess.run(["mount", "--bind", root, root], check=False).returncode != 0:
        pytest.skip("this machine does not let root mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", root], check=True)
        assert checkout.shell('echo "$venv"').stdout.startswith(f"{cache}/environment-")
    finally:
        subprocess.run(["umount", root], check=True)


def test_a_cache_that_cannot_be_written_is_said_with_what_to_do(checkout: Checkout) -> None:
    (checkout.root.parent / ".cache").write_text("a file, where a folder should be")
    done = checkout.shell("make_cache")
    assert done.returncode == 69
    assert "XDG_CACHE_HOME" in done.stdout


def test_packages_that_apt_get_did_not_bring_are_named(checkout: Checkout) -> None:
    checkout.program("id", "echo 0")
    checkout.program("ldconfig", "echo libgomp.so.1")
    checkout.program("apt-get", "true")
    done = checkout.shell("find_python; start_steps; system_packages run")
    assert done.returncode == 69
    assert "still missing: libportaudio2" in done.stdout


@pytest.mark.parametrize("words", [("--config", "mine.toml"), ("--config=mine.toml",)])
def test_a_relative_config_path_is_relative_to_the_caller_s_folder(
    checkout: Checkout, tmp_path: Path, words: tuple[str, ...]
) -> None:
    checkout.furnish()
    done = checkout.run(str(checkout.root / "script" / "run"), *words, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.endswith(f" --config {tmp_path}/mine.toml") for line in lines)


def test_help_installs_nothing(checkout: Checkout) -> None:
    done = checkout.run(str(checkout.root / "script" / "run"), "--help")
    assert done.returncode == 0
    assert "--once" in done.stdout
    assert not (checkout.root / ".venv").exists()


def test_standard_input_may_be_closed(checkout: Checkout) -> None:
    checkout.furnish()
    done = checkout.run("bash", "-c", f"'{checkout.root}/script/run' --once <&-")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("changed", ["script/requirements.lock", "pyproject.toml"])
def test_a_changed_lock_file_makes_set_up_run_again(checkout: Checkout, changed: str) -> None:
    checkout.furnish()
    look = "find_python; is_ready run && echo ready || echo stale"
    assert checkout.shell(look).stdout == "ready\n"
    with (checkout.root / changed).open("a") as file:
        file.write("# changed\n")
    assert checkout.shell(look).stdout == "stale\n"


def test_a_set_up_waits_for_another_one_that_is_running(checkout: Checkout) -> None:
    checkout.furnish()
    folder = os.open(checkout.root, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with subprocess.Popen(
        [checkout.root / "script" / "run", "--once"],
        env=checkout.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as second:
        assert second.stdout is not None
        assert second.stdout.readline().startswith("waiting")
        os.close(folder)
        assert "run --trial" in second.stdout.read()


def test_a_step_that_fails_shows_why_and_what_to_do(checkout: Checkout) -> None:
    done = checkout.shell('start_steps; step "baking" "Try flour." bash -c "echo no dough; exit 3"')
    assert done.returncode == 3
    assert "baking: FAILED" in done.stdout
    assert "    no dough" in done.stdout
    assert "Try flour." in done.stdout


def test_stopping_set_up_stops_all_processes_of_a_step(checkout: Checkout, tmp_path: Path) -> None:
    told = tmp_path / "child"
    os.mkfifo(told)
    work = f"bash -c 'sleep 60 & echo $! >{told}; wait'"
    start = f'set -euo pipefail; root="{checkout.root}"; source "$root/script/setup.sh"; '
    with subprocess.Popen(
        ["bash", "-c", f'{start} start_steps; step "baking" "" {work}'],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as shell:
        child = int(told.read_text())
        shell.send_signal(signal.SIGTERM)
        assert shell.wait(20) == 143
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_set_up_waits_until_a_stopped_step_has_cleaned_up(
    checkout: Checkout, tmp_path: Path
) -> None:
    told, cleared = tmp_path / "begun", tmp_path / "cleared"
    os.mkfifo(told)
    work = f"work() ( trap 'sleep 1; touch {cleared}' EXIT; trap 'exit 143' TERM; echo >{told}; "
    start = f'set -euo pipefail; root="{checkout.root}"; source "$root/script/setup.sh"; '
    with subprocess.Popen(
        ["bash", "-c", f'{start} {work} sleep 60 ); start_steps; step "baking" "" work'],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as shell:
        told.read_text()
        shell.send_signal(signal.SIGTERM)
        shell.send_signal(signal.SIGTERM)
        assert shell.wait(20) == 143
        assert cleared.exists()


def test_a_compilation_shows_its_percentage(checkout: Checkout, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("-- found\n  [1/140] /usr/bin/g++ a\n  [35/140] /usr/bin/g++ b\nwarning: x\n")
    assert checkout.shell(f'portion "{log}"').stdout == "25 %, "
    log.write_text("Collecting numpy\n")
    assert checkout.shell(f'portion "{log}"').stdout == ""


def test_compiled_wheels_are_stored_per_kind_of_processor(
    checkout: Checkout,
) -> None:
    here = checkout.shell("llama_folder").stdout
    checkout.program("uname", "echo other")
    there = checkout.shell("llama_folder").stdout
    assert here.startswith(f"{checkout.environment['HOME']}/.cache/appliance/wheels/")
    assert here != there


def test_a_compilation_that_fails_leaves_no_wheel_and_no_folder(checkout: Checkout) -> None:
    checkout.furnish()
    done = checkout.shell('mkdir -p "$wheels"; build_llama "$(llama_folder)" || echo failed')
    wheels = Path(checkout.environment["HOME"]) / ".cache" / "appliance" / "wheels"
    assert done.stdout.endswith("failed\n")
    assert [path.name for path in wheels.iterdir()] == ["build.log"]


def test_the_first_recent_python_in_path_is_used(checkout: Checkout) -> None:
    checkout.environment["PATH"] = f"{Path(sys.executable).parent}:{checkout.environment['PATH']}"
    done = checkout.shell('find_python; echo "$python_version"')
    assert done.stdout.strip() == f"{sys.version_info.major}.{sys.version_info.minor}"
