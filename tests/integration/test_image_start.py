"""What the image does at a start: settings before the appliance, the verdict after it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from appliance_image import autoboot, device_certificates, toml_text
from appliance_image.appliance_calls import Appliance
from appliance_image.health import Health
from appliance_image.slots import Places, Slot
from appliance_image.start import Start
from appliance_image.system import System
from appliance_image.update import Slots
from support.recorded_restarts import RecordedRestarts

REPOSITORY = Path(__file__).parent.parent.parent
UNDERSTOOD = {"outcome": "intent", "intent": {"name": "HassTurnOn"}}


class FakeAppliance(Appliance):
    """An appliance that finds nothing wrong, unless told to."""

    errors_found: list[str]
    heard: dict[str, object]

    def config_problems(self, config: Path) -> list[str]:
        return ["listening.pause_ms: too small"] if "pause_ms = -1" in config.read_text() else []

    def errors(self) -> list[str]:
        return self.errors_found

    def hears(self, recording: Path, config: Path) -> dict[str, object]:
        assert recording.is_file()
        assert config.is_file()
        return self.heard

    def samples(self) -> Path:
        return REPOSITORY / "appliance/samples"


class ImageStart:
    """A start, with all that it meets."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.appliance = FakeAppliance()
        object.__setattr__(self.appliance, "errors_found", [])
        object.__setattr__(self.appliance, "heard", UNDERSTOOD)
        self.system = System(self.appliance, root)
        places = Places(
            bootcfg=root / "boot/config",
            records=root / "persistent/slots",
            cmdline=root / "cmdline",
            image=root / "image.json",
        )
        self.board, self.restarts, self.states = RecordedRestarts(), 0, ["active"]
        self.names: list[str] = []
        slots = Slots(places, self.board, tell=lambda _: None)
        health = Health(
            self.appliance,
            base_config=self.system.shipped / "config.toml",
            work=self.system.run,
            state_of_service=lambda _: "active",
        )
        self.start = Start(
            self.system,
            slots,
            health,
            restart=self._restart,
            name_the_host=self.names.append,
            state_of_service=lambda _: self.states.pop(0) if self.states else "active",
        )
        self.places = places

    def _restart(self) -> None:
        self.restarts += 1

    def slot(self, running: Slot, committed: Slot = Slot.A) -> None:
        self.places.cmdline.write_text(f"appliance.slot={running}")
        autoboot.replace(self.places.autoboot, autoboot.text_of(committed))

    @property
    def status(self) -> str:
        return (self.system.owner / "STATUS.txt").read_bytes().decode()

    @property
    def notices(self) -> str:
        return (self.system.run / "notices.json").read_text()


@pytest.fixture
def image(tmp_path: Path) -> ImageStart:
    image = ImageStart(tmp_path)
    for folder in (image.system.owner, image.system.shipped / "mosquitto", tmp_path / "persistent"):
        folder.mkdir(parents=True)
    shutil.copy(REPOSITORY / "docs/examples/mosquitto/acl", image.system.shipped / "mosquitto/acl")
    (image.system.shipped / "config.toml").write_text("[listening]\npause_ms = 600\n")
    (tmp_path / "image.json").write_text(json.dumps({"version": "1.0", "built": "2026"}))
    image.slot(Slot.A)
    return image


def test_the_owner_reads_on_the_card_how_it_went(image: ImageStart) -> None:
    (image.system.owner / "config.toml").write_text("[device]\nname = 'kitchen'\n")
    image.start.before()
    assert 'The appliance "kitchen"\r\n' in image.status
    assert image.names == ["kitchen"]
    assert "It is starting" in image.status
    image.start.after()
    assert "It works." in image.status
    assert "in force  config.toml: 1 key of yours" in image.status


def test_the_owner_finds_what_other_programs_need(image: ImageStart) -> None:
    image.start.before()
    page = (image.system.owner / "ACCESS.txt").read_text()
    assert "8883" in page
    assert "https://appliance-" in page
    assert "homeassistant" in page
    assert "BEGIN CERTIFICATE" in (image.system.owner / "broker-ca.pem").read_text()


