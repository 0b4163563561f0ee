"""Answers questions about clock, appliance and board from facts, and sets the volume."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import TYPE_CHECKING

from appliance.answers.answer_phrases import answer_phrases_for
from appliance.grammar.text_parser import INCLUDED
from appliance.sentences.home_assistant_responses import response
from appliance.text.time_words import time_words_for
from appliance.values import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.answers.last_words import LastWords
    from appliance.answers.loudspeaker_volume import LoudspeakerVolume
    from appliance.config import Config
    from appliance.mqtt.connection import BrokerConnection
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.system.board_monitor import BoardMonitor
    from appliance.values import Result

EXAMPLES = 4
"""Maximum number of sentences in the answer to "what can I say"."""

VOLUME_STEP = 0.1


class FactAnswers:
    """Answers intents about the appliance itself, without a model. Any thread."""

    def __init__(
        self,
        config: Config,
        sentences: ActiveSentences,
        board: BoardMonitor,
        *,
        connection: BrokerConnection,
        volume: LoudspeakerVolume,
        last: LastWords,
    ) -> None:
        self._config = config
        self._sentences = sentences
        self._board = board
        self._connection = connection
        self._volume = volume
        self._last = last
        self._answers: dict[str, Callable[[Result], str]] = {
            "HassGetCurrentTime": self._time,
            "HassGetCurrentDate": self._date,
            "AskWeekday": self._weekday,
            "AskName": self._name,
            "AskRoom": self._area,
            "AskSentences": self._example_sentences,
            "AskModel": self._model,
            "AskTemperature": self._temperature,
            "AskPower": self._power,
            "AskNetwork": self._network,
            "AskLastCommand": self._last_command,
            "RepeatAnswer": self._last_answer,
            "VolumeSet": self._set_volume,
            "VolumeUp": self._set_volume,
            "VolumeDown": self._set_volume,
            "SpeakerMute": self._mute,
            "SpeakerUnmute": self._mute,
        }

    def handle_intent(self, result: Result) -> Action | None:
        """Answer a question about itself; None if the intent is another one."""
        if result.intent is None or result.intent.name not in self._answers:
            return None
        return Action(answer=self._answers[result.intent.name](result))

    def _time(self, result: Result) -> str:
        now = datetime.now().astimezone()
        slots = {"time": now.time()}
        return self._with_warning(result, response(result.language, _name(result), slots=slots))

    def _date(self, result: Result) -> str:
        slots = {"date": datetime.now().astimezone().date()}
        return self._with_warning(result, response(result.language, _name(result), slots=slots))

    def _weekday(self, result: Result) -> str:
        day = time_words_for(result.language).weekdays[datetime.now().astimezone().weekday()]
        phrases = answer_phrases_for(result.language)
        return self._with_warning(result, phrases.weekday.format(day=day))

    def _with_warning(self, result: Result, answer: str) -> str:
        """Add a warning if the clock is known to be not synchronised."""
        if self._board.state().clock_synced is not False:
            return answer
        return f"{answer} {answer_phrases_for(result.language).clock_unset}".strip()

    def _name(self, result: Result) -> str:
        return answer_phrases_for(result.language).name.format(name=self._config.name)

    def _area(self, result: Result) -> str:
        phrases, area = answer_phrases_for(result.language), self._config.device.area
        return phrases.area.format(area=area) if area else phrases.no_area

    def _example_sentences(self, result: Result) -> str:
        """One sentence of each of the owner's first intents; without any, of the included ones."""
        phrases, current = answer_phrases_for(result.language), self._sentences.current
        intents = current.intents.intents.values()
        own = [one.name for one in intents if any(not _is_included(b.metadata) for b in one.data)]
        found = []
        for name in own or [one.name for one in intents]:
            found += [text for _, text in itertools.islice(current.examples(1, name), 1)]
            if len(found) == EXAMPLES:
                break
        return phrases.sentences.format(list="; ".join(found)) if found else phrases.no_sentences

    def _model(self, result: Result) -> str:
        phrases, config = answer_phrases_for(result.language), self._config
        if not config.language_model.enabled:
            return phrases.model_speech.format(stt=config.speech.model)
        return phrases.model.format(stt=config.speech.model, lm=config.language_model.model)

    def _temperature(self, result: Result) -> str:
        phrases, celsius = answer_phrases_for(result.language), self._board.reading.temperature_c
        if celsius is None:
            return phrases.no_sensor
        return phrases.temperature.format(degrees=round(celsius))

    def _power(self, result: Result) -> str:
        phrases, watts = answer_phrases_for(result.language), self._board.reading.watts
        return phrases.no_sensor if watts is None else phrases.power.format(watts=round(watts, 1))

    def _network(self, result: Result) -> str:
        phrases = answer_phrases_for(result.language)
        if not self._connection.connected:
            return phrases.not_connected
        return phrases.connected.format(host=self._config.broker_host)

    def _last_command(self, result: Result) -> str:
        phrases, text = answer_phrases_for(result.language), self._last.command
        return phrases.last_command.format(text=text) if text else phrases.no_command

    def _last_answer(self, result: Result) -> str:
        return self._last.answer or answer_phrases_for(result.language).nothing_said

    def _set_volume(self, result: Result) -> str:
        slots = {} if result.intent is None else result.intent.slots
        steps = {"VolumeUp": VOLUME_STEP, "VolumeDown": -VOLUME_STEP}
        if "volume" in slots:
            self._volume.use(float(slots["volume"]) / 100, muted=False, order=result.id)
        else:
            step = steps.get(_name(result), 0.0)
            self._volume.use(self._volume.level + step, muted=False, order=result.id)
        percent = round(self._volume.level * 100)
        return answer_phrases_for(result.language).volume.format(percent=percent)

    def _mute(self, result: Result) -> str:
        phrases, muted = answer_phrases_for(result.language), _name(result) == "SpeakerMute"
        self._volume.use(self._volume.level, muted=muted, order=result.id)
        return phrases.muted if muted else phrases.unmuted


def _name(result: Result) -> str:
    return "" if result.intent is None else result.intent.name


def _is_included(metadata: dict[str, object] | None) -> bool:
    return bool((metadata or {}).get(INCLUDED))
