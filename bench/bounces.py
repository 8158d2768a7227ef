"""How much of a folder of real bounces is read: `python -m bench.bounces DIR [--expect FILE]`.

Counts by kind of mail server, which is taken from the files' names (`postfix-17.eml` is of kind postfix). What each
file should say comes from FILE, a JSON object a line: {"file": "postfix-17.eml", "means": {"ana@mail.example":
"bounced"}}; the addresses in it are those that we mailed. For the test data of flufl.bounce's source distribution
(`pip download --no-binary :all: --no-deps flufl.bounce`, its folder tests/data) that package's own tests say it.
Without either, every address counts as one that we mailed, and the columns only say what was found.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

Means = dict[str, str]
COLUMNS = ("files", "right", "unclassified", "wrong recipient", "wrong meaning")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bounces", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--expect", type=Path, help="JSON lines: what each file should say")
    parser.add_argument("--wrong", action="store_true", help="also list the files that were not read right")
    options = parser.parse_args(arguments)
    expected = dict(_expected(options.folder, options.expect))
    seconds, counts, wrong = measure(_files(options.folder), expected)
    print(json.dumps({"seconds": round(seconds, 3), "by_server": counts, "all": _sum(counts)}, indent=1))
    for each in wrong if options.wrong else ():
        print(each, file=sys.stderr)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".eml", ".txt", ".msg"))


def _expected(folder: Path, file: Path | None) -> Iterator[tuple[str, Means]]:
    if file is not None:
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            yield entry["file"], {address.lower(): kind for address, kind in entry["means"].items()}
    elif (tests := folder.parent / "test_detectors.py").exists():
        yield from _flufl(ast.parse(tests.read_text()))


def _flufl(module: ast.Module) -> Iterator[tuple[str, Means]]:
    for node in module.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DETECTORS":
            means: dict[str, Means] = defaultdict(dict)
            for _, name, addresses, temporary in ast.literal_eval(node.value):
                kind = "delayed" if temporary else "bounced"
                means[name].update({address.decode().lower(): kind for address in addresses})
            yield from means.items()


def measure(
    files: Iterable[Path], expected: dict[str, Means]
) -> tuple[float, dict[str, dict[str, int]], list[str]]:
    """Seconds of reading, counts by kind of server, and a line for each file that was not read right."""
    from notices.inbound.reading import Known, read

    seconds, counts, wrong = 0.0, defaultdict[str, Counter[str]](Counter), []
    for file in files:
        raw = file.read_bytes()
        means = expected.get(file.name)
        if expected and means is None:
            continue
        ours = Known(None if means is None else means)
        began = time.perf_counter()
        reading = read(raw, ours=ours)
        seconds += time.perf_counter() - began
        found = {f.recipient: str(f.kind) for f in reversed(reading.findings) if f.mailed}
        verdict = _verdict(means, found) if means is not None else (reading.says or "unclassified")
        kind = re.sub(r"[-_.]?\d*$", "", file.stem.removeprefix("lhost-")) or file.stem
        counts[kind].update(files=1, **{verdict: 1})
        if verdict != "right":
            wrong.append(f"{file.name}: {verdict}: {found} for {means}; {reading.trouble}")
    return seconds, {kind: dict(counts[kind]) for kind in sorted(counts)}, wrong


def _verdict(means: Means, found: Means) -> str:
    if found == means:
        return "right"
    if not found:
        return "unclassified"
    return "wrong meaning" if found.keys() == means.keys() else "wrong recipient"


def _sum(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts.values():
        total.update(each)
    return dict(total)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Settings hold the domain and key of our tokens; no server is asked.
    os.environ.setdefault("DATABASE_URL", "postgresql:///unused")
    os.environ.setdefault("CELERY_BROKER_URL", "memory://")
    import django

    django.setup()
    main()
