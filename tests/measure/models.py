"""The table of language models: size, answers of 40, JSON of 30, tokens/s, for each one installed.

    python tests/measure/models.py [FOLDER]

FOLDER has a folder for each model, as `appliance models pull` makes it; default: $APPLIANCE_MODELS.
The output is the table of docs/measurements/language-model.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from appliance.config import LanguageModelSettings
from measure.answers import QUESTIONS, known
from measure.extraction import TASKS, extracted


def row(path: Path) -> str:
    """One model."""
    knowledge = known(path, QUESTIONS, 1)
    everything = knowledge.counts(0.0)
    given = knowledge.counts(LanguageModelSettings().least_certainty)
    json = extracted(path, TASKS)
    return (
        f"| {path.parent.name} | {path.stat().st_size / 1e6:.0f} MB | {given['right']} right,"
        f" {given['wrong']} wrong, {given['unknown']} unknown | {everything['right']} right,"
        f" {everything['wrong']} wrong | {json.counts['right']} right,"
        f" {json.counts['valid']} valid, {json.counts['invented']} invented"
        f" | {knowledge.tokens_per_s:.0f} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", default=os.environ.get("APPLIANCE_MODELS", ".")
    )
    files = sorted(Path(parser.parse_args().folder).glob("*/*.gguf"))
    if not files:
        print("there is no language model: see appliance models pull")
        return 69
    print("| model | file | answers of 40 | with least_certainty = 0 | JSON of 30 | tokens/s |")
    print("|---|---|---|---|---|---|")
    for path in files:
        print(row(path), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
