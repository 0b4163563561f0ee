"""A job through the stages of the pipeline to its result, with scripted engines."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hassil import Intents
from support.pipeline_parts import RecordedEvents, ScriptedDecode, scripted_pipeline
from support.scripted_engines import ScriptedLanguageModel
from support.sentences import sentence_set

from appliance.errors import EngineError
from appliance.events import AnswerWritten
from appliance.ids import boot_seconds
from appliance.recognition.recogniser_interface import RecognisedSpeech
from appliance.sentences import sentence_set as sentence_files
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet
from appliance.system.board_state import BoardState
from appliance.values import (
    SATELLITE_REQUESTER,
    BoardReading,
    ClientRequest,
    Operation,
    Outcome,
    Pace,
    PromptRequest,
    Request,
    Result,
    Source,
    TextInput,
    Transcript,
    Trigger,
    Utterance,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from appliance.pipeline.pipeline import Pipeline
    from appliance.values import Completion, Job, Question

SENTENCES = sentence_set(
    {"Light": "light {state}", "Unlock": "unlock the door"},
    DeclaredIntent("Unlock", never_by_voice=True),
    lists={"state": {"values": ["on", "off"]}},
)


ONLY_BY_MODEL = SentenceSet(
    "en",
    SENTENCES.intents,
    {**SENTENCES.declared, "Light": DeclaredIntent("Light", by_fuzzy=False)},
)


def pipeline(*said: Any, writes: list[Any] | None = None, **more: Any) -> Pipeline:
    if writes is not None:
        more["model"] = ScriptedLanguageModel(writes, name="pen")
    return scripted_pipeline(SENTENCES, *said, **more)


def spoken(seconds: float = 1.0, speech_seconds: float | None = 0.8) -> Utterance:
    samples = np.ones(int(16_000 * seconds), np.float32)
    return Utterance(
        *("u", samples, Trigger.ALWAYS, 0.0, time.monotonic() - 0.5),
        speech_seconds=speech_seconds,
    )


def requested(operation: Operation, payload: bytes, expires_at: float | None = None) -> Request:
    return Request("r", operation, payload, expires_at=expires_at)


def done(job: Job, through: Pipeline, board: BoardState | None = None) -> Result:
    return through.process_job(job, board or BoardState(), lambda: False)


def test_a_spoken_sentence_becomes_its_intent() -> None:
    result = done(spoken(), pipeline(Transcript("Light on.", "en", confidence=0.9, no_speech=0.1)))
    assert result.outcome is Outcome.INTENT
    assert result.intent is not None
    assert (result.intent.name, result.intent.slots) == ("Light", {"state": "on"})
    assert (result.intent.by, result.intent.confidence, result.confidence) == ("grammar", 0.9, 0.9)
    assert (result.text, result.models.stt, result.models.lm) == ("Light on.", "stt", None)
    assert (result.source, result.trigger) == (Source.SPEECH, Trigger.ALWAYS)


ROOMS = SentenceSet(
    "en",
    Intents.from_dict(
        {
            "language": "en",
            "intents": {
                "Light": {
                    "data": [
                        {
                            "sentences": ["turn on the lights"],
                            "requires_context": {"area": {"slot": True}},
                        }
                    ]
                }
            },
            "lists": {"area": {"values": ["kitchen", "hall"]}},
        }
    ),
    {"Light": DeclaredIntent("Light")},
)


@pytest.mark.parametrize("said", ["turn on the lights", "turn on the light"])
def test_a_request_is_about_the_room_that_it_names(said: str) -> None:
    there = TextInput("t", said, Source.MQTT, Trigger.REQUEST, area="hall")
    through = scripted_pipeline(ROOMS.in_area("kitchen"))
    for job, area in ((there, "hall"), (dataclasses.replace(there, area=""), "kitchen")):
        result = done(job, through)
        assert result.intent is not None
        assert result.intent.slots == {"area": area}


def test_a_sentence_about_an_unknown_room_is_refused_with_what_is_missing() -> None:
    for job in (spoken(), TextInput("t", "turn on the lights", Source.MQTT, Trigger.REQUEST)):
        result = done(job, scripted_pipeline(ROOMS.in_area(""), "turn on the lights"))
        assert (result.outcome, result.intent) == (Outcome.REFUSED, None)
        assert "device.area" in (result.reason or "")


def test_a_misspelled_sentence_about_an_unknown_room_is_not_repaired() -> None:
    job = TextInput("t", "turn on the light", Source.MQTT, Trigger.REQUEST)
    result = done(job, scripted_pipeline(ROOMS.in_area("")))
    assert result.outcome in (Outcome.NOT_UNDERSTOOD, Outcome.REFUSED)
    assert result.intent is None


def test_a_result_that_two_models_decided_names_both() -> None:
    class RecogniserOfTwoModels:
        name = "stt"

        def prepare(self, _: object) -> None:
            pass

        def recognise(self, *_: object) -> RecognisedSpeech:
            return RecognisedSpeech(
                "light on", SENTENCES.parse_all("light on"), 0.9, by="stt+other"
            )

    asked = pipeline(recogniser=RecogniserOfTwoModels())
    assert done(spoken(), asked).models.stt == "stt+other"


def test_the_time_counts_from_the_last_sound_of_speech() -> None:
    timings = done(spoken(), pipeline("light on")).timings_ms
    assert timings["total_after_speech"] >= 500
    assert {"transcribe", "parse"} <= timings.keys()
    assert "total" not in timings


def test_the_wait_in_the_queue_and_the_wait_for_the_pause_are_measured_apart() -> None:
    utterance = spoken()
    offered = utterance.speech_ended + 0.2
    timings = done(utterance, pipeline("light on"), BoardState(offered_at=offered)).timings_ms
    assert timings["endpoint"] == pytest.approx(200, abs=0.2)
    assert timings["queued"] >= 290


@pytest.mark.parametrize("speech", [spoken(speech_seconds=0.0), spoken(seconds=0)])
def test_silence_is_not_even_shown_to_the_recogniser(speech: Utterance) -> None:
    result = done(speech, pipeline())
    assert (result.outcome, result.text, result.models.stt) == (Outcome.NO_SPEECH, None, None)


@pytest.mark.parametrize("said", [Transcript("Thank you.", "en", no_speech=0.9), "", "  "])
def test_words_invented_for_silence_are_dropped(said: str | Transcript) -> None:
    result = done(spoken(), pipeline(said, writes=["never"]))
    assert (result.outcome, result.text, result.answer) == (Outcome.NO_SPEECH, None, None)


def test_other_speech_is_not_understood_and_shown_as_heard() -> None:
    result = done(spoken(), pipeline("I like trains"))
    assert (result.outcome, result.text) == (Outcome.NOT_UNDERSTOOD, "I like trains")
    assert result.intent is None


def test_other_speech_is_answered_if_the_config_allows_it() -> None:
    result = done(spoken(), pipeline("why do trains run", writes=["They have wheels."]))
    assert (result.outcome, result.answer) == (Outcome.ANSWER, "They have wheels.")
    assert (result.tokens.prompt, result.tokens.cached, result.tokens.generated) == (4, 0, 3)
    assert (result.models.lm, result.text) == ("pen", "why do trains run")


def test_other_speech_is_not_understood_if_the_model_may_answer_only_text() -> None:
    for_text = pipeline("why do trains run", writes=["They have wheels."], answers_speech=False)
    result = done(spoken(), for_text)
    assert (result.outcome, result.text) == (Outcome.NOT_UNDERSTOOD, "why do trains run")
    written = TextInput("t", "why do trains run", Source.COMMAND_LINE, Trigger.COMMAND_LINE)
    assert done(written, for_text).outcome is Outcome.ANSWER


def test_repair_never_makes_an_intent_of_a_text_that_is_marked_never_by_voice() -> None:
    near = requested(Operation.PARSE, b"unlock the dooor")
    assert done(near, pipeline()).outcome is Outcome.NOT_UNDERSTOOD
    assert done(requested(Operation.PARSE, b"unlock the door"), pipeline()).intent is not None
    assert done(spoken(), pipeline("unlock the dooor")).outcome is Outcome.REFUSED


class ModelThatBeginsAgain(ScriptedLanguageModel):
    """Its process dies in the middle of an answer, and writes it anew."""

    def complete(
        self,
        question: Question,
        stopping: Callable[[], bool],
        tell: Callable[[str | None], None] | None = None,
    ) -> Completion:
        assert tell is not None
        for piece in ("They", " have", None, "They", " roll."):
            tell(piece)
        return super().complete(question, stopping)


def test_what_is_seen_of_an_answer_that_is_written_anew_is_not_there_twice() -> None:
    events = RecordedEvents()
    asked = pipeline(model=ModelThatBeginsAgain(["They roll."]), events=events)
    prompt = PromptRequest("tell me about trains", stream=True)
    done(requested(Operation.ANSWER, prompt.packed()), asked)
    seen = [event.text for event in events.of(AnswerWritten)]
    assert seen == ["They", "They have", "They", "They roll."]


def test_a_question_is_answered_only_if_the_model_is_sure() -> None:
    def asked(text: str, certainty: float | None, least: float = 0.55) -> Result:
        model = ScriptedLanguageModel(["On magnets."], certainty=certainty)
        prompt = PromptRequest(text)
        request = requested(Operation.ANSWER, prompt.packed())
        return done(request, pipeline(model=model, least_certainty=least))

    unsure = asked("why do trains run", 0.54)
    assert (unsure.outcome, unsure.answer) == (Outcome.ANSWER, "I do not know that.")
    assert unsure.reason is not None
    assert "0.54; language_model.least_certainty is 0.55" in unsure.reason
    assert asked("they run on what?", 0.54).answer == "I do not know that."
    for text, certainty, least in (
        ("why do trains run", 0.55, 0.55),
        ("why do trains run", 0.1, 0.0),
        ("write a poem", 0.1, 0.55),
        ("why do trains run", None, 0.55),
    ):
        result = asked(text, certainty, least)
        assert (result.answer, result.reason) == ("On magnets.", None)


def test_a_fact_with_the_words_of_a_question_is_read_out_if_the_model_is_not_sure(
    tmp_path: Path,
) -> None:
    file = tmp_path / "facts.txt"
    file.write_text("The bin is collected on Tuesday.\nThe key is under the stone.", "utf-8")

    def asked(question: str, certainty: float) -> str | None:
        model = ScriptedLanguageModel(["Never."], certainty=certainty)
        request = requested(Operation.ANSWER, PromptRequest(question).packed())
        return done(request, pipeline(model=model, facts=str(file))).answer

    assert asked("when is the bin collected", 0.2) == "The bin is collected on Tuesday."
    assert asked("when is the bin collected", 0.9) == "Never."
    assert asked("who stole the bin", 0.2) == "I do not know that."


def test_nothing_of_an_answer_to_a_question_is_seen_before_the_model_is_known_to_be_sure() -> None:
    events = RecordedEvents()
    asked = pipeline(model=ScriptedLanguageModel(["On magnets."], certainty=0.1), events=events)
    prompt = PromptRequest("why do trains run", stream=True)
    done(requested(Operation.ANSWER, prompt.packed()), asked)
    assert events.of(AnswerWritten) == []


def test_a_sentence_never_asks_the_language_model() -> None:
    asked = pipeline("light off", writes=[])
    assert done(spoken(), asked).outcome is Outcome.INTENT


def test_an_intent_marked_never_by_voice_is_refused_when_said_and_done_when_written() -> None:
    said = done(spoken(), pipeline("unlock the door", writes=["never"]))
    assert (said.outcome, said.intent) == (Outcome.REFUSED, None)
    assert said.reason == "Unlock is declared never_by_voice"
    text = TextInput("t", "unlock the door", Source.COMMAND_LINE, Trigger.COMMAND_LINE)
    assert done(text, pipeline()).outcome is Outcome.INTENT


def test_a_resting_board_does_sentences_only() -> None:
    resting = BoardState(pace=Pace.RESTING)
    assert done(spoken(), pipeline("light on", writes=[]), resting).outcome is Outcome.INTENT
    assert done(spoken(), pipeline("hm", writes=["x"]), resting).outcome is Outcome.NOT_UNDERSTOOD
    asked = done(requested(Operation.ANSWER, b"why"), pipeline(writes=["x"]), resting)
    assert asked.outcome is Outcome.REFUSED
    assert asked.reason is not None
    assert "resting" in asked.reason


def test_text_takes_the_same_road_from_the_sentences_on() -> None:
    text = TextInput("t", "LIGHT ON!", Source.COMMAND_LINE, Trigger.COMMAND_LINE)
    result = done(text, pipeline())
    assert result.intent is not None
    assert (result.intent.confidence, result.confidence, result.models.stt) == (1.0, 1.0, None)
    other = TextInput("t", "why", Source.COMMAND_LINE, Trigger.COMMAND_LINE)
    assert done(other, pipeline(writes=["Because."])).answer == "Because."
    assert done(other, pipeline()).outcome is Outcome.NOT_UNDERSTOOD


def test_empty_text_is_not_understood_and_not_answered() -> None:
    text = TextInput("t", "  ", Source.COMMAND_LINE, Trigger.COMMAND_LINE)
    assert done(text, pipeline(writes=["never"])).outcome is Outcome.NOT_UNDERSTOOD


def test_a_transcribe_request_gives_text_and_no_intent() -> None:
    result = done(requested(Operation.TRANSCRIBE, b"sound"), pipeline("light on"))
    assert (result.outcome, result.text, result.intent) == (Outcome.TRANSCRIPT, "light on", None)
    assert (result.source, result.trigger) == (Source.MQTT, Trigger.REQUEST)
    assert {"decode", "transcribe", "total"} <= result.timings_ms.keys()


def test_sound_without_speech_in_a_request_gives_no_speech() -> None:
    asked = pipeline()
    asked._decode = ScriptedDecode(silent=True)  # type: ignore[assignment]
    assert done(requested(Operation.TRANSCRIBE, b"sound"), asked).outcome is Outcome.NO_SPEECH


def test_a_request_whose_payload_is_not_sound_fails_with_the_reason() -> None:
    result = done(requested(Operation.TRANSCRIBE, b"text"), pipeline())
    assert (result.outcome, result.reason) == (Outcome.FAILED, "this is no sound file")


def test_a_parse_request_never_asks_the_language_model() -> None:
    asked = pipeline(writes=[])
    assert done(requested(Operation.PARSE, b"light on"), asked).outcome is Outcome.INTENT
    other = done(requested(Operation.PARSE, b"why"), asked)
    assert (other.outcome, other.text) == (Outcome.NOT_UNDERSTOOD, "why")


def test_an_answer_request_goes_to_the_language_model_even_with_a_sentence() -> None:
    result = done(requested(Operation.ANSWER, b"light on"), pipeline(writes=["Light is bright."]))
    assert (result.outcome, result.answer) == (Outcome.ANSWER, "Light is bright.")


@pytest.mark.parametrize(
    ("payload", "writes", "reason"),
    [
        (b"why", None, "no language model is enabled; see language_model.enabled"),
        (b"  ", ["x"], "there is no text to answer"),
        (b"why", [""], "the language model wrote nothing"),
        (b"why", [EngineError("out of memory")], "out of memory"),
        (b"\xff\xfe", ["x"], "the text is not UTF-8, at byte 0"),
    ],
)
def test_an_answer_that_cannot_be_given_fails_with_the_reason(
    payload: bytes, writes: list[Any] | None, reason: str
) -> None:
    result = done(requested(Operation.ANSWER, payload), pipeline(writes=writes))
    assert (result.outcome, result.reason, result.answer) == (Outcome.FAILED, reason, None)


def test_a_recogniser_that_fails_makes_a_failed_result() -> None:
    result = done(spoken(), pipeline(EngineError("the model broke")))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "the model broke")


def test_a_request_past_its_time_is_expired_and_no_engine_is_asked() -> None:
    late = requested(Operation.ANSWER, b"why", expires_at=boot_seconds() - 1)
    assert done(late, pipeline(writes=[])).outcome is Outcome.EXPIRED
    early = requested(Operation.ANSWER, b"why", expires_at=boot_seconds() + 60)
    assert done(early, pipeline(writes=["Because."])).outcome is Outcome.ANSWER


def test_a_stop_while_the_model_writes_cancels_the_job_and_keeps_what_was_heard() -> None:
    result = pipeline("why", writes=["a b c"]).process_job(spoken(), BoardState(), lambda: True)
    assert (result.outcome, result.text, result.answer) == (Outcome.CANCELLED, "why", None)


def test_what_the_board_does_not_know_stays_unknown() -> None:
    result = done(spoken(), pipeline("light on"))
    assert (result.temperature_c, result.throttled, result.energy_j) == (None, None, None)
    reading = BoardReading(temperature_c=61.5, throttled=False)
    told = done(spoken(), pipeline("light on"), BoardState(reading=reading, boot_id="b"))
    assert (told.temperature_c, told.throttled, told.boot_id) == (61.5, False, "b")


WISH = PromptRequest("why", schema={"type": "boolean"}, session="s", stream=True, maximum_tokens=9)


def test_what_a_request_wishes_reaches_the_model_and_its_session_is_remembered() -> None:
    events = RecordedEvents()
    asked = pipeline(writes=["Because it is.", "Twice.", "Now."], events=events)
    done(requested(Operation.ANSWER, WISH.packed()), asked)
    done(requested(Operation.ANSWER, PromptRequest("really", session="s").packed()), asked)
    done(requested(Operation.ANSWER, b"and now"), asked)
    model = asked.language_model
    assert isinstance(model, ScriptedLanguageModel)
    first, second = model.asked[:2]
    assert (first.turns, first.schema, first.maximum_tokens) == (("why",), {"type": "boolean"}, 9)
    assert second.turns == ("why", "Because it is.", "really")
    shown = [event.text for event in events.of(AnswerWritten)]
    assert shown == ["Because", "Becauseit", "Becauseitis."]
    assert model.asked[2].turns == ("and now",)


def test_a_session_belongs_to_its_requester() -> None:
    asked = pipeline(writes=["One.", "Two."])
    for requester in ("ada", "bob"):
        wish = PromptRequest("why", session="s").packed()
        done(Request("r", Operation.ANSWER, wish, requester=requester), asked)
    model = asked.language_model
    assert isinstance(model, ScriptedLanguageModel)
    assert model.asked[1].turns == ("why",)


class ReportedStates:
    """Facts of two devices."""

    def lines(self, language: str) -> list[str]:
        return [f"Boiler ({language}): 61 °C.", "Lamp: on."]


def test_the_state_of_a_device_stands_beside_a_question_about_it() -> None:
    asked = pipeline(writes=["Hot.", "Well."], devices=ReportedStates())
    done(requested(Operation.ANSWER, b"how hot is the boiler"), asked)
    done(requested(Operation.ANSWER, b"tell me a story"), asked)
    model = asked.language_model
    assert isinstance(model, ScriptedLanguageModel)
    said = [question.turns for question in model.asked]
    assert said == [("Boiler (en): 61 °C. how hot is the boiler",), ("tell me a story",)]


def test_the_clock_stands_beside_the_question_if_the_operator_enables_it() -> None:
    asked = pipeline(writes=["Soon.", "Soon."], tells_time=True)
    done(requested(Operation.ANSWER, b"when"), asked)
    done(requested(Operation.ANSWER, b"when"), asked, BoardState(clock_synced=False))
    model = asked.language_model
    assert isinstance(model, ScriptedLanguageModel)
    told, untold = (question.turns[0] for question in model.asked)
    assert told.startswith("(It is ")
    assert told.endswith(" when")
    assert untold == "when"


def test_a_parse_request_is_repaired_and_says_so() -> None:
    result = done(requested(Operation.PARSE, b"lihgt off"), pipeline())
    assert result.intent is not None
    assert (result.intent.name, result.intent.by) == ("Light", "fuzzy")
    assert result.confidence is not None
    assert 0.8 <= result.confidence < 1.0


def test_speech_that_the_grammar_refused_is_not_repaired() -> None:
    held = pipeline("lihgt off", grammar=True)
    assert done(spoken(), held).outcome is Outcome.NOT_UNDERSTOOD
    result = done(spoken(), pipeline("lihgt off"))
    assert result.intent is not None
    assert (result.intent.name, result.intent.by) == ("Light", "fuzzy")
    held = pipeline("unlok the door", grammar=True)
    assert done(spoken(), held).outcome is Outcome.REFUSED


def test_speech_that_is_near_to_an_intent_marked_never_by_voice_is_refused() -> None:
    result = done(spoken(), pipeline("unlok the door"))
    assert (result.outcome, result.intent) == (Outcome.REFUSED, None)
    assert result.reason == "Unlock is declared never_by_voice"


def test_the_models_choice_is_in_the_result_with_how_sure_it_was() -> None:
    probabilities = {"please put the light on": {" light": 0.98}}
    model = ScriptedLanguageModel([], name="pen", option_probabilities=probabilities)
    asked = scripted_pipeline(ONLY_BY_MODEL, model=model)
    result = done(requested(Operation.PARSE, b"please put the light on"), asked)
    assert result.intent is not None
    assert (result.intent.by, result.intent.slots) == ("model", {"state": "on"})
    assert (result.models.lm, result.tokens.cached, result.tokens.generated) == ("pen", 5, 0)
    assert "choose" in result.timings_ms


def test_a_command_that_was_not_surely_understood_is_not_talked_about() -> None:
    probabilities = {"please put the light on": {" light": 0.6}}
    model = ScriptedLanguageModel(["It is on."], name="pen", option_probabilities=probabilities)
    asked = scripted_pipeline(ONLY_BY_MODEL, model=model)
    text = TextInput("t", "please put the light on", Source.COMMAND_LINE, Trigger.COMMAND_LINE)
    result = done(text, asked)
    assert (result.outcome, result.answer, result.intent) == (Outcome.NOT_UNDERSTOOD, None, None)
    assert result.reason == "perhaps Light, but that is not sure enough"


def test_a_recording_from_elsewhere_becomes_an_intent_as_if_it_had_been_spoken_here() -> None:
    result = done(requested(Operation.RECOGNIZE, b"sound"), pipeline("light on"))
    assert result.intent is not None
    assert (result.outcome, result.intent.slots) == (Outcome.INTENT, {"state": "on"})
    assert (result.source, result.trigger) == (Source.MQTT, Trigger.REQUEST)
    assert {"decode", "total"} <= result.timings_ms.keys()


def test_never_by_voice_holds_for_a_recording_from_elsewhere() -> None:
    result = done(requested(Operation.RECOGNIZE, b"sound"), pipeline("unlock the door"))
    assert (result.outcome, result.intent) == (Outcome.REFUSED, None)
    assert result.reason == "Unlock is declared never_by_voice"


@pytest.mark.parametrize("text", ["unlock the door", "start the saw"])
def test_a_client_that_cannot_say_yes_gets_no_intent_that_needs_one(text: str) -> None:
    sentences = sentence_set(
        {"Unlock": "unlock the door", "Start": "start the saw"},
        DeclaredIntent("Unlock", never_by_voice=True),
        DeclaredIntent("Start", confirm=True),
    )
    sound = np.zeros(16_000, np.float32)
    typed = ClientRequest("c", Operation.PARSE, text=text)
    spoken = ClientRequest("c", Operation.RECOGNIZE, samples=sound)
    for job in (typed, spoken):
        result = done(job, scripted_pipeline(sentences, text))
        assert (result.outcome, result.intent) == (Outcome.REFUSED, None)


def test_a_satellite_can_ask_back_but_what_is_never_done_by_voice_is_refused() -> None:
    sentences = sentence_set(
        {"Unlock": "unlock the door", "Start": "start the saw"},
        DeclaredIntent("Unlock", never_by_voice=True),
        DeclaredIntent("Start", confirm=True),
    )
    at_satellite = Request(
        "r", Operation.RECOGNIZE, b"sound", requester=f"{SATELLITE_REQUESTER}bedroom"
    )
    outcomes = [
        done(at_satellite, scripted_pipeline(sentences, text)).outcome
        for text in ("unlock the door", "start the saw")
    ]
    assert outcomes == [Outcome.REFUSED, Outcome.INTENT]


class NeedsYesForLight:
    """Rules of a lamp that is moved only after a yes."""

    def commands_need_yes(self, intents: tuple[Any, ...], text: str, language: str) -> bool:
        return any(intent.name == "Light" for intent in intents)


def test_a_device_that_needs_a_yes_is_not_moved_by_a_client_that_cannot_say_it() -> None:
    typed = ClientRequest("c", Operation.PARSE, text="light on")
    here = TextInput("t", "light on", Source.COMMAND_LINE, Trigger.COMMAND_LINE)
    outcomes = [
        done(job, pipeline("light on", rules=NeedsYesForLight())).outcome for job in (typed, here)
    ]
    assert outcomes == [Outcome.REFUSED, Outcome.INTENT]


def test_a_recording_of_silence_or_of_other_speech_moves_nothing() -> None:
    silent = pipeline()
    silent._decode = ScriptedDecode(silent=True)  # type: ignore[assignment]
    assert done(requested(Operation.RECOGNIZE, b"sound"), silent).outcome is Outcome.NO_SPEECH
    other = done(requested(Operation.RECOGNIZE, b"sound"), pipeline("I like trains"))
    assert (other.outcome, other.intent) == (Outcome.NOT_UNDERSTOOD, None)
    broken = done(requested(Operation.RECOGNIZE, b"text"), pipeline())
    assert (broken.outcome, broken.reason) == (Outcome.FAILED, "this is no sound file")


def test_a_command_as_text_means_what_the_parser_says_also_if_it_is_never_by_voice() -> None:
    for operation in (Operation.PARSE, Operation.COMMAND):
        understood = done(requested(operation, b"unlock the door"), pipeline())
        assert (understood.outcome, understood.acted) == (Outcome.INTENT, False)
        assert done(requested(operation, b"make me a sandwich"), pipeline()).intent is None
    recorded = done(requested(Operation.RECOGNIZE, b"sound"), pipeline("unlock the door"))
    assert (recorded.outcome, recorded.intent) == (Outcome.REFUSED, None)


def test_it_is_what_the_same_requester_commanded_before_and_a_parse_is_no_command() -> None:
    asked = scripted_pipeline(sentence_files.load(None, "en"))

    def says(text: bytes, operation: Operation, requester: str = "ada") -> Result:
        return done(Request("r", operation, text, requester=requester), asked)

    says(b"turn on the bedroom light", Operation.PARSE)
    assert says(b"turn it off", Operation.COMMAND).outcome is Outcome.NOT_UNDERSTOOD
    says(b"turn on the kitchen light", Operation.COMMAND)
    assert says(b"turn it off", Operation.COMMAND, "bob").outcome is Outcome.NOT_UNDERSTOOD
    result = says(b"turn it off", Operation.COMMAND)
    assert result.intent is not None
    assert (result.intent.name, result.intent.by) == ("HassTurnOff", "fuzzy")
    assert result.intent.slots == {"area": "kitchen", "domain": "light"}


def test_a_command_that_is_held_back_says_why() -> None:
    asked = scripted_pipeline(sentence_files.load(None, "en"))
    result = done(requested(Operation.COMMAND, b"is the kitchen light on"), asked)
    assert (result.outcome, result.intent) == (Outcome.NOT_UNDERSTOOD, None)
    assert result.reason == 'perhaps HassTurnOn, but "is" makes it a question'


def test_a_text_with_two_commands_has_both_in_their_order() -> None:
    house = sentence_set(
        {"Light": "turn on the {name}", "Dim": "dim the {name}", "Lock": "lock the door"},
        DeclaredIntent("Lock", never_by_voice=True),
        lists={"name": {"values": ["fan", "lamp"]}},
    )
    through = scripted_pipeline(house)

    def commanded(text: str) -> Result:
        return done(requested(Operation.COMMAND, text.encode()), through)

    both = commanded("turn on the lamp and lock the door")
    assert [one.name for one in both.commands] == ["Light", "Lock"]
    assert both.intent == both.commands[0]
    pronoun = commanded("turn on the lamp and dim it")
    assert [(one.name, one.slots["name"]) for one in pronoun.commands] == [
        *(("Light", "lamp"), ("Dim", "lamp")),
    ]
    one = commanded("turn on the lamp")
    assert one.intents is msgspec.UNSET
    assert commanded("dim it").commands[0].slots == {"name": "lamp"}
    assert commanded("turn on the lamp and the fan").outcome is Outcome.INTENT
    assert commanded("dim it").outcome is Outcome.NOT_UNDERSTOOD
    half = commanded("turn on the lamp and don't lock the door")
    assert (half.outcome, half.commands) == (Outcome.NOT_UNDERSTOOD, ())


def test_a_spoken_reference_is_believed_if_its_words_were_clear() -> None:
    house = sentence_set(
        {"Off": "turn [the] {name} off", "Set": "set [the] {name} to {brightness}"},
        lists={
            "name": {"values": ["lamp", "fan"]},
            "brightness": {"range": {"from": 0, "to": 100}},
        },
    )

    class HeardFreely:
        name = "stt"

        def prepare(self, _: object) -> None:
            pass

        def recognise(self, *_: object) -> RecognisedSpeech:
            text, confidence = said
            return RecognisedSpeech(text, house.parse_all(text), confidence)

    through = scripted_pipeline(house, recogniser=HeardFreely(), grammar=True)
    said = "set the lamp to 40", 0.9
    assert done(spoken(), through).outcome is Outcome.INTENT
    for words, slots in (
        ("A bit brighter.", {"name": "lamp", "brightness": 50}),
        ("Still a bit brighter.", {"name": "lamp", "brightness": 60}),
        ("The same for the fan.", {"name": "fan", "brightness": 60}),
        ("Turn it off.", {"name": "fan"}),
    ):
        said = words, 0.4
        assert done(spoken(), through).outcome is Outcome.NOT_UNDERSTOOD
        said = words, 0.9
        result = done(spoken(), through)
        assert [(one.slots, one.by) for one in result.commands] == [(slots, "fuzzy")]


def test_spoken_commands_are_all_refused_if_one_of_them_must_not_be_spoken() -> None:
    class RecogniserOfSeveral:
        name = "stt"

        def prepare(self, _: object) -> None:
            pass

        def recognise(self, *_: Any) -> RecognisedSpeech:
            intents = (*SENTENCES.parse_all("light on"), *SENTENCES.parse_all("unlock the door"))
            return RecognisedSpeech("light on and unlock the door", intents, 0.9)

    result = done(spoken(), scripted_pipeline(SENTENCES, recogniser=RecogniserOfSeveral()))
    assert (result.outcome, result.commands) == (Outcome.REFUSED, ())


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("all lights off", Outcome.INTENT),
        ("all lights off?", Outcome.REFUSED),
        ("all lights off, please?", Outcome.INTENT),
        ("switch off all lights?", Outcome.INTENT),
        ("lamp state?", Outcome.INTENT),
        ("a coffee?", Outcome.REFUSED),
        ("a coffee, please?", Outcome.INTENT),
    ],
)
def test_a_typed_question_moves_nothing_unless_it_is_a_request(text: str, outcome: Outcome) -> None:
    asked = sentence_set(
        {
            "HassTurnOff": "[switch off] all lights [off] [please]",
            "Asked": "[what is the] lamp state",
            "Brew": "a coffee [please]",
        }
    )
    job = TextInput("t", text, Source.COMMAND_LINE, Trigger.COMMAND_LINE)
    result = done(job, scripted_pipeline(asked))
    assert result.outcome is outcome
    spoken_text = Transcript(text, "en", confidence=0.9, no_speech=0.1)
    assert done(spoken(), scripted_pipeline(asked, spoken_text)).outcome is Outcome.INTENT
