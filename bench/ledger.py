"""The ledger: `python -m bench.ledger [--large]`. Sealing, proofs and their growth, and what sealing costs writers.

Sealing and proofs at 10,000 and 1,000,000 leaves run on rows of evidence made by SQL, through the sealer as it is. At
10,000,000 (--large) only the sampled leaves are rows; the tiles of all are written by the sealer's own code. Writers:
4 processes append facts in batches for some seconds, in turn with the trigger that queues them for sealing and
without it, and with a sealer at work beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bench.harness import cpu_seconds, measure, report, start_django
from bench.intake import empty

_PAYLOAD = {
    "reply": "250 2.0.0 Ok: queued as 4bTqKx1n2Zz9",
    "code": 250,
    "provider": "smtp:mx.example",
    "try": 1,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=200_000, help="of one run of the sealer")
    parser.add_argument("--proofs", type=int, default=500, help="made one by one at each size")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 1_000_000])
    parser.add_argument("--large", action="store_true", help="proofs at 10,000,000 leaves too")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2, help="of each turn of the writers")
    parser.add_argument("--turns", type=int, default=7, help="of the writers, each way")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    start_django("due_notice_bench_ledger")
    sealing = measure(lambda: run_sealer(options.leaves), runs=options.runs)
    proofs = [run_proofs(size, options.proofs) for size in options.sizes]
    if options.large:
        proofs.append(run_proofs(10_000_000, options.proofs, synthetic=True))
    median = sealing["median"]
    report(
        "ledger",
        {
            "sealed_per_second": round(options.leaves / median["seconds"]),
            "seal_cpu_seconds_per_100000": round(100_000 * median["seal_cpu"] / options.leaves, 3),
            "proofs": proofs,
            "writers": run_writers(options.writers, options.seconds, options.turns),
            "sealing": sealing,
        },
    )


# --- Sealing ----------------------------------------------------------------------------------------------------------


def run_sealer(leaves: int) -> Mapping[str, float]:
    from notices.ledger import seal

    empty()
    make_evidence(range(1, leaves + 1))
    before, started = cpu_seconds(), time.perf_counter()
    sealed = seal(now=datetime.now(UTC))
    seconds, after = time.perf_counter() - started, cpu_seconds()
    assert sealed.count == leaves
    return {
        "seconds": seconds,
        "seal_cpu": sum(after[name] - before[name] for name in ("python", "postgres")),
    }


def make_notice() -> int:
    """A notice for evidence to be about."""
    from notices.models import ContentDictionary, Notice, Template, TemplateVersion

    template, _ = Template.objects.get_or_create(slug="bench", defaults={"kind": "warning"})
    version, _ = TemplateVersion.objects.get_or_create(
        template=template, language="en", number=1, defaults={"subject": "s", "body": "b"}
    )
    dictionary, _ = ContentDictionary.objects.get_or_create(sha256=bytes(32), defaults={"data": b""})
    return Notice.objects.create(
        recipient="u-1",
        kind="warning",
        template_version=version,
        policy_version="bench@1",
        language_asked="en",
        language_used="en",
        service_rule={"grade": 2},
        dictionary=dictionary,
        content=b"",
        content_sha256=bytes(32),
        issued_at=datetime.now(UTC),
        issued_by="system:bench",
    ).pk


def make_evidence(ids: Iterable[int]) -> None:
    """Rows of evidence with these ids, queued for sealing by the trigger."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO notices_evidence
                (id, notice_id, kind, source, occurred_at, recorded_at, test, key, commitment)
            SELECT i, %s, 'relayed', 'smtp:mx.example', now() - i * interval '1.234567 s', now(), false,
                   substr(sha256(('key' || i)::bytea), 1, 16), sha256(('commitment' || i)::bytea)
            FROM unnest(%s::bigint[]) i
            """,
            [make_notice(), list(ids)],
        )
        cursor.execute("VACUUM ANALYZE notices_evidence, notices_sealqueue")


# --- Proofs -----------------------------------------------------------------------------------------------------------


def run_proofs(size: int, count: int, *, synthetic: bool = False) -> dict[str, Any]:
    """Milliseconds of a proof of one fact, rows and tiles read anew each time, and of a hundred facts at once."""
    from django.db import connection

    from notices.ledger import consistency, prove, seal
    from notices.ledger.merkle import leaf_hash, verify_inclusion
    from notices.ledger.proving import root

    empty()
    rng = random.Random(size)
    wanted = [1 + index for index in rng.sample(range(size), count)]
    if synthetic:
        build_tiles(size, wanted)
    else:
        make_evidence(range(1, size + 1))
        seal(now=datetime.now(UTC))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE notices_tile")
        cursor.execute("SELECT pg_total_relation_size('notices_tile')")
        tile_bytes = cursor.fetchone()[0]
    expected = root(size)
    singly = []
    for pk in wanted:
        started = time.perf_counter()
        proof = prove([pk], size=size)[pk]
        singly.append(time.perf_counter() - started)
        assert verify_inclusion(proof.index, size, leaf_hash(proof.leaf), proof.hashes, expected)
    return {
        "leaves": size,
        "synthetic": synthetic,
        "proof_ms_p50": _ms(statistics.median(singly)),
        "proof_ms_p99": _ms(statistics.quantiles(singly, n=100)[98]),
        "hundred_proofs_ms": _ms(timed(lambda: prove(wanted[:100], size=size))),
        "consistency_ms": _ms(
            statistics.median(timed(lambda: consistency(rng.randrange(1, size), size)) for _ in range(50))
        ),
        "tile_bytes_per_leaf": round(tile_bytes / size, 1),
    }


def build_tiles(size: int, wanted: Sequence[int]) -> None:
    """A tree of evidence ids 1 to `size`, of which only the `wanted` are rows; the others' leaves are made up."""
    from django.db import transaction

    from notices.ledger import sealing
    from notices.ledger.leaves import leaf
    from notices.ledger.merkle import leaf_hash
    from notices.ledger.rows import evidence_rows

    make_evidence(wanted)
    known = {row[0]: leaf_hash(leaf(row)) for row in evidence_rows(wanted)}
    for start in range(0, size, sealing.BATCH):
        ids = range(start + 1, min(start + sealing.BATCH, size) + 1)
        hashes = [known.get(pk) or hashlib.sha256(pk.to_bytes(8, "big")).digest() for pk in ids]
        with transaction.atomic():
            sealing.extend(list(ids), hashes, now=datetime.now(UTC))


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)


