"""Every view of the page, in the order of the navigation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.page.alias_editor import AliasEditor
from appliance.page.background_command import BackgroundCommand
from appliance.page.board_view import BoardView
from appliance.page.devices_view import DevicesView
from appliance.page.event_streams import EventStreams
from appliance.page.examples_view import ExamplesView
from appliance.page.live_view import LiveView
from appliance.page.log_view import LogView
from appliance.page.models_view import ModelsView
from appliance.page.sentence_editor import SentenceEditor
from appliance.page.sentences_view import SentencesView
from appliance.page.settings_view import SettingsView
from appliance.page.teach_view import TeachView
from appliance.page.timers_view import TimersView
from appliance.page.try_view import TryView

if TYPE_CHECKING:
    from appliance.page.page_services import PageServices
    from appliance.page.page_view import PageView


def all_views(services: PageServices) -> tuple[PageView, ...]:
    """The views; each takes from the services what it needs."""
    streams = EventStreams()
    editor = SentenceEditor(services.settings, services.sentences, services.devices)
    aliases = AliasEditor(services.config, editor, services.devices)
    command = BackgroundCommand(services.config_path)
    settings = SettingsView(services)
    return (
        LiveView(services, streams),
        TryView(services.config, services.jobs),
        SentencesView(editor),
        TeachView(services, editor, aliases),
        ExamplesView(services, editor, command, settings),
        DevicesView(services.config, services.devices),
        TimersView(services.timers, services.activity, services.operations),
        BoardView(services),
        ModelsView(services, command),
        settings,
        LogView(services.log, services.config_path, streams),
    )
