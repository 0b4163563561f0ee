"""An emulated device: QEMU on a card, without a network, and the line to the hand inside."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from builder import initrd

from emulation.card import Card

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
QUESTIONS = (
    "agent.py",
    "hardware",
    "board.conf",
    "questions.service",
    "questions-hardware.service",
)
ADDED = "console=ttyAMA0 systemd.log_target=console systemd.show_status=no"
MEMORY_MB = 2048
CLOCK = "shift=0,sleep=on"
"""Inside, a nanosecond passes with each instruction: by its own clock the device is as quick as a
board, however slow it is by ours, and sound is neither torn nor late. It has one processor then."""


class Died(Exception):
    """The device is off, or does not answer."""


@dataclass(slots=True)
class Device:
    """A device with its card in `folder`; `tools` is a tree with QEMU and mtools in it."""

    folder: Path
    tools: Path
    cpu: str = "cortex-a76"
    slot: str = ""
    """The boot partition of this start."""
    began: float = 0.0
    extra: Sequence[str] = ()
    """QEMU's words for what is plugged in."""
    added: str = ""
    """What the kernel's command line has beside its own."""
    _process: subprocess.Popen[bytes] | None = None
    _line: socket.socket | None = None
    _rest: bytes = b""
    _asked: int = field(default=0)

    @property
    def card(self) -> Card:
        return Card(self.folder / "card.img", self._mtools)

    def start(self, patience: float = 900) -> float:
        """Power on, as the firmware would; seconds until the hand inside answers."""
        self.slot = self.card.start_of_boot()
        for name in ("vmlinuz", "initrd", "cmdline.txt"):
            (self.folder / name).write_bytes(self.card.read(self.slot, name))
        with (self.folder / "initrd").open("ab") as file:
            file.write(bytes(-file.tell() % 4) + _questions())
        line = (self.folder / "cmdline.txt").read_text().strip()
        (self.folder / "line").unlink(missing_ok=True)
        self.began = time.monotonic()
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                self._inside(*self._qemu(f"{line} {ADDED} {self.added}")),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self._connect(patience)
        return time.monotonic() - self.began

    @property
    def running(self) -> bool:
        """Whether the power is on."""
        return self._process is not None and self._process.poll() is None

    def slot_after_start(self) -> str:
        """Power on; the boot partition that the firmware took."""
        self.start()
        return self.slot

    def _qemu(self, line: str) -> list[str]:
        return [
            *("qemu-system-aarch64", "-M", "virt", "-cpu", self.cpu),
            *("-m", str(MEMORY_MB), "-icount", CLOCK, "-display", "none"),
            *("-serial", "stdio", "-no-reboot", "-nic", "none"),
            *("-kernel", "/card/vmlinuz", "-initrd", "/card/initrd", "-append", line),
            *("-drive", "file=/card/card.img,if=virtio,format=raw,cache=unsafe"),
            *("-device", "virtio-serial-pci"),
            *("-chardev", "socket,id=line,path=/card/line,server=on,wait=off"),
            *("-device", "virtserialport,chardev=line,name=questions"),
            *self.extra,
        ]

    def _connect(self, patience: float) -> None:
        until = time.monotonic() + patience
        while True:
            try:
                self._line = socket.socket(socket.AF_UNIX)
                self._line.connect(str(self.folder / "line"))
                break
            except OSError:
                self._line.close()
                self._look(until)
                time.sleep(0.2)
        self._rest = b""
        while "hello" not in self._receive(until):
            pass

    def ask(self, *command: str, timeout: float = 120, feed: str | None = None) -> dict[str, Any]:
        """Run a command inside: status, out, err, seconds."""
        self._asked += 1
        asked = {"id": self._asked, "run": command, "timeout": timeout, "input": feed}
        if self._line is None:
            raise Died("the device is off")
        try:
            self._line.sendall(json.dumps(asked).encode() + b"\n")
        except OSError as error:
            raise Died(f"the line is cut: {error}") from error
        until = time.monotonic() + timeout + 60
        while True:
            told = self._receive(until)
            if told.get("id") == self._asked:
                return told

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\n" not in self._rest:
            self._look(until)
            assert self._line is not None  # noqa: S101 (it has been connected)
            self._line.settimeout(1)
            with contextlib.suppress(TimeoutError):
                try:
                    piece = self._line.recv(1 << 16)
                except ConnectionError as error:
                    raise Died("the device went off") from error
                if not piece:
                    raise Died("the device went off")
                self._rest += piece
        line, self._rest = self._rest.split(b"\n", 1)
        told: dict[str, Any] = json.loads(line)
        return told

    def _look(self, until: float) -> None:
        if self._process is None or self._process.poll() is not None:
            raise Died("QEMU has ended; see console.log")
        if time.monotonic() > until:
            raise Died("nothing was heard from inside in time; see console.log")

    def off(self, patience: float = 120) -> None:
        """Wait until it has switched itself off, or restarted, which ends QEMU as well."""
        if self._process is not None:
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired as error:
                raise Died("it does not switch off") from error
        self._forget()

    def leave(self, *command: str, timeout: float = 120) -> None:
        """A command that ends this start; the hand's answer may go down with it."""
        told: dict[str, Any] = {"status": 0}
        with contextlib.suppress(Died):
            told = self.ask(*command, timeout=timeout)
        if told["status"]:
            raise Died(f"{' '.join(command)}: {told['err'] or told['out']}")
        self.off(900)

    def cut(self) -> None:
        """Take the power away."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._forget()

    def _forget(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def _mtools(self, *command: str, input: bytes | None = None) -> bytes:  # noqa: A002
        """One of mtools, in the tree of tools."""
        return subprocess.run(
            self._inside(*command), input=input, capture_output=True, check=True
        ).stdout

    def _inside(self, *command: str) -> list[str]:
        (self.tools / "card").mkdir(exist_ok=True)
        script = (
            f'set -e; mount --bind "{self.folder}" "{self.tools}/card"; '
            f'mount --bind /dev "{self.tools}/dev"; mount -t proc proc "{self.tools}/proc"; '
            f'exec chroot "{self.tools}" "$@"'
        )
        return [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
            *command,
        ]


def _questions() -> bytes:
    """A second archive for the kernel to unpack over the image's own initrd."""
    files = {f"questions/{name}": (HERE / name).read_bytes() for name in QUESTIONS}
    entries = {name: (initrd.FILE, content) for name, content in files.items()}
    entries |= {"questions": (initrd.DIRECTORY, b""), "hooks": (initrd.DIRECTORY, b"")}
    entries["hooks/questions"] = (initrd.FILE, (HERE / "hook").read_bytes())
    return initrd.archive(entries)
