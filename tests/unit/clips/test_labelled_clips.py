"""Tests of the examples on disk: one format with evaluate, bounds, and what is refused."""

from __future__ import annotations

import stat
import wave
from pathlib import Path

import numpy as np
import pytest

from appliance.clips.labelled_clips import LabelledClips
from appliance.config import ClipSettings, Config, DeviceSettings
from appliance.errors import EditRefused, ManifestError
from appliance.evaluation import manifest
from appliance.values import SAMPLE_RATE, Intent

SECOND = np.full(SAMPLE_RATE, 0.25, dtype=np.float32)
LIGHT = Intent("HassTurnOn", {"area": "kitchen", "brightness": 50})


def clips(folder: Path, most: int = 200, most_mb: int = 50) -> LabelledClips:
    return LabelledClips(
        Config(
            device=DeviceSettings(state_directory=str(folder)),
            clips=ClipSettings(maximum=most, maximum_mb=most_mb),
        )
    )


def test_an_example_is_a_line_of_a_manifest_that_evaluate_reads(tmp_path: Path) -> None:
    kept = clips(tmp_path)
    assert kept.clips() == []
    assert kept.add("01ABC", SECOND, [LIGHT], "kitchen") == "01ABC.wav"
    kept.add("talk", SECOND, [])
    kept.add("two", SECOND, [LIGHT, Intent("Stop")])
    one, none, two = manifest.read(kept.manifest)
    manifest.check_recordings(kept.manifest, [one, none, two])
    assert (one.intent, one.slots, one.area) == ("HassTurnOn", LIGHT.slots, "kitchen")
    assert none.intent is None
    assert [each.intent for each in two.intents] == ["HassTurnOn", "Stop"]
    with wave.open(str(kept.path_of("01ABC.wav"))) as sound:
        assert sound.getframerate() == SAMPLE_RATE
        assert sound.getnframes() == len(SECOND)
    assert stat.S_IMODE(kept.manifest.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.manifest.parent.stat().st_mode) == 0o700


def test_a_recording_that_is_labelled_again_is_one_example_with_the_new_meaning(
    tmp_path: Path,
) -> None:
    kept = clips(tmp_path)
    kept.add("a", SECOND, [LIGHT])
    kept.add("a", SECOND, [])
    assert [one.intent for one in kept.clips()] == [None]


def test_an_example_is_deleted_with_its_recording(tmp_path: Path) -> None:
    kept = clips(tmp_path)
    kept.add("a", SECOND, [])
    kept.add("b", SECOND, [])
    kept.remove("a.wav")
    assert [one.audio for one in kept.clips()] == ["b.wav"]
    assert sorted(one.name for one in (tmp_path / "clips").iterdir()) == ["b.wav", "manifest.jsonl"]
    for name in ("a.wav", "../config.toml", ""):
        with pytest.raises(EditRefused, match="no example"):
            kept.remove(name)


def test_number_and_size_are_bounded_and_what_is_there_stays(tmp_path: Path) -> None:
    few = clips(tmp_path, most=2)
    few.add("a", SECOND, [])
    few.add("b", SECOND, [])
    with pytest.raises(EditRefused, match=r"clips\.maximum allows 2"):
        few.add("c", SECOND, [])
    few.add("b", SECOND, [LIGHT])  # no further one
    small = clips(tmp_path, most_mb=1)
    with pytest.raises(EditRefused, match=r"more than 1 MB"):
        small.add("long", np.zeros(32 * SAMPLE_RATE, dtype=np.float32), [])
    assert [one.audio for one in few.clips()] == ["a.wav", "b.wav"]
    assert few.space().clips == 2


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".a", "a b", "a" * 65, "a\n"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    kept = clips(tmp_path)
    with pytest.raises(EditRefused, match="letters, digits"):
        kept.add(name, SECOND, [])
    with pytest.raises(EditRefused, match="no example"):
        kept.path_of(f"{name}.wav")


def test_a_link_and_a_damaged_manifest_are_refused_and_stay(tmp_path: Path) -> None:
    kept = clips(tmp_path)
    kept.add("a", SECOND, [])
    (tmp_path / "clips" / "a.wav").unlink()
    (tmp_path / "clips" / "a.wav").symlink_to(tmp_path / "secret")
    with pytest.raises(EditRefused, match="no example"):
        kept.path_of("a.wav")
    kept.manifest.write_text("{")
    with pytest.raises(ManifestError, match=r"manifest\.jsonl:1"):
        kept.add("b", SECOND, [])
    assert kept.manifest.read_text() == "{"
