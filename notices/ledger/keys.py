"""Our own keys, from the settings: who signs checkpoints, and whose signatures are believed."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from notices.ledger.notes import BadKey, BadNote, Head, Signer, Verifier


def signer() -> Signer:
    """The key of LEDGER_KEY; in development, where there is none, one that everybody can work out.

    Raises:
        ImproperlyConfigured: LEDGER_KEY is malformed, or has another name than LEDGER_ORIGIN.
    """
    if not settings.LEDGER_KEY:
        return Signer(settings.LEDGER_ORIGIN, hashlib.sha256(b"only-for-development-ledger-key").digest())
    try:
        found = Signer.read(settings.LEDGER_KEY)
    except BadKey as error:
        raise ImproperlyConfigured(f"LEDGER_KEY: {error} Make one with `manage.py ledger key`.") from None
    if found.verifier.name != settings.LEDGER_ORIGIN:
        raise ImproperlyConfigured(
            f"LEDGER_KEY is a key of {found.verifier.name}, and LEDGER_ORIGIN is {settings.LEDGER_ORIGIN}. "
            "Give LEDGER_ORIGIN the name that the ledger had from its first day."
        )
    return found


def verifiers() -> list[Verifier]:
    """Whose signatures are believed: the current key first, then those of LEDGER_OLD_KEYS.

    Raises:
        ImproperlyConfigured: one of them is malformed.
    """
    try:
        old = [Verifier.read(vkey) for vkey in settings.LEDGER_OLD_KEYS]
    except BadKey as error:
        raise ImproperlyConfigured(f"LEDGER_OLD_KEYS: {error}") from None
    return list(dict.fromkeys([signer().verifier, *old]))


def verifier_keys() -> list[str]:
    """The same as text: `name+id+base64`."""
    return [str(verifier) for verifier in verifiers()]


def sign_note(text: str) -> bytes:
    """The signed note of any text but a checkpoint: those are signed by the sealer alone.

    Raises:
        ValueError: the text reads as a checkpoint, or cannot be a note.
    """
    try:
        Head.read(text)
    except BadNote:
        return signer().sign(text).encode()
    raise ValueError("This text reads as a checkpoint, and only the sealer signs checkpoints.")
