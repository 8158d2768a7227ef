"""Bundles of notices that were really sent, built from the database, checked by the program that lies in them."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from notices import ledger, reading, sending, tokens
from notices.channels import close_channels
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.ledger.erasing import erase_notices
from notices.ledger.stamping import stamp_latest
from notices.models import Delivery, Evidence, Letter, Notice
from notices.proof import verify
from notices.proof.building import NotProvable, build
from notices.queueing import Contact
from notices.recording import record
from tests.flows.counting import free_port
from tests.notices.builders import a_template, issued, issued_many
from tests.notices.proof.authority import authority, served

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = [[Contact("email", "ana@mail.example", 1)], [Contact("inapp", "u-1")]]


class Keeping:
    """An aiosmtpd handler that keeps each message as it came."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        self.messages.append(envelope.content)
        return "250 2.0.0 Ok: queued as 4F2A11"


@pytest.fixture
def server(settings: Any) -> Iterator[Keeping]:
    """The recipient's own mail server."""
    handler, port = Keeping(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    options = {**settings.NOTICE_CHANNELS["email"], "host": "127.0.0.1", "port": port, "role": "recipient"}
    settings.NOTICE_CHANNELS = {"email": options, "inapp": {}}
    close_channels()
    try:
        yield handler
    finally:
        close_channels()
        controller.stop()


def sent(**changes: Any) -> Notice:
    """A notice, sent to every address that was queued for it."""
    notice = issued(**{"chains": BOTH, **changes})
    sending.send_due(list(Delivery.objects.filter(notice=notice).order_by("pk").values_list("pk", flat=True)))
    return notice


def now() -> datetime:
    return datetime.now(UTC)


def test_a_notice_that_was_sent_can_be_proven_to_a_stranger(server):
    notice = sent()
    bundle = build(notice.pk, now=now())
    contents = verify.check(bundle, ledger.verifier_keys()[:1])
    mail, inbox = contents.deliveries
    assert (mail["channel"], mail["address"], inbox["channel"]) == ("email", "ana@mail.example", "inapp")
    assert sorted(entry.kind for entry in contents.entries) == ["posted", "relayed"]
    assert contents.standing.served_at is not None
    assert contents.standing.grade == 2
    assert len(verify.naming(contents.entries, mail["id"])) == 1
    assert contents.notice["reference"] == tokens.reference(notice.pk)


def test_the_message_in_the_bundle_is_what_left_byte_for_byte(server):
    bundle = build(sent().pk, now=now())
    files = verify.unpack(bundle)
    mail = verify.check(bundle).deliveries[0]
    assert server.messages == [files[mail["message"]]]
    assert message_from_bytes(files[mail["message"]])["Subject"] == "A warning"


def test_the_same_state_gives_the_same_bytes(server):
    notice, at = sent(), now()
    assert build(notice.pk, now=at) == build(notice.pk, now=at)


def test_other_notices_do_not_get_into_the_bundle(server):
    mine, other = sent(), sent(recipient="u-2", name="Bo")
    reading.shown(mine, session="s" * 64, at=now())
    contents = verify.check(build(other.pk, now=now()))
    assert contents.notice["recipient"] == "u-2"
    assert len(contents.entries) == Evidence.objects.filter(notice=other).count()


def test_in_a_ledger_of_several_tiles(server, settings, tmp_path):
    mine = sent()
    issued_many(700)
    others = Delivery.objects.exclude(notice=mine).values_list("notice", "pk")
    tsa = authority(tmp_path)
    with served(lambda query: (200, tsa.answer(query))) as url:
        settings.LEDGER_TSA_URLS = [url]
        for start in (
            0,
            300,
        ):  # the first stamped checkpoint lies in the middle of a tile, and so does the last
            facts = [
                NewFact(n, Kind.SUBMITTED, "test", now(), d, event_id=str(d)) for n, d in others[start:][:300]
            ]
            record(facts, now=now())
            ledger.seal(now=now())
            stamp_latest(now=now())
            reading.shown(mine, session=f"s{start}", at=now())
    contents = verify.check(build(mine.pk, now=now()))
    assert contents.head.size > 600
    assert [bool(entry.stamp) for entry in contents.entries] == [True, True, True, False]


def test_a_later_bounce_turns_the_verdict(server):
    notice = sent(chains=BOTH[:1])
    served_before = verify.check(build(notice.pk, now=now())).standing.served_at
    bounce = {"action": "failed", "status": "5.1.1", "diagnostic_code": "550 No such user"}
    fact = NewFact(notice.pk, Kind.BOUNCED, "dsn", now(), notice.deliveries.get().pk, bounce)
    record([fact], now=now())
    contents = verify.check(build(notice.pk, now=now()))
    assert served_before is not None
    assert (contents.standing.served_at, contents.standing.verdict) == (None, "disproven")


def test_deemed_service_is_judged_as_of_the_moment_stated(server):
    notice = sent(service_rule={"grade": 6, "deemed": {"channels": 2, "days": 7}})
    assert verify.check(build(notice.pk, now=now())).standing.served_at is None
    later = verify.check(build(notice.pk, now=now() + timedelta(days=8)))
    assert later.standing.deemed


def test_the_text_in_the_summary_has_no_link_that_works(server, monkeypatch):
    from notices.proof import assembling

    shown: list[Any] = []
    make = assembling.summary

    def watched(contents: Any, text: Any, messages: Any) -> bytes:
        shown.append(text)
        return make(contents, text, messages)

    monkeypatch.setattr(assembling, "summary", watched)
    notice = sent()
    build(notice.pk, now=now())
    assert tokens.link(notice.pk) not in shown[0].text
    assert "/n/[withheld]/" in shown[0].text


@pytest.mark.parametrize("language", ["de", "ar"])
def test_any_language_that_notices_are_in(server, language):
    body = {"de": "Grüße, {{ account_name }} ß", "ar": "مرحبا {{ account_name }}، هذا تحذير"}[language]
    a_template(language, body=body + " {{ facts }} {{ link }} {{ reference }}")
    contents = verify.check(build(sent(language=language).pk, now=now()))
    assert contents.notice["language"] == language


def test_hostile_words_of_others_are_words_and_no_markup(server):
    evil = '#panic("x") *b* $x$ <a> @b \\ `c` {{ x }} "quoted"\n= heading\n\x07'
    notice = sent(
        name='Eve "<evil@mail.example>', values={"account_name": evil, "facts": evil, "case_number": "C-1"}
    )
    assert verify.check(build(notice.pk, now=now())).entries


def test_facts_are_proven_in_the_earliest_checkpoint_that_was_stamped(server, settings, tmp_path):
    notice = sent()
    ledger.seal(now=now())
    tsa = authority(tmp_path)
    with served(lambda query: (200, tsa.answer(query))) as url:
        settings.LEDGER_TSA_URLS, settings.LEDGER_TSA_CERT = [url], str(tsa.ca)
        assert stamp_latest(now=now()).stamped == 1
        reading.shown(notice, session="s" * 64, at=now())
        bundle = build(notice.pk, now=now())
        contents = verify.check(bundle, anchors=verify.read_certificates(str(tsa.ca)))
        stamped = {entry.kind: bool(entry.stamp) for entry in contents.entries}
        assert stamped == {"relayed": True, "posted": True, "shown": False}
        assert any(name.startswith("older/") for name in verify.unpack(bundle))
        stamp_latest(now=now())
        both = verify.check(build(notice.pk, now=now()))
    assert all(entry.stamp for entry in both.entries)


def test_after_an_erasure_the_old_bundle_holds_and_a_reduced_one_can_be_had(server):
    notice = sent()
    before = build(notice.pk, now=now())
    erase_notices([notice.pk], actor="system:test", reason="asked for", now=now())
    assert verify.check(before, ledger.verifier_keys()).standing.grade == 2
    with pytest.raises(NotProvable, match=r"were erased on .* reduced bundle"):
        build(notice.pk, now=now())
    reduced = build(notice.pk, now=now(), reduced=True)
    contents = verify.check(reduced)
    assert contents.standing.grade == 2
    assert [entry.kind for entry in contents.entries if entry.payload is not None] == ["erased"]
    assert any("their words were erased" in one for one in verify.not_proven(contents))
    assert b"ana@mail.example" not in reduced
    assert "Kovač".encode() not in reduced


def test_a_notice_that_nothing_is_known_of_yet_claims_nothing(server):
    sent()
    waiting = issued(recipient="u-9", chains=BOTH[:1])
    contents = verify.check(build(waiting.pk, now=now()))
    assert (contents.entries, contents.standing.verdict) == ([], "not_proven")
    assert any("no fact in the ledger names" in one for one in verify.not_proven(contents))


def test_a_short_text_is_in_the_bundle_as_it_leaves_with_the_notice_beside_it(server):
    notice = issued(chains=[[Contact("sms", "+4930123456", 1)]])
    delivery = notice.deliveries.get()
    digest = hashlib.sha256(bytes(delivery.head)).hexdigest()
    record(
        [NewFact(notice.pk, Kind.SUBMITTED, "sms", now(), delivery.pk, {"message_sha256": digest})], now=now()
    )
    bundle = build(notice.pk, now=now())
    files = verify.unpack(bundle)
    assert files[f"messages/D-{delivery.pk}.txt"] == bytes(delivery.head)
    assert b"Subject: A warning" in files["messages/notice.eml"]
    assert verify.check(bundle).standing.grade == 1


def test_a_letter_is_in_the_bundle_as_it_was_printed(server):
    notice = issued(chains=[[Contact("post", "Ana Kovač\nWeg 1\n10115 Berlin\nGermany", 1)]])
    delivery, pdf = notice.deliveries.get(), b"%PDF-1.7 a letter"
    digest = hashlib.sha256(pdf).digest()
    Letter.objects.create(delivery=delivery, pdf=pdf, sha256=digest, pages=1)
    taken = NewFact(notice.pk, Kind.SUBMITTED, "post", now(), delivery.pk, {"pdf_sha256": digest.hex()})
    record([taken], now=now())
    bundle = build(notice.pk, now=now())
    assert verify.unpack(bundle)[f"messages/D-{delivery.pk}.pdf"] == pdf
    assert any(
        "the letter that the ledger has on record" in one for one in verify.proven(verify.check(bundle))
    )


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (
            "UPDATE notices_evidencepayload SET body = body || ' '",
            "something was added to it",
        ),
        ("UPDATE notices_evidence SET kind = 'acknowledged' WHERE kind = 'relayed'", "does not lead from"),
        (
            "UPDATE notices_delivery SET address = 'eve@mail.example' WHERE channel = 'email'",
            "not addressed to",
        ),
        (
            "UPDATE notices_delivery SET head = head || 'X-Evil: 1' WHERE channel = 'email'",
            "not the message that",
        ),
        (
            "UPDATE notices_checkpoint SET note = replace(note, chr(10) || '2' || chr(10), chr(10) || '9' || chr(10))",
            "",
        ),
        ("UPDATE notices_tile SET hashes = decode(repeat('00', 64), 'hex')", ""),
    ],
)
def test_what_was_changed_in_sql_is_not_handed_out_as_proof(server, attack, reason):
    notice = sent()
    build(notice.pk, now=now())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(attack)
    with pytest.raises(NotProvable, match=f"does not fit together.*{reason}"):
        build(notice.pk, now=now())