def test_a_page_that_says_the_same_is_not_written_again(image: ImageStart) -> None:
    image.start.before()
    image.start.after()
    first = {path.name: path.stat().st_mtime_ns for path in image.system.owner.iterdir()}
    image.start.after()
    assert {path.name: path.stat().st_mtime_ns for path in image.system.owner.iterdir()} == first


def test_a_refused_setting_is_published_on_mqtt_too(image: ImageStart) -> None:
    (image.system.owner / "config.toml").write_text("[listening]\npause_ms = -1\n")
    image.start.before()
    image.start.after()
    assert "REFUSED   config.toml: listening.pause_ms: too small" in image.status
    assert "config.toml was refused" in image.notices


def test_a_configuration_that_the_appliance_does_not_start_with_is_taken_back(
    image: ImageStart,
) -> None:
    config = image.system.owner / "config.toml"
    config.write_text("[listening]\npause_ms = 700\n")
    image.start.before()
    image.start.after()
    config.write_text("[listening]\npause_ms = 800\n")
    image.start.before()
    assert "pause_ms = 800" in image.system.config.read_text()
    image.states = ["failed", "active"]
    image.start.after()
    assert image.restarts == 1
    assert "pause_ms = 700" in image.system.config.read_text()
    assert "does not start with it" in image.status
    assert "It works." in image.status
    image.start.before()
    assert "pause_ms = 700" in image.system.config.read_text()
    assert "REFUSED   config.toml" in image.status


def test_sentences_that_the_appliance_does_not_start_with_are_taken_back(image: ImageStart) -> None:
    taken = image.system.etc / "sentences/a.yaml"
    image.system.keep(taken, "good")
    image.start.after()
    image.system.keep(taken, "better")
    image.states = ["failed", "active"]
    image.start.after()
    assert taken.read_text() == "good"
    assert image.restarts == 1


