"""Checkpoints told to others: time-stamped by an authority, handed to a program; and what failed stays visible."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from html import unescape
from types import SimpleNamespace

import pytest
from django.db import connection
from django.template.loader import render_to_string

from notices.ledger import publishing, stamping
from notices.ledger.told import told
from notices.models import Checkpoint, CheckpointPublication, CheckpointStamp, StampFailure
from notices.proof import verify
from notices.tasks import publish_checkpoints
from tests.notices.proof.alog import a_log
from tests.notices.proof.authority import Authority, authority, served

NOW = datetime(2026, 5, 12, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def checkpoint() -> Checkpoint:
    note = a_log().checkpoint()
    size = int(note.split(b"\n")[1])
    return Checkpoint.objects.create(id=1, size=size, root=bytes(32), note=note.decode(), signed_at=NOW)


def test_an_authority_s_stamp_is_checked_and_kept(tsa, checkpoint, settings):
    with served(lambda query: (200, tsa.answer(query))) as url:
        settings.LEDGER_TSA_URLS, settings.LEDGER_TSA_CERT = [url], str(tsa.ca)
        assert stamping.stamp_latest(now=NOW) == stamping.Stamping(stamped=1)
        assert stamping.stamp_latest(now=LATER) == stamping.Stamping()  # once is enough
    stamp = CheckpointStamp.objects.get()
    assert tsa.agrees(bytes(stamp.token), checkpoint.note.encode())
    assert abs(stamp.stamped_at - datetime.now(UTC)) < timedelta(minutes=5)
    page = render_to_string("notices/_stamps.html", {"told": told()})
    assert "checkpoint of 5 entries, by 127.0.0.1" in " ".join(page.split())


def test_without_a_certificate_of_ours_the_token_s_own_has_to_do(tsa, checkpoint, settings):
    with served(lambda query: (200, tsa.answer(query))) as url:
        settings.LEDGER_TSA_URLS = [url]
        assert stamping.stamp_latest(now=NOW).stamped == 1


# RFC 3161, 2.4.2: a response with status 2 (rejection) and a text.
REFUSAL = bytes.fromhex("3011 300f 020102 300a 0c08") + b"too late"


def page_for(*, staff: bool) -> str:
    return unescape(
        render_to_string("notices/_stamps.html", {"told": told(), "user": SimpleNamespace(is_staff=staff)})
    )


def another_question(tsa: Authority) -> bytes:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    query = TimestampRequestBuilder(a_log().checkpoint(), HashAlgorithm.SHA256).build()
    return tsa.answer(query.as_bytes())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda tsa: (500, b"out of order"), "could not be asked: 500"),
        (lambda tsa: (200, b"<html>Welcome</html>"), "did not answer with a time-stamp"),
        (lambda tsa: (200, b""), "did not answer with a time-stamp"),
        (lambda tsa: (200, bytes(300_000)), "more than a time-stamp has"),
        (lambda tsa: (200, REFUSAL), "refused a time-stamp (status 2): too late"),
        (lambda tsa: (200, another_question(tsa)), "its nonce is not ours"),
    ],
)
def test_what_does_not_hold_is_not_kept_and_the_trouble_is_seen(tsa, checkpoint, settings, answer, reason):
    status, body = answer(tsa)
    with served(lambda query: (status, body)) as url:
        settings.LEDGER_TSA_URLS = [url]
        assert stamping.stamp_latest(now=NOW).failed == 1
    assert not CheckpointStamp.objects.exists()
    assert reason in StampFailure.objects.get().reason
    assert reason in page_for(staff=True)
    assert reason not in page_for(staff=False)
    assert "it is asked again" in page_for(staff=False)


def test_an_authority_that_the_certificate_does_not_vouch_for_is_refused(tsa, checkpoint, settings, tmp_path):
    settings.LEDGER_TSA_CERT = str(authority(tmp_path).ca)
    with served(lambda query: (200, tsa.answer(query))) as url:
        settings.LEDGER_TSA_URLS = [url]
        stamping.stamp_latest(now=NOW)
    assert "does not lead to the one given" in StampFailure.objects.get().reason


def test_a_failed_authority_is_asked_again_later_and_later(tsa, checkpoint, settings):
    answers = [(503, b""), (503, b""), (200, b"")]
    with served(lambda query: answers.pop(0) if len(answers) > 1 else (200, tsa.answer(query))) as url:
        settings.LEDGER_TSA_URLS = [url]
        minutes = [0, 0.5, 1.5, 2.5, 4]
        done = [stamping.stamp_latest(now=NOW + timedelta(minutes=m)) for m in minutes]
    assert [(one.stamped, one.failed) for one in done] == [(0, 1), (0, 0), (0, 1), (0, 0), (1, 0)]
    assert told().stamp_failures == []


def test_a_password_in_an_authority_s_address_is_kept_nowhere(tsa, checkpoint, settings):
    with served(lambda query: (200, tsa.answer(query))) as url:
        settings.LEDGER_TSA_URLS = [url.replace("//", "//user:secret@"), "http://user:secret@127.0.0.1:9/"]
        assert stamping.stamp_latest(now=NOW) == stamping.Stamping(stamped=1, failed=1)
    kept = f"{list(CheckpointStamp.objects.values())}{list(StampFailure.objects.values())}"
    assert "secret" not in kept
    assert len(told().stamps) == len(told().stamp_failures) == 1


def test_an_authority_that_is_away_is_a_failure_in_words(checkpoint, settings):
    settings.LEDGER_TSA_URLS = ["http://127.0.0.1:9/tsr"]
    assert stamping.stamp_latest(now=NOW).failed == 1
    assert "could not be asked" in StampFailure.objects.get().reason


def program(code: str) -> str:
    return f'"{sys.executable}" -c "{code}"'


def test_the_command_gets_the_note_and_its_words_are_kept(checkpoint, settings, tmp_path):
    there = tmp_path / "published here.txt"
    code = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read()); print('done; $HOME `id`')"
    settings.LEDGER_PUBLISH_COMMAND = f"{program(code)} '{there}'"
    done = publishing.publish_latest(now=NOW)
    assert done is not None
    assert (done.ok, done.output) == (True, "done; $HOME `id`")
    assert there.read_text() == checkpoint.note
    assert publishing.publish_latest(now=LATER) is None  # once is enough


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (program("import sys; print('no room'); sys.exit(3)"), "ended with status 3. no room"),
        ("/no/such/program", "could not be started"),
        ("'an open quote", "could not be started"),
        (
            program("import time; print('working', flush=True); time.sleep(60)"),
            "took longer than 0.3 seconds",
        ),
        (program("print('x' * 9000); raise SystemExit(1)"), "xxx…"),
    ],
)
def test_a_command_that_fails_is_seen_and_tried_again(checkpoint, settings, command, reason):
    settings.LEDGER_PUBLISH_COMMAND, settings.LEDGER_PUBLISH_TIMEOUT_SECONDS = command, 0.3
    if "no room" in command or "9000" in command:
        settings.LEDGER_PUBLISH_TIMEOUT_SECONDS = 20
    done = publishing.publish_latest(now=NOW)
    assert done is not None
    assert not done.ok
    assert reason in done.output
    assert publishing.publish_latest(now=NOW + timedelta(seconds=30)) is None
    settings.LEDGER_PUBLISH_COMMAND = program("pass")
    assert told().publication_failure == done
    again = publishing.publish_latest(now=NOW + timedelta(minutes=2))
    assert again is not None
    assert again.ok
    assert told().publication_failure is None


def test_nothing_configured_and_nothing_sealed_is_nothing_to_do(settings):
    publish_checkpoints()
    settings.LEDGER_PUBLISH_COMMAND, settings.LEDGER_TSA_URLS = "/no/such/program", ["http://127.0.0.1:9/"]
    publish_checkpoints()
    assert not CheckpointPublication.objects.exists()
    page = render_to_string("notices/_stamps.html", {"told": told()})
    assert page.count("none yet") == 2


def test_the_task_does_both_and_leaves_no_lock(tsa, checkpoint, settings):
    settings.LEDGER_PUBLISH_COMMAND = program("pass")
    with served(lambda query: (200, tsa.answer(query))) as url:
        settings.LEDGER_TSA_URLS = [url]
        publish_checkpoints()
    assert (CheckpointStamp.objects.count(), CheckpointPublication.objects.filter(ok=True).count()) == (1, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone()[0] == 0


def test_stored_stamps_are_what_bundles_accept(tsa, checkpoint, settings):
    with served(lambda query: (200, tsa.answer(query))) as url:
        settings.LEDGER_TSA_URLS = [url]
        stamping.stamp_latest(now=NOW)
    stamp = CheckpointStamp.objects.get()
    anchors = verify.read_certificates(str(tsa.ca))
    found = verify.open_stamp(bytes(stamp.token), checkpoint.note.encode(), "a.tst", anchors)
    assert found.at == stamp.stamped_at
