"""What comes back by mail becomes evidence. Every message is kept whole, understood or not.

Nothing counts that does not carry a token of ours: who writes to our addresses may claim anything, while a return
path, envelope id or Message-ID with its MAC is known only to those who handled the notice. What names no more than an
address that we mailed waits for a person, who may attach it with a reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from notices import recording
from notices.inbound import forms
from notices.inbound.around import headers
from notices.inbound.packing import pack, unpack
from notices.inbound.reading import Finding, Ours, Reading, envelope_delivery, read
from notices.inbound.reading.addresses import normal
from notices.inbound.reading.values import Tokens
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.models import Delivery, DeliveryState, InboundMessage
from notices.rerouting import fall_back
from notices.suppression import Reason, Wanted, suppress

Outcome = InboundMessage.Outcome

_BY_SOMEBODY = (Kind.AUTO_REPLIED, Kind.COMPLAINED, Kind.DISPLAYED, Kind.ANSWERED, Kind.REPLIED)
_RESOLVES: dict[str, DeliveryState] = {
    **dict.fromkeys((Kind.RELAYED, Kind.DELIVERED, Kind.DELAYED, *_BY_SOMEBODY), DeliveryState.ACCEPTED),
    Kind.BOUNCED: DeliveryState.REFUSED,
}
# Who says so, by what it was read by: Evidence.source.
_SOURCES = {
    "delivery-status": "dsn",
    "flufl": "bounce",
    "phrases": "bounce",
    "feedback-report": "arf",
    "complaint": "arf",
    "disposition": "mdn",
}
_REMATCH = 500  # messages looked at again in one go


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as it came, and the envelope recipient where the mail server told us."""

    raw: bytes
    recipient: str = ""


class Database(Tokens):
    """What the database knows to be ours. Deliveries named beforehand are fetched together."""

    def __init__(self, expected: Collection[int] = ()) -> None:
        self.authserv_id = settings.NOTICE_AUTHSERV_ID
        self._known: dict[int, tuple[int, str]] = {}
        self._asked: set[int] = set()
        self.look_up(expected)

    def look_up(self, ids: Collection[int]) -> None:
        fresh = {pk for pk in ids if pk not in self._asked and pk < 1 << 63}
        self._asked |= fresh
        if fresh:
            rows = Delivery.objects.filter(pk__in=fresh).values_list("pk", "notice_id", "address")
            self._known.update({pk: (notice_id, normal(address)) for pk, notice_id, address in rows})

    def deliveries(self) -> Collection[int]:
        """Those that were looked up and are ours."""
        return self._known.keys()

    def notice_of(self, delivery: int | None) -> int | None:
        """The notice of a delivery, None where there is no such delivery."""
        if delivery is None:
            return None
        self.look_up([delivery])
        return self._known[delivery][0] if delivery in self._known else None

    def address_of(self, delivery: int) -> str:
        self.look_up([delivery])
        return self._known[delivery][1] if delivery in self._known else ""

    def mailed(self, addresses: Collection[str]) -> Collection[str]:
        found: set[str] = set()
        rest = [address for address in addresses if len(address) <= 400]
        with connection.cursor() as cursor:
            for start in range(0, len(rest), 10_000):
                cursor.execute(
                    "SELECT DISTINCT lower(address) FROM notices_delivery "
                    "WHERE lower(address) = ANY(%s) AND channel = 'email'",
                    [rest[start : start + 10_000]],
                )
                found.update(address for (address,) in cursor.fetchall())
        return found


