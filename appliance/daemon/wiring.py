"""Builds every part of the daemon, in the order of their dependencies; nothing runs yet."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.answers.fact_answers import FactAnswers
from appliance.answers.last_words import LastWords
from appliance.answers.loudspeaker_volume import LoudspeakerVolume
from appliance.answers.sum_answers import SumAnswers
from appliance.clips.recent_recordings import RecentRecordings
from appliance.daemon.device_wiring import device_messages, open_devices
from appliance.daemon.home_assistant_announcement import HomeAssistantAnnouncement
from appliance.daemon.metrics_collector import MetricsCollector
from appliance.daemon.reload import LiveSettings
from appliance.daemon.status_publisher import StatusPublisher
from appliance.devices.confirmation_rules import ConfirmationRules
from appliance.devices.device_actions import DeviceActions
from appliance.devices.device_facts import DeviceFacts
from appliance.devices.unfinished_actions import UnfinishedActions
from appliance.dialogue.button_and_light import ButtonAndLight
from appliance.dialogue.confirm_and_session import Dialogue
from appliance.dialogue.listener_control import ListenerControl
from appliance.dialogue.request_confirmation import RequestConfirmation
from appliance.dialogue.speech_output import SpeechOutput
from appliance.events import EventBus
from appliance.fleet.bundle_receiver import BundleReceiver
from appliance.ids import Ids
from appliance.jobs.act_stage import ActStage
from appliance.jobs.client_jobs import ClientJobs
from appliance.jobs.commit_stage import JobLedger
from appliance.jobs.job_queue import JobQueue
from appliance.listening.button_control import ButtonControl
from appliance.listening.earshot import Earshot
from appliance.listening.speech_intake import SpeechIntake
from appliance.listening.voice_input import VoiceInput
from appliance.messages.status_payloads import Status
from appliance.messages.topics import Topics
from appliance.mqtt.connection import BrokerConnection
from appliance.mqtt.flood_limit import FloodLimit
from appliance.mqtt.publisher import Publisher
from appliance.mqtt.result_commit import ResultCommitter
from appliance.page.board_history import BoardHistory
from appliance.page.observed_activity import ObservedActivity
from appliance.page.operations import PageOperations
from appliance.page.page_services import PageServices
from appliance.pipeline.pipeline import Pipeline
from appliance.pipeline.pipeline_factory import load_sentences, open_language_model
from appliance.pipeline.worker import Worker
from appliance.recognition.service import RecognitionService
from appliance.recognition.speech_models import SpeechModelLoader
from appliance.requests.intake import RequestIntake
from appliance.requests.mqtt_thread import MqttService, status_of
from appliance.requests.request_dispatcher import RequestDispatcher
from appliance.requests.request_parser import RequestParser
from appliance.requests.runtime_options import RuntimeOptions
from appliance.satellites.satellite_connections import SatelliteConnections
from appliance.satellites.satellite_requests import SatelliteRequests
from appliance.sentences.active_sentences import ActiveSentences
from appliance.sentences.file_watch import FileWatch
from appliance.sparkplug.edge_node import EdgeNode
from appliance.sparkplug.node_metrics import NodeMetrics
from appliance.system.board_monitor import BoardMonitor
from appliance.system.clock_sync import clock_synced
from appliance.system.log_ring import LogRing
from appliance.system.sensors import Board, board_root
from appliance.threads import Loop, StopSignal
from appliance.timers.timer_service import TimerService
from appliance.wyoming_server.server import WyomingServer
from appliance.wyoming_server.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack
    from pathlib import Path

    from appliance.config import Config
    from appliance.journal.journal import Journal
    from appliance.protocols import IntentHandler, Microphone

SPEECH_OUTPUT_LIMIT_S = 60.0
"""Time limit of a turn that speaks one text, in seconds."""

JOB_LIMIT_S = 120.0
"""Time limit of a job, in seconds, in addition to twice the language model's limit."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts that the main thread starts, watches and stops."""

    events: EventBus
    settings: LiveSettings
    options: RuntimeOptions
    queue: JobQueue
    worker: Worker
    voice: VoiceInput
    dispatcher: RequestDispatcher
    mqtt: MqttService
    status: StatusPublisher
    bundles: BundleReceiver
    metrics: MetricsCollector
    mqtt_loop: Loop
    worker_loop: Loop
    speech_loop: Loop
    timers_loop: Loop
    voice_loops: tuple[Loop, ...]
    client_loops: tuple[Loop, ...]
    """Servers for clients with a connection of their own; mostly none."""


