"""Home Assistant's own sentences, spoken to the multilingual model in five languages.

    APPLIANCE_MODELS=… python tests/measure/languages.py [--model whisper-base]

The voices are SVOX Pico's, and eSpeak NG's for Dutch, which Pico does not speak.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import home_assistant_intents
from hassil import Intents
from hassil.intents import TextSlotList, TextSlotValue

from appliance.engines.whisper.model import Whisper
from appliance.grammar.grammar import Grammar
from measure.accuracy import understanding
from measure.recordings import model_folder
from measure.voices import PICO, espeak, pico


@dataclass(frozen=True)
class SpokenHome:
    """A house in one language, and what is said in it."""

    areas: tuple[str, ...]
    lamp: str
    fan: str
    said: tuple[str, ...]

    def grammar(self, language: str) -> Grammar:
        """Home Assistant's sentences with the names of this house."""
        path = Path(home_assistant_intents.__file__).parent / "data" / f"{language}.json"
        names = [(self.lamp, {"domain": "light"}), (self.fan, {"domain": "fan"})]
        values = [TextSlotValue.from_tuple((name, name, context)) for name, context in names]
        lists = {
            "name": TextSlotList(name="name", values=values),
            "area": TextSlotList.from_strings(self.areas, name="area"),
            "floor": TextSlotList.from_strings(["1"], name="floor"),
        }
        return Grammar.of(Intents.from_dict(json.loads(path.read_text("utf-8"))), lists)


HOUSES = {
    "de": SpokenHome(
        ("Küche", "Wohnzimmer", "Schlafzimmer"),
        "Stehlampe",
        "Ventilator",
        (
            "Schalte das Licht in der Küche ein.",
            "Schalte das Licht in der Küche aus.",
            "Mach das Licht im Wohnzimmer an.",
            "Schalte die Stehlampe aus.",
            "Wie spät ist es?",
            "Stelle einen Timer auf zehn Minuten.",
        ),
    ),
    "fr": SpokenHome(
        ("cuisine", "salon", "chambre"),
        "lampe",
        "ventilateur",
        (
            "Allume la lumière de la cuisine.",
            "Éteins la lumière du salon.",
            "Allume la lampe.",
            "Éteins le ventilateur.",
            "Quelle heure est-il ?",
            "Mets un minuteur de dix minutes.",
            "Règle la luminosité du salon à cinquante pour cent.",
        ),
    ),
    "es": SpokenHome(
        ("cocina", "salón", "dormitorio"),
        "lámpara",
        "ventilador",
        (
            "Enciende la luz de la cocina.",
            "Apaga la luz del salón.",
            "Enciende la lámpara.",
            "Apaga el ventilador.",
            "¿Qué hora es?",
            "Pon un temporizador de diez minutos.",
            "Ajusta el brillo del dormitorio al cincuenta por ciento.",
        ),
    ),
    "it": SpokenHome(
        ("cucina", "soggiorno", "camera"),
        "lampada",
        "ventilatore",
        (
            "Accendi la luce in cucina.",
            "Spegni la luce in soggiorno.",
            "Accendi la lampada.",
            "Spegni il ventilatore.",
            "Che ore sono?",
            "Imposta un timer di dieci minuti.",
            "Accendi le luci della cucina.",
        ),
    ),
    "nl": SpokenHome(
        ("keuken", "woonkamer", "slaapkamer"),
        "lamp",
        "ventilator",
        (
            "Zet de lamp aan.",
            "Doe de lamp aan.",
            "Doe het licht in de keuken uit.",
            "Zet de ventilator uit.",
            "Hoe laat is het?",
            "Zet een timer voor tien minuten.",
        ),
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="whisper-base")
    options = parser.parse_args()
    whisper = Whisper(model_folder(options.model), threads=1)
    how = understanding(whisper)
    print("| language | commands | right | wrong | refused | free speech alone right |")
    print("|---|---|---|---|---|---|")
    for language, house in HOUSES.items():
        grammar = house.grammar(language)
        right = wrong = free = 0
        for text in house.said:
            sound = pico(text, language) if language in PICO else espeak(text, language)
            [expected, *_] = grammar.readings(text)
            found = how.recognise(whisper.encode(sound, language), grammar)
            same = found.reading is not None and found.reading.meaning == expected.meaning
            right, wrong = right + same, wrong + (found.reading is not None and not same)
            readings = grammar.readings(found.free_text)
            free += bool(readings) and readings[0].meaning == expected.meaning
        count = len(house.said)
        print(
            f"| {language} | {count} | {right} | {wrong} | {count - right - wrong} | {free} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