def receive(messages: Sequence[Inbound], *, now: datetime) -> dict[str, int]:
    """Store messages and turn what they report into evidence. A message that came before is not counted again.

    Returns:
        How many came to which outcome: recorded, unmatched, unclassified, known.
    """
    fresh = {_digest(m): m for m in messages}
    counts = {"recorded": 0, "unmatched": 0, "unclassified": 0, "known": len(messages) - len(fresh)}
    with transaction.atomic():
        known = InboundMessage.objects.filter(sha256__in=list(fresh)).values_list("sha256", flat=True)
        for digest in known:
            if fresh.pop(bytes(digest), None) is not None:
                counts["known"] += 1
        paths = (envelope_delivery(m.raw, m.recipient, Tokens()) for m in fresh.values())
        ours = Database([pk for pk in paths if pk is not None])
        heard: list[_Heard] = []
        rows = []
        for digest, message in fresh.items():
            reading = read(message.raw, recipient=message.recipient, ours=ours)
            row = InboundMessage(
                received_at=now, sha256=digest, recipient=_recipient(message), raw=message.raw
            )
            heard += _settle(row, reading, ours)
            counts[row.outcome] += 1
            rows.append(row)
        _pack(rows, ours)
        _insert(rows)
        _record(heard, now=now)
    return counts


def _pack(rows: Sequence[InboundMessage], ours: Database) -> None:
    """Pack the messages, each against its server's form and the header of what it reports on."""
    around = headers(ours.deliveries())
    recorded = [row for row in rows if row.outcome == Outcome.RECORDED and around.get(row.delivery_id or 0)]
    servers = {id(row): name for row in recorded if (name := forms.server(bytes(row.raw)))}
    known = forms.known(set(servers.values()))
    # By name: see `learn`.
    for row in sorted(recorded, key=lambda row: servers.get(id(row), "")):
        name = servers.get(id(row), "")
        if name and not known.get(name):
            about = row.delivery_id or 0
            known[name] = forms.learn(
                name, forms.Report(bytes(row.raw), ours.address_of(about), around[about])
            )
    for row in rows:
        about = row.delivery_id or 0
        within = row.recipient if row.outcome == Outcome.RECORDED else ""
        row.raw = pack(
            bytes(row.raw),
            recipient=within,
            delivery=about,
            header=around.get(about, b""),
            form=known.get(servers.get(id(row), ""), 0),
        )
        row.recipient = row.recipient.removeprefix(within)


def _insert(rows: Sequence[InboundMessage]) -> None:
    """One statement of one form, whatever their number: Django's would be put together anew for each batch.

    The same message handed to two processes at once: the second insert waits, then finds it known.
    """
    columns = "received_at sha256 recipient raw outcome says reason delivery_id names sender subject".split()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO notices_inboundmessage
                (received_at, sha256, recipient, raw, outcome, says, reason, delivery_id, names, sender, subject,
                 handled_by, handled_because)
            SELECT t.*, '', ''
            FROM unnest(%s::timestamptz[], %s::bytea[], %s::text[], %s::bytea[], %s::text[], %s::text[], %s::text[],
                        %s::bigint[], %s::bigint[], %s::text[], %s::text[]) AS t
            ON CONFLICT (sha256) DO NOTHING
            """,
            [[getattr(row, column) for row in rows] for column in columns],
        )


def rematch(*, now: datetime) -> int:
    """Look again at reports that named a delivery which was not there when they came. Safe to run twice.

    Returns:
        How many became evidence.
    """
    with transaction.atomic():
        waiting = InboundMessage.objects.filter(
            outcome=Outcome.UNMATCHED, names__in=Delivery.objects.values("pk")
        ).order_by("pk")
        rows = list(waiting.select_for_update(skip_locked=True, of=("self",))[:_REMATCH])
        ours = Database([row.names for row in rows if row.names is not None])
        heard = []
        for row in rows:
            heard += _settle(row, read(unpack(row.raw), recipient=row.recipient, ours=ours), ours)
            row.save(update_fields=_SETTLED)
        _record(heard, now=now)
    return sum(row.outcome == Outcome.RECORDED for row in rows)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A fact to be recorded, and the address that it is about."""

    fact: NewFact
    address: str


_SETTLED = ("outcome", "says", "reason", "delivery_id", "names", "sender", "subject")


