"""How a rung brings its notice, and when that counts as served: its chains of channels and its service rule."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cases.deadlines import MAX_WINDOW_DAYS
from cases.policyfile.nodes import Node, listed
from cases.policyfile.specs import Link, Waiting

MAX_WAIT_HOURS = 8_760  # a year

Chains = tuple[tuple[Link, ...], ...]
Deemed = int | tuple[str, ...]


def chains(node: Node, channels: Collection[str]) -> Chains:
    """Chains of links, each a channel's name or `{ channel = "sms", wait_hours = 72 }`."""
    seen: set[str] = set()
    return tuple(_chain(entry, channels, seen) for entry in node.array("chains of channels"))


def _chain(node: Node, channels: Collection[str], seen: set[str]) -> tuple[Link, ...]:
    found: list[Link] = []
    for position, entry in enumerate(node.array("channels")):
        named, wait = entry, None
        if isinstance(entry.value, dict):
            parts = entry.table(required=("channel",), optional=("wait_hours",))
            named = parts["channel"]
            wait = parts["wait_hours"].integer(1, MAX_WAIT_HOURS, "a whole number of hours")
            if parts["wait_hours"].present and position == 0:
                parts["wait_hours"].wrong("waits for nothing: the first channel of a chain is tried at once")
        channel = named.choice(channels)
        if channel in seen:
            # One address never has two live deliveries of one notice.
            named.wrong(f'is the channel "{channel}" a second time in this rung')
        elif channel:
            seen.add(channel)
            found.append(channel if wait is None else Waiting(channel, wait))
    return tuple(found)


def service(node: Node, chains: Chains) -> tuple[int | None, Deemed | None, int | None]:
    """The grade, and channels (how many, or which) and days of deemed service."""
    parts = node.table(required=("grade",), optional=("deemed",))
    grade = parts["grade"].integer(1, 6, "a grade")
    if not parts["deemed"].present:
        return grade, None, None
    deemed = parts["deemed"].table(required=("channels", "days"))
    days = deemed["days"].integer(1, MAX_WINDOW_DAYS, "a whole number of days")
    if isinstance(deemed["channels"].value, list):
        return grade, _named(deemed["channels"], chains), days
    return grade, _counted(deemed["channels"], chains), days


def _counted(node: Node, chains: Chains) -> int | None:
    of = node.integer(2, 9, "a whole number of channels")
    # Without a wait, the next of a chain is tried only once the one before it has failed.
    most = len(chains) + sum(isinstance(link, Waiting) for chain in chains for link in chain)
    if of and chains and of > most:
        needed = f"{of} channels at once need {of} chains, or waits in them"
        node.wrong(f"can never be met: {needed}, and there are {most}")
    return of


def _named(node: Node, chains: Chains) -> tuple[str, ...] | None:
    """Channels that all must have taken the notice; each is one of the rung's."""
    known = _names(chains)
    found: list[str] = []
    for entry in node.array("channels"):
        if not known:
            continue  # the rung's channels are wrong themselves, and reported there
        channel = entry.choice(known)
        if channel in found:
            entry.wrong(f'is the channel "{channel}" a second time')
        elif channel:
            found.append(channel)
    if len(found) > 1 and _same_chain_without_wait(found, chains):
        together = listed(f'"{channel}"' for channel in found).replace(" or ", " and ")
        node.wrong(f"can never be met: {together} are not tried both, the one waits for the other to fail")
    return tuple(found) or None


def _names(chains: Chains) -> list[str]:
    return sorted(link if isinstance(link, str) else link.channel for chain in chains for link in chain)


def _same_chain_without_wait(named: Sequence[str], chains: Chains) -> bool:
    """Whether two of the named channels stand in one chain, the later one only for when the one before failed."""
    for chain in chains:
        of_chain = [link for link in chain if (link if isinstance(link, str) else link.channel) in named]
        if any(isinstance(link, str) for link in of_chain[1:]):
            return True
    return False
