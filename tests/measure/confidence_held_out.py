"""How well the confidence holds on domains and speakers that it was not fitted to.

    python tests/measure/confidence_held_out.py FILE.jsonl…

The files are what `heard.py --keep` wrote. For each domain, and for each tenth of the speakers, the
weights are fitted without it and judged on it. A recording counts as a speaker of its own if
nobody knows who spoke; all its noise levels are left out together.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from appliance.decoding.calibration import Calibration
from appliance.decoding.calibration_fit import (
    ScoredClip,
    confidence,
    fit_to_clips,
    reliability_table,
)
from appliance.decoding.sentence_recogniser import RejectionLimits

TENTHS = 10
LEAST = RejectionLimits().least_confidence


@dataclass(frozen=True, slots=True)
class JudgedClip:
    """A clip that reached a sentence which nothing rules out, by one model."""

    domain: str
    tenth: str
    clip: ScoredClip
    shipped: float
    """Confidence by the weights that are shipped."""


def read(paths: Sequence[Path]) -> list[JudgedClip]:
    """The clips of these files that the confidence decides about."""
    lines = [line for path in paths for line in path.read_text("utf-8").splitlines()]
    return [row for line in lines if (row := row_of(json.loads(line))) is not None]


def row_of(one: dict[str, Any]) -> JudgedClip | None:
    found = one["found"]
    ruled_out = found["confidence"] == 0.0
    if found["score"] is None or found["models_asked"] != 1 or ruled_out:
        return None
    clip = ScoredClip(
        min(found["score"], -found["deficit"]),
        found["deficit"],
        found["margin"],
        one["candidate_right"],
        found["declared_share"],
        objection=found["objection"],
    )
    kind = one["set"].partition("/")[0]
    domain = one["set"] if kind == "home" else kind
    speaker = int(hashlib.sha256(one["speaker"].encode()).hexdigest(), 16) % TENTHS
    return JudgedClip(domain, f"speakers {speaker + 1}", clip, found["confidence"])


def held_out(
    rows: Sequence[JudgedClip], group: Callable[[JudgedClip], str]
) -> list[tuple[JudgedClip, float]]:
    """Each row with the confidence by weights that were fitted without its group."""
    found = []
    for name in sorted({group(row) for row in rows}):
        others = [row.clip for row in rows if group(row) != name]
        weights = [fit_to_clips(others, Calibration())]
        found += [(row, confidence(row.clip, weights)) for row in rows if group(row) == name]
    return found


def show(
    name: str, given: Sequence[tuple[JudgedClip, float]], group: Callable[[JudgedClip], str]
) -> None:
    print(f"\n{name}: of those that reached a sentence\n")
    print("| left out | clips | right %: held out, shipped | wrong %: held out, shipped |")
    print("|---|---|---|---|")
    for part in sorted({group(row) for row, _ in given}):
        some = [(row, sure) for row, sure in given if group(row) == part]
        rates = (
            100 * sum(row.clip.right is right and at >= LEAST for row, at in taken) / len(some)
            for right in (True, False)
            for taken in (some, [(row, row.shipped) for row, _ in some])
        )
        right, right_shipped, wrong, wrong_shipped = rates
        print(
            f"| {part} | {len(some)} | {right:.1f}, {right_shipped:.1f} "
            f"| {wrong:.1f}, {wrong_shipped:.1f} |"
        )
    print("\n| confidence, held out | results | right % |\n|---|---|---|")
    for one in reliability_table([(sure, row.clip.right) for row, sure in given]):
        share = f"{100 * one.right / one.results:.0f}" if one.results else ""
        print(f"| {one.low:.2f} to {one.high:.2f} | {one.results} | {share} |")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl")
    rows = read(parser.parse_args().files)
    print(fit_to_clips([row.clip for row in rows], Calibration()), "fitted to all")
    for name, group in (("domains", lambda row: row.domain), ("speakers", lambda row: row.tenth)):
        show(name, held_out(rows, group), group)
    return 0


if __name__ == "__main__":
    sys.exit(main())