def _settle(row: InboundMessage, reading: Reading, ours: Database) -> list[_Heard]:
    """Fill in what became of a message; the facts that it gives."""
    row.says, row.names = reading.says[:200], _bigint(reading.delivery)
    notice_id = ours.notice_of(row.names)
    row.delivery_id = row.names if notice_id is not None else None
    heard = []
    for finding in reading.findings:
        about = ours.notice_of(finding.delivery)
        if about is not None:
            heard.append(_Heard(_fact(finding, about, row.received_at), finding.recipient))
    if heard:
        row.outcome, row.reason, row.sender, row.subject = Outcome.RECORDED.value, "", "", ""
        return heard
    row.outcome = (Outcome.UNMATCHED if reading.findings else Outcome.UNCLASSIFIED).value
    row.reason = (_why_unmatched(reading) if reading.findings else reading.trouble)[:300]
    row.sender, row.subject = reading.sender[:300], reading.subject[:300]
    return []


def _why_unmatched(reading: Reading) -> str:
    if reading.delivery is not None:
        return f"It names D-{reading.delivery}, which is not here (yet)."
    named = next((f.recipient for f in reading.findings if f.mailed), "")
    if named:
        return f"It names {named}, which we mailed, but no token of ours: anybody could have written it."
    return "Neither its return path nor anything in it is one of ours."


def _fact(finding: Finding, notice_id: int, at: datetime) -> NewFact:
    payload = dict(finding.detail)
    source = _SOURCES.get(finding.how, "mail")
    if finding.how not in ("delivery-status", "disposition", "feedback-report"):
        payload["recipient"], payload["read_by"] = finding.recipient[:400], finding.how
    return NewFact(notice_id, str(finding.kind), source, at, finding.delivery, payload)


def _record(heard: Sequence[_Heard], *, now: datetime) -> None:
    if not heard:
        return
    facts = [each.fact for each in heard]
    recording.record(facts, now=now)
    resolve(facts, now=now)
    complaints = [
        Wanted(h.address, Reason.COMPLAINED, h.fact.source, h.fact.at, h.fact.key())
        for h in heard
        if h.fact.kind == Kind.COMPLAINED and h.address
    ]
    if complaints:
        suppress(complaints, now=now)


def resolve(facts: Iterable[NewFact], *, now: datetime) -> None:
    """Let reports settle attempts whose outcome we never learnt, and move on where one failed."""
    by_state: dict[DeliveryState, list[int]] = {}
    for fact in facts:
        if fact.delivery_id is not None and (state := _RESOLVES.get(fact.kind)):
            by_state.setdefault(state, []).append(fact.delivery_id)
    for state, ids in by_state.items():
        in_doubt = Delivery.objects.filter(
            pk__in=ids, state__in=[DeliveryState.CALLING, DeliveryState.UNKNOWN]
        )
        in_doubt.update(state=state, settled_at=now)
    fall_back(by_state.get(DeliveryState.REFUSED, []), now=now)


def explained(message: Inbound, ours: Ours) -> Mapping[str, object]:
    """What would be read in a message, as JSON-able values. Nothing is stored."""
    reading = read(message.raw, recipient=message.recipient, ours=ours)
    return {
        "outcome": "read" if reading.findings else "unclassified",
        "findings": [
            {
                "kind": str(f.kind),
                "recipient": f.recipient,
                "mailed": f.mailed,
                "delivery": f.delivery,
                "read_by": f.how,
                "detail": dict(f.detail),
            }
            for f in reading.findings
        ],
        "delivery": reading.delivery,
        "reason": reading.trouble,
        "sender": reading.sender,
        "subject": reading.subject,
    }


def _recipient(message: Inbound) -> str:
    """The envelope recipient in the form in which it is stored and compared."""
    return normal(message.recipient.replace("\x00", ""))[:400]


def _digest(message: Inbound) -> bytes:
    """What tells a message to one of our addresses from every other: 16 bytes."""
    return hashlib.sha256(_recipient(message).encode() + b"\0" + message.raw).digest()[:16]


def _bigint(value: int | None) -> int | None:
    return value if value is not None and value < 1 << 63 else None
