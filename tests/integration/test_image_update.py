"""The slot tool against a card in a folder: its partitions are files."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from appliance_image import autoboot, bundle, signature, update
from appliance_image.bundle import Manifest
from appliance_image.errors import Failed, Refused
from appliance_image.slots import Places, Slot
from appliance_image.update import Slots
from support.recorded_restarts import RecordedRestarts

BOOT, SYSTEM = b"boot" * 1000, bytes(range(256)) * 9000


Pack = Callable[..., bytes]


class FakeCard(Slots):
    """A card of which slot a runs; `orders` are those that the board got."""

    orders: list[str]
    named: list[tuple[str, Slot]]

    def power_on(self, *, tryboot: bool = False) -> None:
        """What the firmware does."""
        slot = self.committed.other if tryboot else self.committed
        self.places.cmdline.write_text(f"root=PARTLABEL=system_{slot} appliance.slot={slot} quiet")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    signature.make_key(folder / "private.pem", folder / "public.pem")
    return folder


@pytest.fixture
def card(tmp_path: Path, keys: Path) -> FakeCard:
    (tmp_path / "parts").mkdir()
    for slot in Slot:
        (tmp_path / f"parts/boot_{slot}").write_bytes(b"old boot".ljust(len(BOOT) + 512, b"."))
        (tmp_path / f"parts/system_{slot}").write_bytes(b"old system".ljust(len(SYSTEM), b"."))
    places = Places(
        bootcfg=tmp_path,
        partitions=tmp_path / "parts",
        records=tmp_path / "records",
        run=tmp_path / "run",
        cmdline=tmp_path / "cmdline",
        compatible=tmp_path / "compatible",
        image=tmp_path / "image.json",
        key=keys / "public.pem",
    )
    places.autoboot.write_bytes(autoboot.text_of(Slot.A))
    places.compatible.write_bytes(b"linux,dummy-virt\0")
    places.image.write_text(json.dumps({"version": "1.0.0", "built": "2026-11-01T00:00:00+00:00"}))
    orders: list[str] = []
    named: list[tuple[str, Slot]] = []
    card = FakeCard(
        places,
        RecordedRestarts(orders),
        tell=lambda _: None,
        name_the_slot=lambda partition, slot: named.append((partition.name, slot)),
    )
    card.orders = orders
    card.named = named
    card.power_on()
    return card


@pytest.fixture
def pack(tmp_path: Path, keys: Path) -> Pack:
    def pack(
        *,
        version: str = "1.1.0",
        boards: tuple[str, ...] = ("pi4", "virt"),
        layout: int = 1,
        key: Path = keys / "private.pem",
        boot: bytes = BOOT,
        system: bytes = SYSTEM,
    ) -> bytes:
        images = {"boot.img": tmp_path / "boot.img", "system.img": tmp_path / "system.img"}
        for path, content in zip(images.values(), (boot, system), strict=True):
            path.write_bytes(content)
        manifest = Manifest(
            version=version,
            built="2026-11-20T00:00:00+00:00",
            boards=boards,
            parts={name: bundle.part_of(path) for name, path in images.items()},
            layout=layout,
        )
        target = io.BytesIO()
        bundle.write(target, manifest, images, key)
        return target.getvalue()

    return pack


def contents(card: FakeCard) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in card.places.partitions.iterdir()}


def untouched(card: FakeCard, before: dict[str, bytes]) -> bool:
    return contents(card) == before and card.committed is Slot.A and not card.orders


def test_an_update_is_written_to_the_slot_that_does_not_run(card: FakeCard, pack: Pack) -> None:
    before = contents(card)
    manifest = card.install(io.BytesIO(pack()))
    after = contents(card)
    assert manifest.version == "1.1.0"
    assert after["boot_b"].startswith(BOOT)
    assert len(after["boot_b"]) == len(before["boot_b"])
    assert after["system_b"] == SYSTEM
    assert (after["boot_a"], after["system_a"]) == (before["boot_a"], before["system_a"])
    assert card.named == [("boot_b", Slot.B)]
    assert card.committed is Slot.A
    assert card.status()["other"]["version"] == "1.1.0"


def test_a_tried_slot_is_left_by_the_next_start_unless_it_is_kept(
    card: FakeCard, pack: Pack
) -> None:
    card.install(io.BytesIO(pack()))
    card.try_other([])
    assert card.orders == ["try"]
    card.power_on(tryboot=True)
    assert (card.running, card.on_trial) == (Slot.B, True)
    card.power_on()
    assert (card.running, card.on_trial) == (Slot.A, False)
    assert "1.1.0 did not come up" in f"{card.notice_the_way_back()}"
    assert card.notice_the_way_back() is None
    assert card.records.history()[-1]["outcome"] == "rolled back"


def test_a_slot_that_is_kept_is_started_from_then_on(card: FakeCard, pack: Pack) -> None:
    card.install(io.BytesIO(pack()))
    card.try_other([])
    card.power_on(tryboot=True)
    card.commit("it works")
    card.power_on()
    assert (card.running, card.on_trial) == (Slot.B, False)
    assert card.notice_the_way_back() is None
    assert card.records.history()[-1]["why"] == "it works"


def test_a_tried_slot_can_be_left_with_a_reason(card: FakeCard, pack: Pack) -> None:
    card.install(io.BytesIO(pack()))
    card.try_other([])
    card.power_on(tryboot=True)
    card.roll_back("it did not understand")
    assert card.orders == ["try", "restart"]
    assert card.records.history()[-1]["why"] == "it did not understand"


def test_a_tried_slot_is_left_even_if_that_cannot_be_recorded(card: FakeCard, pack: Pack) -> None:
    card.install(io.BytesIO(pack()))
    card.try_other([])
    card.power_on(tryboot=True)
    history = card.places.records / "history.json"
    history.unlink(missing_ok=True)
    history.mkdir()
    card.roll_back("it did not understand")
    assert card.orders == ["try", "restart"]


def test_a_board_that_cannot_try_is_not_said_to_have_tried(
    card: FakeCard, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot() -> None:
        raise Failed("the kernel has no module for it")

    card.install(io.BytesIO(pack()))
    monkeypatch.setattr(card.board, "restart_into_trial", cannot)
    with pytest.raises(Failed):
        card.try_other([])
    card.power_on()
    assert card.notice_the_way_back() is None
    assert card.records.history()[-1]["outcome"] == "not tried"


def test_after_it_was_kept_the_version_before_can_be_tried_again(
    card: FakeCard, pack: Pack
) -> None:
    card.install(io.BytesIO(pack()))
    card.try_other([])
    card.power_on(tryboot=True)
    card.commit()
    card.roll_back()
    assert card.orders == ["try", "try"]


def test_while_a_slot_is_tried_the_one_to_go_back_to_is_not_written(
    card: FakeCard, pack: Pack
) -> None:
    card.install(io.BytesIO(pack()))
    card.try_other([])
    card.power_on(tryboot=True)
    before = contents(card)
    with pytest.raises(Refused, match="only being tried"):
        card.install(io.BytesIO(pack(version="1.2.0")))
    assert contents(card) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"boards": ("pi5",)}, "for pi5; this board is virt"),
        ({"version": "0.9.9"}, "older than what runs"),
        ({"layout": 2}, "write its image to the card"),
        ({"system": SYSTEM + b"x" * 512}, "flash the card"),
    ],
)
def test_an_update_that_does_not_suit_is_refused_before_anything_is_written(
    card: FakeCard, pack: Pack, change: dict[str, Any], told: str
) -> None:
    before = contents(card)
    with pytest.raises(Refused, match=told):
        card.install(io.BytesIO(pack(**change)))
    assert untouched(card, before)
    assert not card.records.slot(Slot.B)


def test_an_older_image_is_taken_if_the_owner_forces_the_update(card: FakeCard, pack: Pack) -> None:
    assert card.install(io.BytesIO(pack(version="0.9.9")), allow_older=True).version == "0.9.9"


def test_the_same_version_built_later_is_newer(card: FakeCard, pack: Pack) -> None:
    assert card.install(io.BytesIO(pack(version="1.0.0"))).version == "1.0.0"


def test_version_ten_is_newer_than_version_nine() -> None:
    assert bundle.age_of("1.10.0", "") > bundle.age_of("1.9.0", "")


def test_an_update_by_another_key_is_refused(card: FakeCard, pack: Pack, tmp_path: Path) -> None:
    signature.make_key(tmp_path / "foreign.pem", tmp_path / "foreign.pub")
    before = contents(card)
    with pytest.raises(Refused, match="not signed by the key"):
        card.install(io.BytesIO(pack(key=tmp_path / "foreign.pem")))
    assert untouched(card, before)


def test_a_changed_manifest_is_refused(card: FakeCard, pack: Pack) -> None:
    content, before = pack(), contents(card)
    with pytest.raises(Refused, match="not signed"):
        card.install(io.BytesIO(content.replace(b'"1.1.0"', b'"9.1.0"', 1)))
    assert untouched(card, before)


def test_without_a_key_nothing_is_taken(card: FakeCard, pack: Pack, tmp_path: Path) -> None:
    card.places = Places(**{**vars(card.places), "key": tmp_path / "none.pem"})
    with pytest.raises(Refused, match="no key"):
        card.install(io.BytesIO(pack()))


def test_an_update_whose_content_was_changed_is_never_tried(card: FakeCard, pack: Pack) -> None:
    content = pack()
    place = content.index(SYSTEM[:4096]) + 100_000
    content = content[:place] + b"\x00\x01" + content[place + 2 :]
    with pytest.raises(Refused, match=r"checksum of system\.img"):
        card.install(io.BytesIO(content))
    with pytest.raises(Refused, match="not whole"):
        card.try_other([])
    assert not card.orders


@pytest.mark.parametrize("part", [0.0, 0.0001, 0.002, 0.3, 0.99])
def test_a_truncated_update_is_refused_and_the_running_slot_stays(
    card: FakeCard, pack: Pack, part: float
) -> None:
    content, before = pack(), contents(card)
    with pytest.raises(Refused):
        card.install(io.BytesIO(content[: int(len(content) * part)]))
    after = contents(card)
    assert (after["boot_a"], after["system_a"]) == (before["boot_a"], before["system_a"])
    assert card.committed is Slot.A


@pytest.mark.parametrize("content", [b"", b"\0" * 20_000, b"PK\x03\x04" * 5000, b"\x1f\x8b" * 999])
def test_a_file_that_is_not_an_update_is_refused(card: FakeCard, content: bytes) -> None:
    before = contents(card)
    with pytest.raises(Refused):
        card.install(io.BytesIO(content))
    assert untouched(card, before)


class PowerCutError(Exception):
    """The power went away."""


def test_a_power_cut_at_any_moment_leaves_the_running_slot_and_the_next_attempt_works(
    card: FakeCard, pack: Pack
) -> None:
    content, before, chance = pack(), contents(card), random.Random(8)  # noqa: S311
    for _ in range(20):
        lamp = CutSource(content, chance.randrange(1, len(content)))
        with pytest.raises(PowerCutError):
            card.install(lamp)
        card.power_on()
        after = contents(card)
        assert (after["boot_a"], after["system_a"]) == (before["boot_a"], before["system_a"])
        assert card.running is Slot.A
        if card.records.slot(Slot.B):
            with pytest.raises(Refused, match="not whole"):
                card.try_other([])
    card.install(io.BytesIO(content))
    card.try_other([])
    assert card.orders == ["try"]


class CutSource(io.BytesIO):
    """A file that ends the process, as it were, after so many bytes."""

    def __init__(self, content: bytes, left: int) -> None:
        super().__init__(content)
        self._left = left

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise PowerCutError
        return piece


def test_a_card_that_forgets_what_was_written_is_noticed(
    card: FakeCard, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_badly(partition: Path, pieces: Iterator[bytes]) -> None:
        for _ in pieces:
            pass

    monkeypatch.setattr(update, "_write", write_badly)
    with pytest.raises(Failed, match="the card is failing"):
        card.install(io.BytesIO(pack()))
    with pytest.raises(Refused, match="not whole"):
        card.try_other([])


def test_the_file_that_the_firmware_reads_changes_in_place_and_keeps_its_size(
    card: FakeCard, pack: Pack
) -> None:
    before = card.places.autoboot.stat()
    autoboot.commit(card.places.autoboot, Slot.B)
    after = card.places.autoboot.stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)
    assert after.st_size < 512
    assert card.committed is Slot.B


def test_a_damaged_file_for_the_firmware_is_made_anew_by_commit(card: FakeCard) -> None:
    card.places.autoboot.write_bytes(b"\xff\x00 nothing")
    with pytest.raises(Refused, match="does not say"):
        card.status()
    card.commit()
    assert card.committed is Slot.A


def test_a_system_without_slots_says_so(card: FakeCard) -> None:
    card.places.cmdline.write_text("root=/dev/sda1 quiet")
    with pytest.raises(Refused, match="not started from a slot"):
        card.status()
