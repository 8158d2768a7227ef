"""The domains of the demo's world, and how the mail servers behind each one behave.

Every domain is reserved (RFC 2606, RFC 6761: `example`, `test`), so that nothing could ever reach anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b


class Behaviour(StrEnum):
    """What happens to a message for a domain."""

    RELAY = "relay"  # accepted; DSN `relayed`: the next hop took it and knows no DSN
    DELIVER = "deliver"  # accepted; DSN `delivered`: it lies in the mailbox
    SILENT = "silent"  # accepted, and never heard of again
    REFUSE = "refuse"  # refused for good at RCPT
    REFUSE_CONTENT = "refuse_content"  # refused for good after the final dot
    BOUNCE_LATER = "bounce_later"  # accepted; DSN `failed`
    GREYLIST_TRIES = "greylist_tries"  # 451 at RCPT until the second or third try
    GREYLIST_TIME = "greylist_time"  # 451 at RCPT until some seconds after the first try
    CLOSING = "closing"  # 421 at RCPT and the connection closed, on the first try only
    DEFER = "defer"  # 452 at RCPT for ever
    DEFER_CONTENT = "defer_content"  # 451 after the final dot for ever
    CUT_DATA = "cut_data"  # connection dropped before the final dot was read: once, twice or always
    CUT_RECEIVED = "cut_received"  # first try: received, then dropped without a reply; DSN `relayed`
    CUT_RECEIVED_SILENT = "cut_received_silent"  # the same, and no DSN either
    CUT_LOST = "cut_lost"  # first try: read to the final dot, thrown away, then dropped
    DELAY = "delay"  # accepted; DSN `delayed`, then `relayed`
    TURN = "turn"  # accepted; DSN `relayed`, and then `failed` all the same
    TWICE = "twice"  # accepted; the same DSN `relayed` arrives twice
    VACATION = "vacation"  # accepted; DSN `delivered`, then an automatic reply
    SCANNER = "scanner"  # accepted; DSN `relayed`; a link scanner GETs every link of the message


class Fate(StrEnum):
    """Where a message that was taken ended up."""

    INBOX = "inbox"
    QUARANTINE = "quarantine"  # on the recipient's server, where the holder does not look
    DISCARDED = "discarded"  # taken and thrown away
    BOUNCED = "bounced"


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain.

    Attributes:
        name: as people write it (U-labels).
        share: percent of the demo's addresses that lie here.
        behaviour: what happens to a message.
        style: whose layout its DSNs have: postfix, exim or exchange.
        refusal: for domains that refuse, defer or bounce: code, enhanced status and text, as the server says it.
        fate: where a message that is taken ends up.
    """

    name: str
    share: float
    behaviour: Behaviour
    style: str = "postfix"
    refusal: str = ""
    fate: Fate = Fate.INBOX

    @property
    def status(self) -> str:
        """The enhanced status code (RFC 3463) of `refusal`, or "" where there is none."""
        return self.refusal.split(" ", 2)[1] if self.refusal else ""


_B = Behaviour
_UNKNOWN = "550 5.1.1 User unknown in this mail system"