# --- Writers ----------------------------------------------------------------------------------------------------------


def run_writers(writers: int, seconds: float, turns: int) -> dict[str, Any]:
    """Facts appended per second by all writers. Turns of each way alternate, so that each is compared with its own
    neighbour: the machine's other work passes over both.
    """
    rates: dict[str, list[float]] = {"unqueued": [], "queued": [], "beside_sealer": []}
    for _ in range(turns):
        rates["unqueued"].append(_turn(writers, seconds, queued=False))
        rates["queued"].append(_turn(writers, seconds, queued=True))
        rates["beside_sealer"].append(_turn(writers, seconds, queued=True, sealer=True))

    def slower(way: str) -> float:
        pairs = zip(rates[way], rates["unqueued"], strict=True)
        return round(1 - statistics.median(rate / unqueued for rate, unqueued in pairs), 3)

    return {
        "writers": writers,
        **{f"facts_per_second_{way}": round(statistics.median(found)) for way, found in rates.items()},
        "slower_by_queue": slower("queued"),
        "slower_beside_sealer": slower("beside_sealer"),
        "turns": {way: [round(rate) for rate in found] for way, found in rates.items()},
    }


def _turn(writers: int, seconds: float, *, queued: bool, sealer: bool = False) -> float:
    from django.db import connection

    empty()
    notices = [make_notice() for _ in range(writers)]
    switch = "ENABLE" if queued else "DISABLE"
    trigger = _queueing_trigger()
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE notices_evidence {switch} TRIGGER {trigger}")
    connection.close()
    context = multiprocessing.get_context("fork")
    counts = context.Array("q", writers)
    go, end = context.Event(), context.Event()
    processes = [
        context.Process(target=_write, args=(notice, i, counts, go, end)) for i, notice in enumerate(notices)
    ]
    if sealer:
        processes.append(context.Process(target=_seal, args=(go, end)))
    for process in processes:
        process.start()
    time.sleep(0.5)
    go.set()
    started = time.perf_counter()
    time.sleep(seconds)
    end.set()
    for process in processes:
        process.join()
    took = time.perf_counter() - started
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE notices_evidence ENABLE TRIGGER {trigger}")
    return sum(counts) / took


def _queueing_trigger() -> str:
    from notices.models import Evidence

    (found,) = [t for t in Evidence._meta.triggers if t.name == "queue_for_sealing"]
    return str(found.get_pgid(Evidence))


def _write(notice: int, number: int, counts: Any, go: Any, end: Any) -> None:
    """Append batches of 100 facts, each in a transaction, until the end."""
    from django.db import transaction

    from notices.ledger import NewFact
    from notices.ledger.appending import append

    now, done = datetime.now(UTC), 0
    append([])
    go.wait()
    while not end.is_set():
        facts = [
            NewFact(
                notice, "relayed", "smtp:mx.example", now, payload=_PAYLOAD, event_id=f"{number}:{done + i}"
            )
            for i in range(100)
        ]
        with transaction.atomic():
            append(facts)
        done += len(facts)
    counts[number] = done


def _seal(go: Any, end: Any) -> None:
    from notices.ledger import seal

    go.wait()
    while not end.is_set():
        seal(now=datetime.now(UTC))
        end.wait(1)


if __name__ == "__main__":
    main()
