"""What accounts are accused of: reasons in words, and evidence as JSON text."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Story = tuple[str, str]  # reason, evidence

_DATA = (
    "profile",
    "message",
    "contact-list",
    "photo",
    "voice-note",
    "comment",
    "group-membership",
    "location",
)
_BUYERS = (
    "an AI start-up",
    "a data broker",
    "a model-training vendor",
    "a chatbot maker",
    "an unknown buyer",
)
_TOOLS = (
    "a voice cloning tool",
    "a dating assistant",
    "a face search",
    "a sales chatbot",
    "a résumé generator",
)
_MARKETS = ("datenbazaar.test", "corpus-market.example", "bulkprofiles.test", "train-sets.example")
_ENDPOINTS = ("/v2/users/search", "/v2/graph/followers", "/v1/messages/export", "/v3/media/batch")


def day(rng: Random) -> str:
    """A date in 2025."""
    return f"2025-{1 + int(rng.random() * 12):02d}-{1 + int(rng.random() * 28):02d}"


def _sha256(rng: Random) -> str:
    return f"{rng.getrandbits(256):064x}"


def _pick(rng: Random, options: tuple[str, ...]) -> str:
    return options[int(rng.random() * len(options))]


def _api_export(rng: Random) -> Story:
    records, what, first = int(900 * 10 ** (rng.random() * 3)), _pick(rng, _DATA), day(rng)
    reason = (
        f"Exported {records:,} {what} records through the API and passed them on to {_pick(rng, _BUYERS)}."
    )
    evidence = (
        f'{{"kind":"api_export","records":{records},"data":"{what}","endpoint":"{_pick(rng, _ENDPOINTS)}",'
        f'"first_seen":"{first}T04:{int(rng.random() * 60):02d}:00Z","sample_sha256":"{_sha256(rng)}"}}'
    )
    return reason, evidence


def _listing(rng: Random) -> Story:
    number, market, price = rng.getrandbits(32), _pick(rng, _MARKETS), int(rng.random() * 9000) + 50
    reason = (
        f'Offered a "{_pick(rng, _DATA)} corpus" taken from this platform for sale on {market}, '
        f"listing {number:08x}, asking {price} EUR."
    )
    evidence = (
        f'{{"kind":"market_listing","market":"{market}","listing":"{number:08x}","price":{{"amount":{price},'
        f'"currency":"EUR"}},"screenshots":["{_sha256(rng)[:16]}.png","{_sha256(rng)[:16]}.png"]}}'
    )
    return reason, evidence


def _canary(rng: Random) -> Story:
    planted, tool = 3 + int(rng.random() * 40), _pick(rng, _TOOLS)
    reason = (
        f"{planted} planted test profiles that only this account could see came back word for word from {tool}.\n"
        f"The account read them on {day(rng)}; the tool was launched three weeks later.\n"
        "No other account had access."
    )
    evidence = (
        f'{{"kind":"canary_match","planted":{planted},"matched":{planted - int(rng.random() * 3)},"tool":"{tool}",'
        f'"similarity":{0.9 + rng.random() / 10:.3f}}}'
    )
    return reason, evidence


def _scrape(rng: Random) -> Story:
    requests, hours = int(rng.random() * 900_000) + 20_000, 2 + int(rng.random() * 90)
    reason = (
        f"Collected {_pick(rng, _DATA)}s by machine: {requests:,} requests in {hours} hours without a pause."
    )
    evidence = (
        f'{{"kind":"scrape","requests":{requests},"hours":{hours},"user_agents":{1 + int(rng.random() * 9)},'
        f'"networks":["198.51.100.{int(rng.random() * 256)}","2001:db8::{rng.getrandbits(16):x}"],'
        f'"shared_with":null,"confirmed":{"true" if rng.random() < 0.8 else "false"}}}'
    )
    return reason, evidence


def _testimony(rng: Random) -> Story:
    reason = (
        f"A former customer says that this account sold them {_pick(rng, _DATA)} data of other users to train "
        f"{_pick(rng, _TOOLS)}, and sent the invoice."
    )
    number = rng.getrandbits(20)
    return (
        reason,
        f'{{"kind":"invoice","number":"INV-{number}","paid":true,"sample_sha256":"{_sha256(rng)}"}}',
    )


def _bare(rng: Random) -> Story:
    return (
        f"Shares {_pick(rng, _DATA)} data of other users for AI training, according to a report by a user.",
        "",
    )


DATA_SELLING: tuple[Callable[[Random], Story], ...] = (
    _api_export,
    _api_export,
    _api_export,
    _listing,
    _listing,
    _scrape,
    _scrape,
    _canary,
    _testimony,
    _bare,
)


def _ring(rng: Random) -> Story:
    members, hits = 12 + int(rng.random() * 400), int(rng.random() * 90_000) + 500
    reason = (
        f"One of {members} accounts that liked each other's posts {hits:,} times within minutes of posting."
    )
    delay = f"{rng.random() * 90:.1f}"
    return reason, f'{{"kind":"like_ring","members":{members},"actions":{hits},"median_delay_s":{delay}}}'


def _followers(rng: Random) -> Story:
    count = int(rng.random() * 80_000) + 1000
    new = 80 + int(rng.random() * 20)
    reason = f"Gained {count:,} followers in one night, {new} in a hundred of them accounts a day old."
    return reason, f'{{"kind":"follower_spike","followers":{count},"night_of":"{day(rng)}"}}'


FAKE_ENGAGEMENT: tuple[Callable[[Random], Story], ...] = (_ring, _followers)

# What stands in real reports, and must reach the notice as text and nothing else.
HOSTILE = (
    ' Signed: <b>"the moderators"</b> <script>alert(1)</script>',
    " See {{ link }} and {% now %} for details.",
    " **Do not** trust [this](https://phish.example/) # really",
    " 🤖🤖🤖 c'est un robot, n'est-ce pas ?",
    ' =HYPERLINK("https://phish.example";"details")',
)