DOMAINS: dict[str, Domain] = {
    domain.name: domain
    for domain in (
        # 62%: relayed
        Domain("mail.example", 18.0, _B.RELAY),
        Domain("post.example", 10.0, _B.RELAY, "exim"),
        Domain("inbox.test", 9.0, _B.RELAY, "exchange"),
        Domain("correo.example", 6.0, _B.RELAY),
        Domain("posteingang.example", 6.0, _B.RELAY, "exim"),
        Domain("barid.example", 4.0, _B.RELAY),
        Domain("firma.example", 4.0, _B.RELAY, "exchange"),
        Domain("quarantine.example", 2.0, _B.RELAY, "exchange", fate=Fate.QUARANTINE),
        Domain("büro.example", 1.0, _B.RELAY),
        Domain("почта.example", 0.8, _B.RELAY, "exim"),
        Domain("メール.example", 0.6, _B.RELAY),
        Domain("ταχυδρομείο.test", 0.3, _B.RELAY, "exchange"),
        Domain("بريد.example", 0.3, _B.RELAY),
        # 12%: delivered
        Domain("home.example", 6.0, _B.DELIVER),
        Domain("campus.test", 4.0, _B.DELIVER, "exim"),
        Domain("kantoor.example", 2.0, _B.DELIVER, "exchange"),
        # 6%: accepted, then silence
        Domain("silent.example", 4.0, _B.SILENT),
        Domain("blackhole.example", 2.0, _B.SILENT, fate=Fate.DISCARDED),
        # 7%: refused at once
        Domain("gone.example", 4.0, _B.REFUSE, refusal=_UNKNOWN),
        Domain("closed.test", 2.0, _B.REFUSE, refusal="550 5.1.10 Recipient not found by address look-up"),
        Domain("left.example", 0.5, _B.REFUSE, refusal="550 5.2.1 This mailbox is switched off"),
        Domain(
            "spamwall.example", 0.5, _B.REFUSE_CONTENT, refusal="554 5.7.1 Message refused by content policy"
        ),
        # 5%: accepted and bounced later
        Domain("bounces.example", 2.0, _B.BOUNCE_LATER, refusal=_UNKNOWN, fate=Fate.BOUNCED),
        Domain(
            "full.example", 1.5, _B.BOUNCE_LATER, "exim", "552 5.2.2 Mailbox is over its quota", Fate.BOUNCED
        ),
        Domain(
            "corp.test",
            1.5,
            _B.BOUNCE_LATER,
            "exchange",
            "550 5.7.133 Sender not allowed by recipient",
            Fate.BOUNCED,
        ),
        # 4%: deferred, and accepted on a later try
        Domain(
            "greylist.example", 2.0, _B.GREYLIST_TRIES, refusal="451 4.7.1 Greylisted, please try again later"
        ),
        Domain("slowlist.test", 1.5, _B.GREYLIST_TIME, "exim", "451 4.7.1 Come back in a few minutes"),
        Domain("busy.example", 0.5, _B.CLOSING, refusal="421 4.3.2 Too busy, closing the channel"),
        # 1%: deferred for ever
        Domain("stuck.example", 0.6, _B.DEFER, refusal="452 4.2.2 Mailbox is over its quota, try later"),
        Domain("tempfail.test", 0.4, _B.DEFER_CONTENT, refusal="451 4.3.0 Queue file write error"),
        # 1%: the connection drops
        Domain("cut.example", 0.4, _B.CUT_DATA),
        Domain("acklost.example", 0.3, _B.CUT_RECEIVED),
        Domain("acklost.test", 0.15, _B.CUT_RECEIVED_SILENT),
        Domain("dotlost.example", 0.15, _B.CUT_LOST),
        # 1%: delayed, then relayed
        Domain("slow.example", 1.0, _B.DELAY, refusal="451 4.4.1 Connection to the next server timed out"),
        # 1%: other
        Domain("turncoat.example", 0.4, _B.TURN, refusal="550 5.2.1 Account disabled", fate=Fate.BOUNCED),
        Domain("twice.example", 0.2, _B.TWICE),
        Domain("vacation.example", 0.2, _B.VACATION, "exchange"),
        Domain("scanner.example", 0.2, _B.SCANNER),
    )
}

ELSEWHERE = Domain("elsewhere", 0.0, Behaviour.RELAY)  # any domain that the world does not know


@lru_cache(maxsize=4096)
def a_labels(domain: str) -> str:
    """The domain in lower case as A-labels (RFC 5890); as it stands, in lower case, if it has none."""
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain.lower()


def address_key(address: str) -> str:
    """An address as a key: lower case, domain as A-labels."""
    local, _, domain = address.rpartition("@")
    return f"{local.lower()}@{a_labels(domain)}"


_BY_KEY = {a_labels(name): domain for name, domain in DOMAINS.items()}


def domain_of(address: str) -> Domain:
    """The domain that an address lies in, `ELSEWHERE` if the world does not know it."""
    return _BY_KEY.get(a_labels(address.rpartition("@")[2]), ELSEWHERE)


def chance(key: str, what: str) -> float:
    """A number in [0, 1) that depends on `key` and `what` alone: the world throws no dice."""
    seed = f"{what}:{key}".encode(errors="surrogateescape")
    return int.from_bytes(blake2b(seed, digest_size=4).digest(), "big") / 2**32
