"""Bundles: what script/install takes from one, what it refuses, and the way back."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.system_tree import REPOSITORY, VERSION, FakeSystemTree, system

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["system"]

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MODEL = "bundle/models/small/model.bin"
WHEEL = "bundle/wheels/tiny-1-py3-none-any.whl"


class SignedBundle:
    """A bundle of the checkout in a folder with a space in its name, and the key that signed it."""

    def __init__(self, system: FakeSystemTree, place: Path, *, key: str = "owner") -> None:
        self.folder = place / f"a bundle of {key}"
        self.key = place / f"{key}.key"
        self.public_key = self.folder / "bundle/key.pem"
        shutil.copytree(system.checkout, self.folder)
        self.write("bundle/about", f"version={VERSION}\npython={PYTHON}\narchitecture={native()}\n")
        self.write(WHEEL, "a wheel")
        self.write(MODEL, "weights" * 1000)
        self.write("bundle/settings/config.toml", "# of the bundle\n")
        self.sign()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def sign(self) -> None:
        if not self.key.exists():
            make = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(self.key)]
            subprocess.run(make, check=True, capture_output=True)
        script = (
            f'root="{REPOSITORY}"; source "$root/script/bundle-files.sh"; sign_bundle "$1" "$2"'
        )
        subprocess.run(["bash", "-c", script, "bash", self.folder, self.key], check=True)

    @property
    def script(self) -> Path:
        return self.folder / "script/install"


def native() -> str:
    return ARCHITECTURES[platform.machine()]


@pytest.fixture
def bundle(system: FakeSystemTree, tmp_path: Path) -> SignedBundle:
    return SignedBundle(system, tmp_path)


def install(
    system: FakeSystemTree, bundle: SignedBundle, *words: str
) -> subprocess.CompletedProcess[str]:
    return system.install("--from", str(bundle.folder), *words, script=bundle.script)


def first_install(system: FakeSystemTree, bundle: SignedBundle) -> None:
    done = install(system, bundle, "--key", str(bundle.public_key))
    assert done.returncode == 0, done.stdout


def test_an_installation_from_a_bundle_asks_no_index_and_takes_models_and_settings(
    system: FakeSystemTree, bundle: SignedBundle
) -> None:
    bundle.write("bundle/settings/sentences/en/coffee.yaml", "language: en\n")
    bundle.sign()
    first_install(system, bundle)
    assert system.in_force == VERSION
    calls = [
        line for line in (system.told / "said").read_text().splitlines() if " install " in line
    ]
    packages, product = calls
    assert "--no-index" in packages
    assert WHEEL in packages
    assert "--no-build-isolation" in product
    etc = system.tree / "etc/appliance"
    assert (etc / "config.toml").read_text() == "# of the bundle\n"
    assert (etc / "sentences/en/coffee.yaml").exists()
    assert (system.tree / "var/lib/appliance/models/small/model.bin").stat().st_size == 7000


def test_an_update_from_a_bundle_keeps_the_owner_s_configuration_and_replaces_a_damaged_model(
    system: FakeSystemTree, bundle: SignedBundle
) -> None:
    first_install(system, bundle)
    config = system.tree / "etc/appliance/config.toml"
    config.write_text("# mine\n")
    model = system.tree / "var/lib/appliance/models/small/model.bin"
    model.write_text("damaged")
    done = install(system, bundle)
    assert done.returncode == 0, done.stdout
    assert config.read_text() == "# mine\n"
    assert model.read_text() == "weights" * 1000


def test_the_installed_version_s_own_script_takes_a_bundle(
    system: FakeSystemTree, bundle: SignedBundle
) -> None:
    first_install(system, bundle)
    bundle.write("appliance/__init__.py", '__version__ = "9.9.0"\n')
    bundle.sign()
    own = system.tree / "opt/appliance/script/install"
    done = system.install("--from", str(bundle.folder), script=own)
    assert done.returncode == 0, done.stdout
    assert system.in_force == "9.9.0"


def test_an_older_bundle_is_installed_only_if_the_owner_says_so(
    system: FakeSystemTree, bundle: SignedBundle
) -> None:
    first_install(system, bundle)
    own = system.tree / "opt/appliance/script/install"
    bundle.write("appliance/__init__.py", '__version__ = "9.8.0"\n')
    bundle.write("bundle/about", f"version=9.8.0\npython={PYTHON}\narchitecture={native()}\n")
    script = bundle.script.read_text().replace("--older)", "--unknown)")
    bundle.write("script/install", script)
    bundle.sign()
    done = system.install("--from", str(bundle.folder), script=own)
    assert done.returncode == 69
    assert (
        f"The bundle has appliance 9.8.0, which is older than the active {VERSION}" in done.stdout
    )
    assert system.in_force == VERSION
    done = system.install("--from", str(bundle.folder), "--older", script=own)
    assert done.returncode == 0, done.stdout
    assert system.in_force == "9.8.0"


def change(bundle: SignedBundle) -> str:
    (bundle.folder / MODEL).write_text("Weights" * 1000)
    return f"{MODEL}: is damaged or was changed"


def truncate(bundle: SignedBundle) -> str:
    os.truncate(bundle.folder / WHEEL, 3)
    return f"{WHEEL}: is damaged or was changed"


def delete(bundle: SignedBundle) -> str:
    (bundle.folder / MODEL).unlink()
    return f"{MODEL}: is missing"


def add(bundle: SignedBundle) -> str:
    bundle.write("bundle/wheels/another one-1-py3-none-any.whl", "")
    return "another one-1-py3-none-any.whl: is not part of the bundle"


def link(bundle: SignedBundle) -> str:
    copy = bundle.folder.parent / "copy"
    shutil.move(bundle.folder / MODEL, copy)
    (bundle.folder / MODEL).symlink_to(copy)
    return f"{MODEL}: is not a file"


def change_sums(bundle: SignedBundle) -> str:
    with (bundle.folder / "bundle/SHA256SUMS").open("a") as file:
        file.write("\n")
    return "is not signed with the key"


def change_signature(bundle: SignedBundle) -> str:
    path = bundle.folder / "bundle/SHA256SUMS.sig"
    path.write_bytes(bytes(64))
    return "is not signed with the key"


def lose_signature(bundle: SignedBundle) -> str:
    (bundle.folder / "bundle/SHA256SUMS.sig").unlink()
    return "is not a complete bundle"


@pytest.mark.parametrize(
    "damage",
    [change, truncate, delete, add, link, change_sums, change_signature, lose_signature],
    ids=lambda function: function.__name__,
)
def test_a_bundle_that_is_not_as_it_was_made_is_named_and_nothing_is_installed(
    system: FakeSystemTree, bundle: SignedBundle, damage: object
) -> None:
    assert callable(damage)
    expected = damage(bundle)
    done = install(system, bundle, "--key", str(bundle.public_key))
    assert done.returncode == 69
    assert expected in done.stdout
    assert "Nothing was installed" in done.stdout
    assert system.files == set()


def test_the_first_bundle_of_a_machine_needs_a_key_that_the_owner_names(
    system: FakeSystemTree, bundle: SignedBundle
) -> None:
    done = install(system, bundle)
    assert done.returncode == 69
    assert "does not know whose signature to accept" in done.stdout
    assert f"--key {str(bundle.public_key).replace(' ', chr(92) + ' ')}" in done.stdout
    assert system.files == set()


def test_afterwards_only_bundles_with_that_key_are_accepted(
    system: FakeSystemTree, bundle: SignedBundle, tmp_path: Path
) -> None:
    first_install(system, bundle)
    other = SignedBundle(system, tmp_path, key="stranger")
    done = install(system, other)
    assert done.returncode == 69
    assert "is not signed with the key" in done.stdout
    # The owner may change the key, and that one is remembered.
    assert install(system, other, "--key", str(other.public_key)).returncode == 0
    assert install(system, other).returncode == 0
    assert install(system, bundle).returncode == 69


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (f"python={PYTHON}\narchitecture=riscv64\n", "The bundle is for riscv64"),
        (f"python=2.7\narchitecture={native()}\n", "The bundle is for Python 2.7"),
    ],
)
def test_a_bundle_for_another_machine_is_refused(
    system: FakeSystemTree, bundle: SignedBundle, about: str, reason: str
) -> None:
    bundle.write("bundle/about", about)
    bundle.sign()
    done = install(system, bundle, "--key", str(bundle.public_key))
    assert done.returncode == 69
    assert reason in done.stdout
    assert system.files == set()


def test_a_rollback_returns_to_the_version_before_with_its_files_and_forward_again(
    system: FakeSystemTree,
) -> None:
    assert system.install().returncode == 0
    default = system.tree / "etc/appliance/config.toml.default"
    unit = system.tree / "etc/systemd/system/appliance.service"
    before = (default.read_text(), unit.read_text())
    system.be_version("9.9.0")
    for name in ("config.toml", "systemd/appliance.service"):
        with (system.checkout / name).open("a") as file:
            file.write("# newer\n")
    assert system.install().returncode == 0
    own = system.tree / "opt/appliance/script/install"
    done = system.install("--rollback", script=own)
    assert done.returncode == 0, done.stdout
    assert f"appliance {VERSION} is active in place of 9.9.0" in done.stdout
    assert system.in_force == VERSION
    assert (default.read_text(), unit.read_text()) == before
    assert system.install("--rollback", script=own).returncode == 0
    assert system.in_force == "9.9.0"
    assert default.read_text().endswith("# newer\n")


def test_a_rollback_without_a_version_before_changes_nothing(system: FakeSystemTree) -> None:
    done = system.install("--rollback")
    assert done.returncode == 69
    assert "nothing is installed" in done.stdout
    system.install()
    done = system.install("--rollback")
    assert done.returncode == 69
    assert "There is no version before the active one" in done.stdout
    assert system.in_force == VERSION


def test_what_a_failed_installation_has_fetched_stays_until_one_succeeds(
    system: FakeSystemTree,
) -> None:
    downloads = system.tree / "opt/appliance/downloads"
    (system.told / "models").write_text("69")
    assert system.install().returncode == 69
    assert downloads.is_dir()
    assert f"--cache-dir {downloads}" in (system.told / "said").read_text()
    (system.told / "models").unlink()
    assert system.install().returncode == 0
    assert not downloads.exists()


class CountingIndex(SimpleHTTPRequestHandler):
    """A package index of a folder, with the headers that a real one sends."""

    fetched: list[str]

    def do_GET(self) -> None:
        if self.path.endswith(".whl"):
            self.fetched.append(self.path.rsplit("/", 1)[-1].split("-")[0])
        super().do_GET()

    def end_headers(self) -> None:
        if self.path.endswith(".whl"):
            self.send_header("Cache-Control", "max-age=365000000, immutable, public")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def wheel(folder: Path, name: str) -> Path:
    path = folder / name / f"{name}-1-py3-none-any.whl"
    path.parent.mkdir(parents=True)
    about = f"{name}-1.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1")
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any"
        archive.writestr(f"{about}/WHEEL", tag)
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    CountingIndex.fetched = []
    folder = tmp_path / "simple"
    wheel(folder, "first")
    handler = partial(CountingIndex, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        server.shutdown()
        thread.join()


def test_packages_that_were_fetched_before_a_failure_are_not_fetched_again(
    tmp_path: Path, index: str
) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").symlink_to(sys.executable)
    script = f"""set -euo pipefail; root="{REPOSITORY}" venv="{venv}"
        source "$root/script/setup.sh"
        connection=(PIP_INDEX_URL={index} PIP_TRUSTED_HOST=127.0.0.1)
        cd "{tmp_path}"
        pip_install --no-deps --cache-dir downloads --target site first second"""

    def fetch() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60
        )

    failed = fetch()
    assert failed.returncode != 0
    assert "second" in failed.stderr
    assert CountingIndex.fetched == ["first"]
    wheel(tmp_path / "simple", "second")
    done = fetch()
    assert done.returncode == 0, done.stderr
    assert CountingIndex.fetched == ["first", "second"]
    assert (tmp_path / "site/first.py").exists()


def test_beside_the_debian_package_nothing_is_installed(
    system: FakeSystemTree, bundle: SignedBundle
) -> None:
    (system.tree / "usr/lib/appliance/venv").mkdir(parents=True)
    done = install(system, bundle, "--key", str(bundle.public_key))
    assert done.returncode == 69
    assert "The Debian package of the appliance is installed" in done.stdout
    assert system.files == set()


def functions(of: str) -> str:
    """What script/deb.sh needs, for a bundle of this machine."""
    return f"""set -euo pipefail; root="{REPOSITORY}"
        source "$root/script/lib.sh"; source "$root/script/bundle-files.sh"
        source "$root/script/deb.sh"; work="{of}" architecture={native()} for_python={PYTHON}"""


def test_a_debian_package_has_the_configuration_as_conffile_and_scripts_that_parse(
    bundle: SignedBundle, tmp_path: Path
) -> None:
    bundle.write("bundle/sbom.cdx.json", "{}")
    for name in ("CHANGELOG.md", "THIRD-PARTY-NOTICES.md"):
        shutil.copy(REPOSITORY / name, bundle.folder)
    deb = tmp_path / "appliance.deb"
    # The Python packages need pip and real wheels: tests/systemd/bundle has them.
    script = f"""{functions(str(tmp_path))}
        deb_python() {{ mkdir -p "$2/lib"; }}
        make_deb "{bundle.folder}" "{deb}" """
    subprocess.run(["bash", "-c", script], check=True, capture_output=True)
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tmp_path / "raw"], check=True)
    control = tmp_path / "raw/DEBIAN"
    assert (control / "conffiles").read_text() == "/etc/appliance/config.toml\n"
    for name in ("preinst", "postinst", "prerm", "postrm"):
        subprocess.run(["sh", "-n", control / name], check=True)
        assert os.access(control / name, os.X_OK)
    about = (control / "control").read_text()
    assert f"Architecture: {native()}\n" in about
    assert f"python3 (>= {PYTHON}), python3 (<< 3.{sys.version_info.minor + 1})" in about
    unit = (tmp_path / "raw/usr/lib/systemd/system/appliance.service").read_text()
    assert "ExecStart=/usr/lib/appliance/venv/bin/python " in unit
    assert "/opt/appliance" not in unit
    assert (tmp_path / "raw/usr/share/appliance/models/small/model.bin").stat().st_size == 7000
