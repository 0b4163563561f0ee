"""The owner's sentence files for an editor: list, read, try an edit, save, restore."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import EditRefused
from appliance.sentences.file_watch import files_below
from appliance.sentences.sentence_files import find, folder_of_language
from appliance.sentences.sentence_set import SHIPPED
from appliance.system import atomic_file
from appliance.system.kept_versions import KeptVersions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.system.kept_versions import KeptVersion

NEW_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.yaml")

MOST_FILES = 200
"""Maximum number of files in the folder, so that the page's list is bounded."""

VERSIONS = "sentence-versions"
"""Folder in the state directory."""


@dataclass(frozen=True, slots=True)
class EditableFile:
    """A sentence file as it was read."""

    name: str
    """Relative to the folder."""
    text: str
    digest: str
    """SHA-256, to notice that somebody else has changed it; empty if it is not there yet."""


class EditableSentences:
    """The files of one folder and language. Its methods block; one caller at a time."""

    def __init__(
        self, folder: Path | None, language: str, *, own_folder: Path, state_directory: Path
    ) -> None:
        """Nothing is read yet.

        Args:
            folder: that is in use; None for the starter set, of which the first save makes a copy.
            language: whose files are edited.
            own_folder: where the copy is made.
            state_directory: for earlier versions; a folder in it that is not `own_folder` is not
                the owner's (it came with a bundle), and is not edited.

        """
        self.is_starter_set = folder is None
        self._folder = SHIPPED if folder is None else folder
        self._language = language
        self._own_folder = own_folder
        self._state_directory = state_directory
        self._versions = KeptVersions(state_directory / VERSIONS)

    @property
    def folder(self) -> Path:
        """The folder of the files after a save."""
        return self._own_folder if self.is_starter_set else self._folder

    def names(self) -> list[str]:
        """Names of the files in use, relative to the folder.

        Raises:
            SentencesError: the folder cannot be read.

        """
        paths = find(self._folder, self._language)[:MOST_FILES]
        return [path.relative_to(self._folder).as_posix() for path in paths]

    def why_read_only(self) -> str:
        """Why nothing can be saved here; empty if it can."""
        if self.is_starter_set:
            return ""
        inside = self._folder.resolve().is_relative_to(self._state_directory.resolve())
        if inside and self._folder.resolve() != self._own_folder.resolve():
            return "these sentences came in a signed bundle; make a new bundle to change them"
        place = folder_of_language(self._folder, self._language)
        if not os.access(place, os.W_OK):
            return (
                f"the appliance may not write into {place}. Move the files to {self._own_folder}, "
                "let them belong to its user, and leave sentences.folder empty"
            )
        return ""

    def read(self, name: str) -> EditableFile:
        """A file in use.

        Raises:
            EditRefused: there is no such file, or it is not UTF-8.

        """
        if name not in self.names():
            raise EditRefused(f"there is no sentence file {name!r}")
        try:
            content = (self._folder / name).read_bytes()
            return EditableFile(name, content.decode("utf-8-sig"), _digest(content))
        except UnicodeDecodeError:
            raise EditRefused(f"{name} is not UTF-8 text; save it as UTF-8") from None
        except OSError as error:
            raise EditRefused(f"{name} cannot be read: {error.strerror}") from error

    def named(self, wanted: str) -> str:
        """The name of a new file; `kitchen` is `kitchen.yaml`, in the folder of the language.

        Raises:
            EditRefused: it cannot be a file's name, or is one already.

        """
        base = wanted if wanted.endswith(".yaml") else f"{wanted}.yaml"
        if NEW_NAME.fullmatch(base) is None:
            raise EditRefused("a file's name has 1 to 64 letters, digits, - and _")
        name = self._in_language_folder(base)
        if (self._folder / name).exists():
            raise EditRefused(f"there is a file {name} already")
        return name

    def opened(self, base: str) -> EditableFile:
        """A file in the folder of the language; empty if it is not there yet."""
        name = self._in_language_folder(base)
        return self.read(name) if name in self.names() else EditableFile(name, "", "")

    @contextlib.contextmanager
    def edited(self, name: str, text: str | None) -> Iterator[Path]:
        """A temporary folder with the files as they would be after a save.

        `text` None is for a file that is removed.
        """
        self._check_name(name)
        with tempfile.TemporaryDirectory(prefix="sentences-") as place:
            folder = Path(place)
            self._copy_to(folder)
            path = folder / name
            path.unlink(missing_ok=True)
            if text is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
            yield folder

    def save(self, name: str, text: str | None, digest: str) -> str:
        """Write a file, or remove it if `text` is None; its digest from now on.

        What it held is kept. `digest` is that of what was edited. Check the files before, with
        `edited`.

        Raises:
            EditRefused: it cannot be saved, and why.

        """
        self._check_name(name)
        if why := self.why_read_only():
            raise EditRefused(why)
        if digest != self._digest_of(name):
            raise EditRefused(
                f"{name} has been changed elsewhere since you opened it; copy your text, and open "
                "the file again"
            )
        content = None if text is None else text.replace("\r\n", "\n").encode()
        try:
            self._take_over()
            self._write(name, content)
        except OSError as error:
            raise EditRefused(f"{name} cannot be saved: {error.strerror}") from error
        return "" if content is None else _digest(content)

    def versions(self, name: str) -> list[KeptVersion]:
        """Earlier contents of the file, the newest first."""
        return self._versions.of(str(self.folder / name))

    def _in_language_folder(self, base: str) -> str:
        place = folder_of_language(self._folder, self._language)
        return (place.relative_to(self._folder) / base).as_posix()

    def _check_name(self, name: str) -> None:
        """A file in use, or a new one in the folder of the language, which is no link elsewhere."""
        base = name.rpartition("/")[2]
        new = NEW_NAME.fullmatch(base) is not None and name == self._in_language_folder(base)
        if not new and name not in self.names():
            raise EditRefused(f"there is no sentence file {name!r}")
        path, root = self._folder / name, self._folder.resolve()
        if path.is_symlink() or not path.resolve().is_relative_to(root):
            raise EditRefused(f"{name} is a link; change the file that it points to")

    def _digest_of(self, name: str) -> str:
        try:
            return _digest((self._folder / name).read_bytes())
        except FileNotFoundError:
            return ""

    def _copy_to(self, folder: Path) -> None:
        for path in files_below(self._folder):
            copy = folder / path.relative_to(self._folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)

    def _take_over(self) -> None:
        """Make a copy of the starter set the owner's, in one step."""
        if not self.is_starter_set:
            return
        fresh = self._own_folder.with_name(f".{self._own_folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        self._copy_to(fresh)
        for path in files_below(fresh):
            atomic_file.replace(path, path.read_bytes())
        fresh.rename(self._own_folder)
        self._folder, self.is_starter_set = self._own_folder, False

    def _write(self, name: str, content: bytes | None) -> None:
        path = self._folder / name
        before = path.read_bytes() if path.exists() else None
        if content == before:
            return
        self._versions.keep(str(path), before)
        if content is None:
            atomic_file.remove(path)
            return
        atomic_file.rewrite(path, content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
