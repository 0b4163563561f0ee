"""Gives a device or a value of a list one more name for the page, and takes it back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.devices.owner_file_edit import (
    MOST_ALIASES,
    change_device,
    changeable_owner_file,
    planned_change,
)
from appliance.devices.sayable_devices import spoken_name
from appliance.errors import EditRefused
from appliance.sentences.list_alias import (
    LONGEST,
    alias_in,
    named_values,
    with_list_value,
    with_new_list,
)
from appliance.sentences.sentence_set import NAME
from appliance.sentences.taught_sentence import FILE, template_of
from appliance.text.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.config import Config
    from appliance.devices.device_registry import DeviceRegistry
    from appliance.devices.sayable_devices import SayableDevice
    from appliance.page.sentence_editor import CheckedEdit, SentenceEditor
    from appliance.sentences.list_alias import NamedValue
    from appliance.values import Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedAlias:
    """An alias that was saved, and what takes it back."""

    alias: str
    value: NamedValue
    checked: CheckedEdit
    in_use: bool
    device_key: str = ""
    """The device that has it now; empty if it stands in a sentence file."""
    file: str = ""
    digest: str = ""


class AliasEditor:
    """For the HTTP server's loop."""

    def __init__(
        self, config: Config, editor: SentenceEditor, registry: DeviceRegistry | None
    ) -> None:
        self._config = config
        self._editor = editor
        self._registry = registry

    def values(self) -> list[NamedValue]:
        """Everything that can get another name."""
        return named_values(self._editor.active)

    def found_in(self, said: str, meant: str, meaning: Intent) -> tuple[str, NamedValue] | None:
        """The alias that makes `said` mean what `meant` means, and its value; None: there is none.

        It is a name of nothing else.
        """
        values = self.values()
        found = alias_in(values, said, meant, meaning)
        return None if found is None or _owner_of(found[0], values) else found

    async def add(
        self, words: str, value: NamedValue, said: str = "", meaning: Intent | None = None
    ) -> AddedAlias:
        """Save the alias; with `said`, only if that means `meaning` from then on.

        Raises:
            EditRefused: it cannot be a name, is one already, or the words would mean another thing.
            DeviceConfigError, SentencesError: the file cannot be changed.

        """
        alias = template_of(words)
        if len(alias) > LONGEST or spoken_name(alias) is None:
            raise EditRefused(f"a name has 1 to {LONGEST} characters, and at least one letter")
        if (taken := _owner_of(alias, await asyncio.to_thread(self.values))) is not None:
            raise EditRefused(f"“{alias}” is a name of {taken.out} already")
        device = self._device_of(value)
        if device is not None:
            return await self._add_to_device(alias, value, device, said, meaning)
        return await self._add_to_list(alias, value, said, meaning)

    async def remove(self, alias: str, device_key: str) -> None:
        """Take an alias of a device back.

        Raises:
            EditRefused: the device has none like that.
            DeviceConfigError: the file cannot be changed.

        """
        device = next((one for one in self._devices() if one.entity.key == device_key), None)
        if device is None or alias not in device.entry.aliases:
            raise EditRefused("this name is not there any more")
        left = [one for one in device.entry.aliases if one != alias]
        await self._change(device, left, "")

    async def _add_to_device(
        self,
        alias: str,
        value: NamedValue,
        device: SayableDevice,
        said: str,
        meaning: Intent | None,
    ) -> AddedAlias:
        if len(device.entry.aliases) >= MOST_ALIASES:
            raise EditRefused(f"a device has at most {MOST_ALIASES} other names")
        checked = await self._change(device, [*device.entry.aliases, alias], said, meaning)
        return AddedAlias(
            alias=alias,
            value=value,
            checked=checked,
            in_use=await self._editor.use(checked),
            device_key=device.entity.key,
        )

    async def _change(
        self, device: SayableDevice, aliases: list[str], said: str, meaning: Intent | None = None
    ) -> CheckedEdit:
        """Write the device's aliases, if the sentences can be used with them."""
        registry = self._registry
        assert registry is not None  # noqa: S101  (it has the device)
        path = await asyncio.to_thread(changeable_owner_file, self._config)
        what = (path, device.entity, {"aliases": aliases}, registry.rules)
        planned = await asyncio.to_thread(planned_change, *what)
        values = await asyncio.to_thread(registry.lists_with, planned)
        checked = await self._editor.check_values(values, said)
        _require(checked, said, meaning)
        registry.replace_owner(await asyncio.to_thread(change_device, *what))
        await self._editor.use(checked)
        return checked

    async def _add_to_list(
        self, alias: str, value: NamedValue, said: str, meaning: Intent | None
    ) -> AddedAlias:
        name, text, digest = await asyncio.to_thread(self._changed_file, value, alias)
        checked = await self._editor.check(name, text, said)
        _require(checked, said, meaning)
        _, digest, in_use = await self._editor.save(name, text, digest)
        return AddedAlias(
            alias=alias, value=value, checked=checked, in_use=in_use, file=name, digest=digest
        )

    def _changed_file(self, value: NamedValue, alias: str) -> tuple[str, str, str]:
        """Name, new text, and digest of the old text of the file that declares the list."""
        files = self._editor.files()
        for name in files.names():
            opened = files.read(name)
            text = with_list_value(opened.text, value.list_name, value.out, alias)
            if text is not None:
                return name, text, opened.digest
        opened = files.opened(FILE)
        text = with_new_list(opened.text, value.list_name, value.out, alias)
        return opened.name, text, opened.digest

    def _device_of(self, value: NamedValue) -> SayableDevice | None:
        """The device with this name; None if the value is no device's."""
        if value.list_name != NAME:
            return None
        found = [one for one in self._devices() if one.name == value.out and one.problem is None]
        if len(found) > 1:
            raise EditRefused("several devices have this name: add the other name under Devices")
        return found[0] if found else None

    def _devices(self) -> Sequence[SayableDevice]:
        return [] if self._registry is None else self._registry.devices


def _owner_of(alias: str, values: Sequence[NamedValue]) -> NamedValue | None:
    """The value of which the alias is a name; None if it is nobody's."""
    spelling = normalise(alias)
    return next((one for one in values if spelling in one.spellings), None)


def _require(checked: CheckedEdit, said: str, meaning: Intent | None) -> None:
    """Raise EditRefused if the sentences cannot be used, or `said` does not mean `meaning`."""
    if checked.sentences is None:
        raise EditRefused("; ".join(one.what for one in checked.problems))
    if meaning is None:
        return
    became = () if checked.fit is None else checked.fit.intents
    if [(one.name, one.slots) for one in became] != [(meaning.name, meaning.slots)]:
        raise EditRefused(f"with this name alone, “{said}” would not mean that: teach the sentence")