def test_an_empty_ledger_proves_nothing(server):
    with pytest.raises(NotProvable, match="The ledger is empty"):
        build(issued().pk, now=now())


# --- The commands ---------------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_from_the_command_line(server, tmp_path):
    notice, file = sent(), tmp_path / "proof.zip"
    assert "Check it with" in run("proof", notice.number, "-o", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    said = run("verify_proof", str(file))
    assert said.startswith("ACCEPTED.")
    assert "the key that was given" in said
    as_json = json.loads(run("verify_proof", str(file), "--json", "--key", ledger.verifier_keys()[0]))
    assert as_json["notice"]["number"] == notice.number
    with pytest.raises(CommandError, match="exists"):
        run("proof", notice.number, "-o", str(file))
    run("proof", tokens.reference(notice.pk), "-o", str(file), "--force")
    run("proof", str(notice.pk).lower(), "-o", str(file), "--force")


def test_the_command_rejects_by_its_exit_status(server, tmp_path, capsys):
    file = tmp_path / "proof.zip"
    run("proof", sent().number, "-o", str(file))
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(SystemExit) as left:
        run("verify_proof", str(file))
    assert left.value.code == 1


@pytest.mark.parametrize(
    ("notice", "reason"),
    [
        ("N-999999", "There is no notice N-999999"),
        ("N-1-00000000000000", "check letters are wrong"),
        ("Ana", "not 'Ana'"),
        ("N-", "not 'N-'"),
    ],
)
def test_what_is_no_notice_is_said_clearly(tmp_path, notice, reason):
    with pytest.raises(CommandError, match=re.escape(reason)):
        run("proof", notice, "-o", str(tmp_path / "x.zip"))
    assert list(Path(tmp_path).iterdir()) == []


def test_a_folder_that_is_not_there_is_said_clearly(tmp_path):
    with pytest.raises(CommandError, match="There is no folder"):
        run("proof", "N-1", "-o", str(tmp_path / "none" / "x.zip"))