def test_a_power_cut_while_settings_are_taken_back_leaves_some_that_work(
    image: ImageStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = image.system.owner / "config.toml"
    config.write_text("[listening]\npause_ms = 700\n")
    image.start.before()
    image.start.after()
    config.write_text("[listening]\npause_ms = 800\n")
    image.start.before()
    image.states = ["failed", "active"]

    def power_cut(_source: Path, target: Path) -> None:
        target.write_text("[list")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", power_cut)
        with pytest.raises(KeyboardInterrupt):
            image.start.after()
    assert "pause_ms = 800" in image.system.config.read_text()
    image.states = ["failed", "active"]
    image.start.after()
    assert "pause_ms = 700" in image.system.config.read_text()


def test_the_first_configuration_is_taken_back_to_that_of_the_image(image: ImageStart) -> None:
    (image.system.owner / "config.toml").write_text("[listening]\npause_ms = 800\n")
    image.start.before()
    image.states = ["activating", "active"]
    image.start.after()
    assert "pause_ms = 600" in image.system.config.read_text()


def test_without_anything_to_take_back_it_says_that_it_does_not_work(image: ImageStart) -> None:
    image.start.before()
    image.states = ["failed"]
    image.start.after()
    assert image.restarts == 0
    assert "IT DOES NOT WORK" in image.status


def test_a_model_that_went_away_later_does_not_leave_a_dead_device(image: ImageStart) -> None:
    config = image.system.owner / "config.toml"
    config.write_text('[speech]\nmodel = "mine"\n[listening]\npause_ms = 700\n')
    image.start.before()
    image.start.after()
    image.start.before()
    image.states = ["failed", "active"]
    image.start.after()
    assert image.restarts == 1
    assert "mine" not in image.system.config.read_text()
    assert "pause_ms = 700" in image.system.config.read_text()
    assert "this time without them" in image.status
    assert "It works." in image.status
    image.start.before()
    assert "mine" in image.system.config.read_text()


def test_settings_that_cannot_be_kept_do_not_hold_up_the_broker(
    image: ImageStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("appliance_image.settings.apply_all", full)
    image.start.before()
    assert (image.root / "etc/mosquitto/passwords").exists()
    assert "No space left" in image.notices


def test_a_tried_slot_that_works_is_kept(image: ImageStart) -> None:
    image.slot(Slot.B)
    image.start.slots.records.keep_trial({"slot": "b", "version": "1.1"})
    image.start.before()
    image.start.after()
    assert autoboot.committed_slot(image.places.autoboot) is Slot.B
    assert image.board.orders == []


def deaf(image: ImageStart) -> None:
    object.__setattr__(image.appliance, "heard", {"outcome": "not_understood", "text": "turn in"})


def without_broker(image: ImageStart) -> None:
    object.__setattr__(image.appliance, "errors_found", ["broker: it does not answer"])


def not_ready(image: ImageStart) -> None:
    image.start.health = Health(image.appliance, state_of_service=lambda _: "failed")
    image.states = ["failed"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [(deaf, "was not understood: turn in"), (without_broker, "broker"), (not_ready, "ready")],
)
def test_a_tried_slot_that_does_not_work_is_left(
    image: ImageStart, fault: Callable[[ImageStart], None], why: str
) -> None:
    image.slot(Slot.B)
    image.start.slots.records.keep_trial({"slot": "b", "version": "1.1"})
    image.start.before()
    fault(image)
    image.start.after()
    assert image.board.orders == ["restart"]
    assert autoboot.committed_slot(image.places.autoboot) is Slot.A
    assert why in image.start.slots.records.history()[-1]["why"]


def test_what_was_wrong_before_the_update_is_not_held_against_it(image: ImageStart) -> None:
    image.slot(Slot.B)
    known = ["microphone: it is silent", "broker: it does not answer"]
    image.start.slots.records.keep_trial({"slot": "b", "known_errors": known})
    image.start.before()
    without_broker(image)
    image.start.after()
    assert autoboot.committed_slot(image.places.autoboot) is Slot.B


def test_after_a_trial_that_ended_in_the_dark_the_owner_is_told(image: ImageStart) -> None:
    image.slot(Slot.A)
    image.start.slots.records.keep_trial({"slot": "b", "version": "1.1"})
    image.start.before()
    image.start.after()
    assert "the update to 1.1 did not come up" in image.status
    assert "the update to 1.1 did not come up" in image.notices


def test_a_damaged_file_for_the_firmware_stops_nothing(image: ImageStart) -> None:
    image.places.autoboot.write_bytes(b"")
    image.start.before()
    image.start.after()
    assert "It works." in image.status
    assert "updates are not possible" in image.status


def test_a_card_without_the_owners_folder_gets_one(image: ImageStart) -> None:
    shutil.rmtree(image.system.owner)
    image.start.before()
    assert "There are no settings of yours" in image.status


def test_another_broker_of_the_owner_keeps_ours_from_starting(image: ImageStart) -> None:
    mark = image.system.run / "foreign-broker"
    (image.system.owner / "config.toml").write_text("[mqtt]\nhost = '192.168.1.2'\n")
    image.start.before()
    assert mark.exists()
    (image.system.owner / "config.toml").write_text("[device]\nname = 'kitchen'\n")
    image.start.before()
    assert not mark.exists()


def test_a_renewed_certificate_is_told_on_the_card_and_used_at_once(
    image: ImageStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    image.start.before()
    image.start.after()
    before = (image.system.owner / "ACCESS.txt").read_text()
    assert not image.start.renew()
    assert image.restarts == 0
    monkeypatch.setattr(device_certificates, "RENEWED_DAYS", device_certificates.PAGE_DAYS + 1)
    assert image.start.renew()
    assert image.restarts == 1
    assert (image.system.owner / "ACCESS.txt").read_text() != before
    image.states = ["inactive"]
    assert image.start.renew()
    assert image.restarts == 1  # the owner has stopped it


def test_without_a_certificate_everything_but_the_page_starts(
    image: ImageStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_certificates, "PAGE_DAYS", "none")
    image.start.before()
    assert "the certificate of the page cannot be made" in image.notices
    assert "listen" not in toml_text.read(image.system.config).get("page", {})
    assert (image.system.etc / "page.key").read_text() == ""  # the unit hands it over all the same
    assert (image.system.etc / "broker.password").exists()
