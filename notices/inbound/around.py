"""What a report on a delivery repeats: the header of the message that it is about. Reports are packed against it."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from notices import composing


def headers(delivery_ids: Collection[int]) -> dict[int, bytes]:
    """The whole header of each delivery's message; one query. Those that have none (any more) are left out."""
    if not delivery_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.id, d.head, n.content, n.dictionary_id FROM notices_delivery d "
            "JOIN notices_notice n ON n.id = d.notice_id WHERE d.id = ANY(%s) AND d.head <> '' AND n.content <> ''",
            [list(delivery_ids)],
        )
        return {
            pk: bytes(head) + composing.unpack(bytes(content), dictionary_id).partition(b"\r\n\r\n")[0]
            for pk, head, content, dictionary_id in cursor.fetchall()
        }