def wire(  # noqa: PLR0915  (one line for each part)
    path: Path,
    config: Config,
    journal: Journal,
    stack: ExitStack,
    microphone: Microphone | None,
) -> Parts:
    """Build the daemon; `stack` closes what must be closed.

    Args:
        path: of the configuration, for a reload.
        config: what it holds.
        journal: opened.
        stack: its end is the daemon's end.
        microphone: takes the place of the sound card; None is the sound card.

    Raises:
        ApplianceError: what the configuration names is not there, or not usable.

    """
    # Shared by everything.
    events, ids, topics = EventBus(), Ids(journal.last_id), Topics.of(config)
    board = BoardMonitor(Board(board_root(), state_directory=config.state_directory), events)
    watch = FileWatch(config.sentence_folder)
    registry = open_devices(config)
    values = None if registry is None else registry.lists()
    sentences = ActiveSentences(load_sentences(config, values))
    rules = ConfirmationRules(sentences, registry)

    # Commands to the listener, and what is spoken.
    control = ListenerControl()
    speech = SpeechOutput(config, control, events)

    # ACT, COMMIT and PUBLISH.
    flood_limit = FloodLimit(topics, journal)
    connection = BrokerConnection(config, status_of(topics, Status.OFFLINE), flood_limit)
    publisher = Publisher(journal, connection)
    committer = ResultCommitter(journal, connection, topics, publisher)
    queue = JobQueue(config.requests.maximum_waiting)
    timers = TimerService(
        config,
        journal,
        publisher,
        topics=topics,
        ids=ids,
        speech=speech,
        sentences=sentences,
        rules=rules,
        queue=queue,
        is_synced=functools.partial(clock_synced, board_root()),
    )
    last_words = LastWords()
    events.subscribe(last_words)
    answers = FactAnswers(
        config,
        sentences,
        board,
        connection=connection,
        volume=LoudspeakerVolume(journal, speech),
        last=last_words,
    )
    devices = None
    if registry is not None:
        devices = DeviceActions(
            config.devices,
            registry,
            publisher,
            topics,
            sentences,
            unfinished=UnfinishedActions(journal, publisher),
            speaker=speech,
        )
    handlers: list[IntentHandler] = [timers, answers, SumAnswers()]
    if devices is not None:
        handlers.append(devices)
    ledger = JobLedger(journal, committer, events, ActStage(handlers))

    # CONFIRM.
    dialogue = Dialogue(
        config,
        ledger,
        queue,
        sentences=sentences,
        rules=rules,
        listener=control,
        speech=speech,
        events=events,
    )
    confirmation = RequestConfirmation(
        ledger, rules, topics=topics, publisher=publisher, events=events
    )

    # DECODE, RECOGNISE, TRANSCRIBE, RESOLVE and ANSWER.
    language_model = open_language_model(config)
    recognition = RecognitionService(
        SpeechModelLoader(config),
        sentences,
        events,
        language_model,
        publishes_words=config.listening.partial or bool(config.page.listen),
    )
    facts = DeviceFacts(registry)
    pipeline = Pipeline(
        config, sentences, recognition, language_model, events, devices=facts, rules=rules
    )
    stopping = StopSignal()
    worker = Worker(
        queue,
        pipeline,
        dialogue,
        ledger,
        confirmation=confirmation,
        board=board,
        events=events,
        stopping=stopping,
    )

    # CAPTURE and ENDPOINT.
    earshot = Earshot(topics.earshot, publisher)
    hears_others = topics.earshot is not None or config.wyoming.satellites
    election = earshot.join(config.name, control) if hears_others else None
    speech_intake = SpeechIntake(
        ids,
        dialogue,
        queue,
        ledger,
        speech=speech,
        control=control,
        board=board,
        events=events,
        election=election,
    )
    voice = VoiceInput(
        config,
        speech_intake,
        recognition,
        control=control,
        speech=speech,
        events=events,
        microphone=microphone,
    )
    panel = ButtonAndLight(config.panel, button=ButtonControl(config.panel, dialogue, voice))
    stack.callback(panel.close)

    # Requests.
    options = RuntimeOptions(config, voice, events)
    bundles = BundleReceiver(path, config)
    dispatcher = RequestDispatcher(
        config,
        queue,
        journal,
        ledger,
        confirmation=confirmation,
        topics=topics,
        publisher=publisher,
        options=options,
        voice=voice,
        speech=speech,
        board=board,
        bundles=bundles,
        timers=timers,
        dialogue=dialogue,
    )
    parser = RequestParser(
        topics,
        config.requests.maximum_bytes,
        ids.new,
        operations=config.mqtt.operations,
        maximum_json_tokens=config.language_model.maximum_json_tokens,
    )
    intake = RequestIntake(journal, topics, parser, dispatcher, publisher, flood_limit)
    mqtt = MqttService(
        journal,
        connection,
        topics,
        publisher,
        committer,
        intake=intake,
        earshot=earshot,
        devices=device_messages(config, registry, devices),
    )

    # Observers.
    settings = LiveSettings(path, config, sentences, watch, pipeline, events, devices=registry)
    status = StatusPublisher(
        settings,
        options,
        publisher,
        topics=topics,
        board=board,
        mqtt=mqtt,
        queue=queue,
        voice=voice,
        language_model=language_model,
        events=events,
        announcement=HomeAssistantAnnouncement(config, journal, topics, publisher),
        bundles=bundles,
    )
    events.subscribe(status)
    events.subscribe(panel)

    # Clients with a connection of their own.
    client_loops: list[Loop] = []
    jobs = ClientJobs(queue, ids)
    if config.wyoming.listen or config.wyoming.satellites or config.page.listen:
        events.subscribe(jobs)
    if config.wyoming.listen or config.wyoming.satellites:
        services = Services.of(config, jobs, recognition, sentences, speech.synthesizer)
        spoken = SatelliteRequests(intake, confirmation, ids.new)
        client_loops += _wyoming(services, events, spoken, earshot)
    if config.sparkplug.group_id:
        node = NodeMetrics()
        events.subscribe(node)
        client_loops.append(Loop("Sparkplug edge node", EdgeNode(config, node, dispatcher)))
    page = PageServices(
        config=config,
        config_path=path,
        settings=settings,
        sentences=sentences,
        devices=registry,
        activity=ObservedActivity(),
        recordings=RecentRecordings(config),
        voice=voice,
        jobs=jobs,
        operations=PageOperations(intake, dispatcher, ids.new),
        timers=timers,
        board=board,
        history=BoardHistory(),
        queue=queue,
        status=status,
        log=LogRing(),
    )
    if config.http.listen or config.page.listen:
        # It costs memory, so it is imported only if it is wanted.
        from appliance.daemon.site_wiring import http_server  # noqa: PLC0415

        server = http_server(
            page,
            intake,
            dispatcher,
            ids,
            synthesizer=speech.synthesizer,
            events=events,
            stack=stack,
        )
        client_loops.append(Loop("HTTP server", server))

    return Parts(
        events=events,
        settings=settings,
        options=options,
        queue=queue,
        worker=worker,
        voice=voice,
        dispatcher=dispatcher,
        mqtt=mqtt,
        status=status,
        bundles=bundles,
        metrics=MetricsCollector(
            status,
            mqtt,
            queue,
            board,
            events,
            voice=voice,
            language_model=language_model,
            state_directory=config.state_directory,
        ),
        mqtt_loop=Loop("MQTT thread", mqtt),
        worker_loop=Loop(
            "worker",
            worker,
            turn_limit_s=2 * config.language_model.time_limit_s + JOB_LIMIT_S,
            stopping=stopping,
        ),
        speech_loop=Loop("speech output", speech, turn_limit_s=SPEECH_OUTPUT_LIMIT_S),
        timers_loop=Loop("timers", timers),
        voice_loops=tuple(voice.loops),
        client_loops=tuple(client_loops),
    )


def _wyoming(
    services: Services, events: EventBus, spoken: SatelliteRequests, earshot: Earshot
) -> Iterator[Loop]:
    """The Wyoming server, and the connections to satellites, as far as they are on."""
    if services.config.wyoming.listen:
        yield Loop("Wyoming server", WyomingServer(services))
    if services.config.wyoming.satellites:
        events.subscribe(spoken)
        yield Loop("satellites", SatelliteConnections(services, spoken, earshot))
