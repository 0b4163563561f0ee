"""Hashes of configuration, sentences and models, by which several appliances can be compared."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from appliance.messages.status_payloads import ContentHashes
from appliance.models import catalogue

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.sentences.sentence_set import SentenceSet


def of(config: Config, sentences: SentenceSet) -> ContentHashes:
    """Return the hashes of the active content in milliseconds; no model file is read."""
    device = msgspec.structs.replace(config.device, name="", area="")
    return ContentHashes(
        configuration=_sha256(msgspec.json.encode(msgspec.structs.replace(config, device=device))),
        sentences=sentences.fingerprint,
        models={name: _of_model(name) for name in config.models},
    )


def _of_model(name: str) -> str | None:
    """Return the hash of a model's only file, or a hash of all its files' hashes.

    The files are verified against the catalogue's hashes at each start.
    """
    known = catalogue.models().get(name)
    if known is None:
        return None
    hashes = [file.sha256 for _, file in sorted(known.files.items())]
    return hashes[0] if len(hashes) == 1 else _sha256("\n".join(hashes).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
