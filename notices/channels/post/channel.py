"""The post channel: a delivery becomes a letter in the print queue. It leaves with a batch (`batches`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.db import DatabaseError
from typst import TypstError

from notices import tokens
from notices.channels.base import Message, Outcome, clip, utc_now
from notices.channels.post.setting import NoAddress, SetLetter, address_lines, set_letter
from notices.models import Delivery, Letter

PROVIDER = "post"


class PostChannel:
    """Sets letters and queues them for printing.

    Args:
        sender: the lines of our own address, as they stand on the letter.
    """

    name = "post"

    def __init__(self, sender: Sequence[str]) -> None:
        self._sender = tuple(sender)

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        ids = [message.delivery_id for message in messages]
        notices = dict(Delivery.objects.filter(pk__in=ids).values_list("pk", "notice_id"))
        for message in messages:
            yield self._outcome(message, notices[message.delivery_id])

    def _outcome(self, message: Message, notice_id: int) -> Outcome:
        try:
            letter = set_letter(
                message.raw,
                message.address,
                sender=self._sender,
                platform=settings.NOTICE_PLATFORM,
                reference=tokens.reference(notice_id),
                link=tokens.link(notice_id),
            )
            row = _queue(message.delivery_id, letter)
        except NoAddress as error:
            return _ours(message, "refused", str(error))
        except TypstError as error:
            said = f"The letter could not be set: {error}"
            return _ours(message, "deferred", said, configuration=True)
        except DatabaseError as error:
            # Should it be in the queue all the same: it is set again with the same result, and queued once.
            said = f"The letter could not be queued: {type(error).__name__}."
            return _ours(message, "deferred", said)
        return Outcome(
            message.delivery_id,
            "noted",
            "In the print queue.",
            provider=PROVIDER,
            provider_id=row.number,
            detail={
                "ours": True,
                "pages": letter.pages,
                "pdf_sha256": bytes(row.sha256).hex(),
                "lines": address_lines(message.address),
            },
            at=utc_now(),
        )


def _queue(delivery_id: int, letter: SetLetter) -> Letter:
    row = Letter(
        delivery_id=delivery_id,
        pdf=letter.pdf,
        sha256=hashlib.sha256(letter.pdf).digest(),
        pages=letter.pages,
    )
    Letter.objects.bulk_create([row], ignore_conflicts=True)
    return row


def _ours(message: Message, kind: str, said: str, *, configuration: bool = False) -> Outcome:
    detail = {"ours": True, **({"configuration": True} if configuration else {})}
    return Outcome(message.delivery_id, kind, clip(said), provider=PROVIDER, detail=detail, at=utc_now())
