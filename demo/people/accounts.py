"""Made-up accounts, and the flags about them."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate
from random import Random

from demo.people import mess, stories
from demo.people.columns import EMAIL, EMAIL2, EVIDENCE, POLICY, REASON, REFERENCE, REPORTED_AT, SOURCE, Row
from demo.people.cultures import CULTURES
from demo.people.expected import Expected
from demo.world.domains import DOMAINS, Behaviour, Fate

MAIN, SECOND = "data-selling", "fake-engagement"

# Shares of accounts. What is left has one good row and nothing else.
BAD, FURTHER, CHANGED, RESENT, CORRECTED, SAME_NUMBER, SECOND_POLICY, MANY = (
    0.0102,
    0.0080,
    0.0070,
    0.0070,
    0.0020,
    0.0010,
    0.0075,
    0.0005,
)
ONLY_SECOND_POLICY = 0.021
WITHOUT_ADDRESS, TWO_ADDRESSES, SHARED_ADDRESS = 0.006, 0.04, 0.003
NOT_ASCII_LOCAL_PART = 0.25  # of the addresses at internationalised domains
WINDOW = 2000  # a further row about an account comes at most so many accounts later
EXAMPLES = 5

_DOMAINS = tuple(DOMAINS.values())
_KINDS = tuple(
    (each.fate if each.fate in (Fate.QUARANTINE, Fate.DISCARDED) else each.behaviour).value
    for each in _DOMAINS
)
_DOMAIN_SHARES = tuple(accumulate(domain.share for domain in _DOMAINS))
_CULTURE_SHARES = tuple(accumulate(culture.weight for culture in CULTURES))
_SOURCES = (("api-watch", "AW"), ("market-monitor", "MM"), ("user-reports", "UR"), ("trustline", "TL"))
_DAYS = tuple(
    f"{datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=number):%Y-%m-%d}" for number in range(160)
)
_OFFSETS = ("Z", "Z", "Z", "+00:00", "+01:00", "+02:00", "+05:30", "-03:30", "-08:00", "+12:45")
_ODD_NAMES: tuple[Callable[[str], str], ...] = (
    lambda name: "",
    lambda name: f"{name} 🌻",
    lambda name: f"  {name}  ",
    lambda name: f"{name}, M.A.",
    lambda name: f'{name} "the Archivist"',
    lambda name: f"DataHarvest / {name} GmbH & Co. KG",
    lambda name: f"<i>{name}</i>",
    lambda name: f"=cmd|' /C calc'!A0 {name}",
    lambda name: f"*{name}* _official_",
    lambda name: f"{name} 👩🏽‍💻",
    lambda name: " ".join([name] * 4)[:150],
)
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _BASE36[digit] + text
    return text or "0"


class Flags:
    """Rows about `count` accounts, with what an importer must find in them counted up in `expected` as they go out.

    Memory is flat: what is kept are the rows that come at most `WINDOW` accounts later, and a few examples.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.expected = Expected()
        self._count = count
        self._rng = Random(seed)
        self._later: list[tuple[int, int, Row, Callable[[Row], None]]] = []
        self._shareable: Row | None = None

    def __iter__(self) -> Iterator[Row]:
        serial = 0
        for number in range(self._count):
            while self._later and self._later[0][0] <= number:
                yield self._out(*heappop(self._later)[2:])
            row, domain = self._account(number)
            extras = list(self._extras(number, row, domain))
            yield self._out(row, partial(self._count_account, domain=domain, plain=not extras))
            for distance, extra, counting in extras:
                serial += 1
                heappush(self._later, (number + 1 + distance, serial, extra, counting))
        while self._later:
            yield self._out(*heappop(self._later)[2:])

    def _out(self, row: Row, counting: Callable[[Row], None]) -> Row:
        self.expected.rows += 1
        counting(row)
        return row

    # One account and its first flag

    def _account(self, number: int) -> tuple[Row, int]:
        """The row, and the index of the main address's domain (-1: there is no address, -2: it is another's)."""
        rng, draw = self._rng, self._rng.random
        culture = CULTURES[bisect(_CULTURE_SHARES, draw() * 100.0, hi=len(CULTURES) - 1)]
        given, ascii_given = culture.given[int(draw() * len(culture.given))]
        family, ascii_family = culture.family[int(draw() * len(culture.family))]
        name = f"{family}{culture.space}{given}" if culture.family_first else f"{given} {family}"
        if draw() < 0.02:
            name = _ODD_NAMES[int(draw() * len(_ODD_NAMES))](name)
        language = culture.languages[int(draw() * len(culture.languages))]
        if draw() < 0.01:
            language = language.lower() if draw() < 0.5 else ""
        zone = culture.zones[int(draw() * len(culture.zones))] if draw() > 0.004 else ""

        tag, luck = _base36(number), draw()
        email = email2 = ""
        domain = -1
        if luck < SHARED_ADDRESS and self._shareable is not None:
            email, domain = self._shareable[EMAIL], -2
        elif luck > WITHOUT_ADDRESS + SHARED_ADDRESS:
            email, domain = self._address(f"{ascii_given}.{ascii_family}", tag, given)
            if luck > 1 - TWO_ADDRESSES:
                email2 = self._address(f"{ascii_family}{ascii_given[0]}", f"{tag}x", given)[0]

        policy, plots = MAIN, stories.DATA_SELLING
        if draw() < ONLY_SECOND_POLICY:
            policy, plots = SECOND, stories.FAKE_ENGAGEMENT
        reason, evidence = plots[int(draw() * len(plots))](rng)
        if draw() < 0.004:
            reason += stories.HOSTILE[int(draw() * len(stories.HOSTILE))]
        source, prefix = _SOURCES[int(draw() * len(_SOURCES))]
        row = [
            f"{prefix}-{number:07d}",
            f"u-{1_000_003 + number * 17}",
            name,
            email,
            email2,
            language,
            zone,
            policy,
            self._time(int(draw() * 120)),
            reason,
            evidence,
            source,
        ]
        examples = self.expected.examples.get(Behaviour.RELAY, ())
        if domain >= 0 and _KINDS[domain] == Behaviour.RELAY and len(examples) == EXAMPLES:
            self._shareable = row
        return row, domain

    def _address(self, local: str, tag: str, given: str) -> tuple[str, int]:
        draw = self._rng.random
        index = bisect(_DOMAIN_SHARES, draw() * 100.0, hi=len(_DOMAINS) - 1)
        domain = _DOMAINS[index].name
        luck = draw()
        if not domain.isascii() and luck < NOT_ASCII_LOCAL_PART and not given.isascii():
            return f"{given.lower().replace(' ', '')}.{tag}@{domain}", index
        if luck > 0.99:
            return f"{local.title()}.{tag}@{domain.title()}", index
        if luck > 0.96:
            return f"{local}+news.{tag}@{domain}", index
        return f"{local}.{tag}@{domain}", index

    def _time(self, day: int) -> str:
        """RFC 3339; `day` is counted from February 2026."""
        draw = self._rng.random
        fraction = f".{int(draw() * 1000):03d}" if draw() < 0.2 else ""
        return (
            f"{_DAYS[day]}T{int(draw() * 24):02d}:{int(draw() * 60):02d}:{int(draw() * 60):02d}{fraction}"
            f"{_OFFSETS[int(draw() * len(_OFFSETS))]}"
        )

    # What comes later about the same account

    def _extras(self, number: int, row: Row, domain: int) -> Iterator[tuple[int, Row, Callable[[Row], None]]]:
        """Further rows: how many accounts later they come, the row, and how it counts."""
        draw = self._rng.random
        luck = draw()
        if luck > 0.06:
            return
        distance = int(draw() * min(WINDOW, self._count))
        if (luck := luck - BAD) < 0:
            bad = row.copy()
            if draw() < 0.6:  # somebody who stands nowhere else in the file
                bad[1], bad[REFERENCE] = f"u-{1_000_004 + number * 17}", f"{row[REFERENCE]}-B"
            faults = mess.spoil(bad, self._rng)
            yield distance, bad, partial(self._count_bad, faults=faults)
        elif (luck := luck - FURTHER) < 0:
            yield distance, self._further(row, "F", row[POLICY]), self._count_joined
        elif (luck := luck - CHANGED) < 0:
            further = self._further(row, "C", row[POLICY])
            new = domain
            if domain >= 0:
                local = row[EMAIL].partition("@")[0]
                further[EMAIL], new = self._address("new." + local.lower(), "n", "")
            yield distance, further, partial(self._count_changed, old=domain, new=new)
        elif (luck := luck - RESENT) < 0:
            yield distance, row.copy(), self._count_duplicate
        elif (luck := luck - CORRECTED) < 0:
            corrected = row.copy()
            corrected[REASON] += " (Corrected by the source.)"
            yield distance, corrected, self._count_duplicate
        elif (luck := luck - SAME_NUMBER) < 0:
            further = self._further(row, "", row[POLICY])
            further[SOURCE] = f"{row[SOURCE]}-archive"  # another source that happens to use the same number
            yield distance, further, self._count_joined
        elif (luck := luck - SECOND_POLICY) < 0:
            other = SECOND if row[POLICY] == MAIN else MAIN
            yield distance, self._further(row, "S", other), partial(self._count_case, policy=other)
        elif luck - MANY < 0:
            for turn in range(5):
                yield distance + turn, self._further(row, f"M{turn}", row[POLICY]), self._count_joined

    def _further(self, row: Row, mark: str, policy: str) -> Row:
        """A later flag about the same account, with an address only half the time."""
        rng = self._rng
        further = row.copy()
        plots = stories.DATA_SELLING if policy == MAIN else stories.FAKE_ENGAGEMENT
        further[REASON], further[EVIDENCE] = plots[int(rng.random() * len(plots))](rng)
        further[POLICY] = policy
        further[REPORTED_AT] = self._time(_DAYS.index(row[REPORTED_AT][:10]) + 2 + int(rng.random() * 30))
        further[REFERENCE] += f"-{mark}" if mark else ""
        if rng.random() < 0.5:
            further[EMAIL] = further[EMAIL2] = ""
        return further

    # Counting, as rows go out

    def _count_account(self, row: Row, *, domain: int, plain: bool) -> None:
        expected = self.expected
        expected.accounts += 1
        self._count_case(row, policy=row[POLICY])
        if domain == -1:
            expected.without_address += 1
            return
        expected.with_two_addresses += bool(row[EMAIL2])
        if domain == -2:
            expected.sharing_an_address += 1
            expected.behaviours[Behaviour.RELAY] += 1
            return
        behaviour = _KINDS[domain]
        expected.behaviours[behaviour] += 1
        examples = expected.examples.setdefault(behaviour, [])
        if plain and len(examples) < EXAMPLES:
            examples.append(row[1])

    def _count_case(self, row: Row, *, policy: str) -> None:
        self.expected.good += 1
        self.expected.flags += 1
        self.expected.cases[policy] += 1

    def _count_joined(self, row: Row) -> None:
        self.expected.good += 1
        self.expected.flags += 1
        self.expected.joined += 1

    def _count_changed(self, row: Row, *, old: int, new: int) -> None:
        self._count_joined(row)
        if old >= 0:
            self.expected.with_changed_address += 1
            self.expected.behaviours[_KINDS[old]] -= 1
            self.expected.behaviours[_KINDS[new]] += 1

    def _count_duplicate(self, row: Row) -> None:
        self.expected.good += 1
        self.expected.duplicates += 1

    def _count_bad(self, row: Row, *, faults: list[str]) -> None:
        self.expected.bad += 1
        self.expected.bad_by_reason.update(faults)
