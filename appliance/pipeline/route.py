"""Which stages a job passes, in which order: one row for each kind of job."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from appliance.values import ClientRequest, Operation, Request, Utterance

if TYPE_CHECKING:
    from appliance.values import Job


class Stage(enum.StrEnum):
    """The stages in their order, each with the class that does it.

    Sound from a microphone passes CAPTURE and ENDPOINT in the listener's thread, every job the
    stages from DECODE to COMMIT in the worker's, and its messages PUBLISH in the MQTT thread.
    """

    CAPTURE = "capture"
    """listening.listener.Listener"""
    ENDPOINT = "endpoint"
    """listening.frames_to_utterances.FramesToUtterances, with endpointing.segmenter.Segmenter"""
    DECODE = "decode"
    """pipeline.hear.DecodeStage: a recording from a request to samples"""
    RECOGNISE = "recognise"
    """pipeline.hear.RecogniseStage: samples to a declared sentence"""
    TRANSCRIBE = "transcribe"
    """pipeline.hear.TranscribeStage: samples to any words"""
    RESOLVE = "resolve"
    """pipeline.resolve.ResolveStage: a text to an intent"""
    ANSWER = "answer"
    """pipeline.answer.AnswerStage: a text to an answer by the language model"""
    CONFIRM = "confirm"
    """dialogue.confirm_and_session.Dialogue: asks back if the intent is declared `confirm`;
    dialogue.request_confirmation.RequestConfirmation: the same for a request, over MQTT"""
    ACT = "act"
    """jobs.act_stage.ActStage: carries out the intent, if a part of the appliance can"""
    COMMIT = "commit"
    """jobs.commit_stage.JobLedger: the result and its messages to disk"""
    PUBLISH = "publish"
    """requests.mqtt_thread.MqttService: the messages to the broker"""


UTTERANCE = (
    *(Stage.RECOGNISE, Stage.RESOLVE, Stage.ANSWER, Stage.CONFIRM, Stage.ACT, Stage.COMMIT),
)
REPLY = (Stage.TRANSCRIBE, Stage.CONFIRM)
"""Route of a spoken reply to a question: yes, or anything else."""
TEXT = (Stage.RESOLVE, Stage.ANSWER, Stage.ACT, Stage.COMMIT)

ROUTES: dict[Operation, tuple[Stage, ...]] = {
    Operation.TRANSCRIBE: (Stage.DECODE, Stage.TRANSCRIBE, Stage.COMMIT),
    Operation.RECOGNIZE: (
        *(Stage.DECODE, Stage.RECOGNISE, Stage.RESOLVE, Stage.ANSWER),
        *(Stage.CONFIRM, Stage.ACT, Stage.COMMIT),
    ),
    # PARSE has no CONFIRM and ACT: it returns the meaning of a text, and nothing acts on it.
    Operation.PARSE: (Stage.RESOLVE, Stage.COMMIT),
    Operation.COMMAND: (Stage.RESOLVE, Stage.CONFIRM, Stage.ACT, Stage.COMMIT),
    Operation.ANSWER: (Stage.ANSWER, Stage.COMMIT),
}
"""Routes by the operation of a request."""

CLIENT_ROUTES: dict[Operation, tuple[Stage, ...]] = {
    Operation.TRANSCRIBE: (Stage.TRANSCRIBE, Stage.COMMIT),
    Operation.RECOGNIZE: (Stage.RECOGNISE, Stage.RESOLVE, Stage.COMMIT),
    Operation.PARSE: (Stage.RESOLVE, Stage.COMMIT),
    Operation.ANSWER: (Stage.ANSWER, Stage.COMMIT),
}
"""Routes for a client with a connection of its own, whose sound is decoded as it arrives."""


def route_of(job: Job) -> tuple[Stage, ...]:
    """The stages that this job passes."""
    if isinstance(job, Utterance):
        return REPLY if job.reply else UTTERANCE
    if isinstance(job, ClientRequest):
        return CLIENT_ROUTES[job.operation]
    return ROUTES[job.operation] if isinstance(job, Request) else TEXT


def is_spoken(job: Job) -> bool:
    """Whether the job was spoken, so that `never_by_voice` applies."""
    return Stage.RECOGNISE in route_of(job)
