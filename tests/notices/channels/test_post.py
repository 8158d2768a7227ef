"""Letters: set, queued, handed over once, and what carriers report of them."""

from __future__ import annotations

import csv
import hashlib
import io
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from notices import reading, rerouting, sending, sweeping, tokens
from notices.channels.post import batches, setting, tracking
from notices.channels.post.batches import make_batch, write_archive
from notices.channels.post.setting import NoAddress, address_lines, set_letter
from notices.channels.post.structure import plain, structure
from notices.models import Delivery, Evidence, Letter, LetterBatch, Notice, TrackingReject
from notices.queueing import Contact
from tests.notices.builders import issued, issued_many

ADDRESS = "Ana Kovač\nSlovenska cesta 12\n1000 Ljubljana\nSlovenia"
POST = [[Contact("post", ADDRESS, 9), Contact("email", "ana@mail.example", 1)]]
SENDER = ["Example Ltd.", "1 Example Street", "Exampletown"]


@pytest.fixture(autouse=True)
def post(settings: Any) -> None:
    settings.NOTICE_CHANNELS = {**settings.NOTICE_CHANNELS, "post": {"sender": SENDER}}


def send_all() -> None:
    # Before this test's transaction began: PostgreSQL's now() is that moment.
    Delivery.objects.update(due_at=datetime.now(UTC) - timedelta(hours=1))
    sending.send_due(list(Delivery.objects.order_by("pk").values_list("pk", flat=True)))


def queued(address: str = ADDRESS) -> Letter:
    issued(chains=[[Contact("post", address, 9), Contact("email", "ana@mail.example", 1)]])
    send_all()
    return Letter.objects.get()


def hand_over(at: datetime | None = None) -> LetterBatch:
    batch = make_batch(actor="user:mona", now=at or datetime.now(UTC))
    assert batch is not None
    return batch


def archive(batch: LetterBatch) -> bytes:
    out = io.BytesIO()
    write_archive(batch, out)
    return out.getvalue()


def kinds() -> list[str]:
    return list(Evidence.objects.order_by("pk").values_list("kind", flat=True))


# --- How a letter is set ---


def test_html_becomes_structure_and_never_markup() -> None:
    blocks = structure(
        '<html><head><style>x</style><title>t</title></head><body class="page"><div class="sheet"><h1>A <b>b</b></h1>'
        "<p>one<br>two #set page(fill: red) $x$</p><ul><li>first</li><li><p>second</p></li></ul>"
        '<blockquote><p>rule</p></blockquote>alone <a href="https://example.com/x">here</a></div>'
        '<p class="foot">Example</p></body></html>'
    )
    assert [block["t"] for block in blocks] == ["h", "p", "ul", "blockquote", "p"]
    assert blocks[1]["c"] == ["one", {"t": "br", "c": []}, "two #set page(fill: red) $x$"]
    assert [item["t"] for item in blocks[2]["c"]] == ["li", "li"]
    assert blocks[4]["c"][1] == {"t": "a", "c": ["here"], "href": "https://example.com/x"}


def test_each_paragraph_has_its_own_direction() -> None:
    assert [block["dir"] for block in plain("Hello\n\nمرحبا Ana\n\n123")] == ["ltr", "rtl", ""]


def test_structure_without_end_does_no_harm() -> None:
    assert structure("<div>" * 5_000 + "deep" + "<p>" * 500)[-1]["t"] == "p"
    assert structure("</p></div>plain &amp; <unknown>simple")[0]["c"] == ["plain & ", "simple"]


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        (ADDRESS, 4),
        ("Ana Kovač, Slovenska cesta 12, 1000 Ljubljana", 3),
        ("  Ana \r\n\r\n\u202eStreet 1\x07 \n", 2),
    ],
)
def test_addresses_are_lines(address: str, lines: int) -> None:
    found = address_lines(address)
    assert len(found) == lines
    assert all(line.isprintable() and line == line.strip() for line in found)


@pytest.mark.parametrize("address", ["", "Ana Kovač", "a\n" * 7, "Ana\n" + "x" * 61, "x\n" * 201])
def test_what_fits_no_envelope_is_said_in_words(address: str) -> None:
    with pytest.raises(NoAddress, match="address"):
        address_lines(address)


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "de", "es", "ar"])
def test_the_same_notice_gives_the_same_bytes(language: str) -> None:
    notice = issued(
        language=language, values={"account_name": "ليلى", "facts": "x" * 500, "case_number": "C-1"}
    )
    content = reading.content(notice).replace(
        b"Content-Language: en", f"Content-Language: {language}".encode()
    )

    def letter(address: str = ADDRESS) -> setting.SetLetter:
        return set_letter(
            content,
            address,
            sender=SENDER,
            platform="Example",
            reference="N-1-abc",
            link="https://e.example/n/1/",
        )

    assert letter() == letter()
    assert letter().pdf.startswith(b"%PDF-")
    assert letter().pages == 1
    assert letter().pdf != letter(ADDRESS.replace("12", "13")).pdf


# --- The print queue ---


@pytest.mark.django_db
def test_a_delivery_by_post_lies_in_the_print_queue_and_proves_nothing_yet() -> None:
    letter = queued()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.provider, delivery.provider_id) == ("accepted", "post", letter.number)
    assert (kinds(), Notice.objects.get().grade) == (["noted"], 0)
    assert hashlib.sha256(bytes(letter.pdf)).digest() == bytes(letter.sha256)
    assert letter.state == "queued"


@pytest.mark.django_db
def test_an_address_that_fits_no_envelope_is_refused_and_the_next_one_tried() -> None:
    issued(chains=[[Contact("post", "nowhere", 9), Contact("email", "ana@mail.example", 1)]])
    send_all()
    assert list(Delivery.objects.order_by("pk").values_list("channel", "state")) == [
        ("post", "refused"),
        ("email", "queued"),
    ]


@pytest.mark.django_db
def test_handing_over_is_submission_and_happens_once() -> None:
    letter = queued()
    batch = hand_over()
    assert make_batch(actor="user:mona", now=datetime.now(UTC)) is None
    letter.refresh_from_db()
    assert (letter.state, letter.batch, letter.place) == ("handed_over", batch, 1)
    assert (kinds(), Notice.objects.get().grade) == (["noted", "submitted"], 1)


@pytest.mark.django_db
def test_the_archive_has_the_letters_in_order_and_is_the_same_each_time() -> None:
    issued_many(3, chains=[[Contact("post", "=1+1\nStreet 2\n1000 Town", 9)]])
    send_all()
    batch = hand_over()
    data = archive(batch)
    assert archive(batch) == data
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        names = found.namelist()
        rows = list(csv.DictReader(io.StringIO(found.read("letters.csv").decode("utf-8-sig"))))
        for row in rows:
            assert hashlib.sha256(found.read(row["file"])).hexdigest() == row["sha256"]
    assert names == [*(row["file"] for row in rows), "letters.csv"]
    assert [row["place"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["line_1"] == "'=1+1"  # no formula for a spreadsheet
    assert tokens.read_reference(rows[0]["reference"]) == Letter.objects.get(place=1).delivery.notice_id


@pytest.mark.django_db
def test_letters_of_what_was_stood_down_are_not_printed() -> None:
    letter = queued()
    rerouting.stand_down([letter.delivery.notice_id], now=datetime.now(UTC))
    assert make_batch(actor="user:mona", now=datetime.now(UTC)) is None
    assert batches.queued() == 0


@pytest.mark.django_db(transaction=True)
def test_two_batches_at_once_never_share_a_letter() -> None:
    issued_many(4, chains=[[Contact("post", ADDRESS, 9)]])
    send_all()
    found: list[LetterBatch | None] = []

    def run() -> None:
        try:
            found.append(make_batch(actor="user:mona", now=datetime.now(UTC)))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(batch.count for batch in found if batch) == 4
    assert Letter.objects.filter(batch__isnull=True).count() == 0


@pytest.mark.django_db
def test_the_database_keeps_letters_as_they_are() -> None:
    queued()
    hand_over()
    for change in ({"pdf": b"other"}, {"batch": None, "place": None}, {"place": 7}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Letter.objects.update(**change)


@pytest.mark.django_db
def test_silence_after_a_letter_counts_from_its_handing_over() -> None:
    issued(chains=[[Contact("post", ADDRESS, 9), Contact("email", "ana@mail.example", 1, 168)]])
    start = datetime.now(UTC)
    send_all()
    hand_over(start + timedelta(hours=48))
    assert sweeping.break_silence(now=start + timedelta(hours=170)) == 0
    assert sweeping.break_silence(now=start + timedelta(hours=48 + 168)) == 1


@pytest.mark.django_db
def test_deemed_service_by_post_runs_from_handing_over_and_is_labelled() -> None:
    issued(chains=POST, service_rule={"grade": 3, "deemed": {"channels": ["post"], "days": 3}})
    send_all()
    assert Notice.objects.get().deemed_due_at is None
    at = datetime.now(UTC)
    hand_over(at)
    assert Notice.objects.get().deemed_due_at == at + timedelta(days=3)
    sweeping.deem_served(now=at + timedelta(days=3))
    notice = Notice.objects.get()
    assert (notice.served_at, notice.deemed) == (at + timedelta(days=3), True)


# --- What carriers report ---


Import = Callable[..., tracking.TrackingReport]


def report(*rows: str, header: str = "letter_number,carrier,tracking_number,status,at,signed_by") -> Any:
    data = "\n".join([header, *rows]).encode()
    return tracking.import_tracking(data, file="dhl.csv", now=datetime.now(UTC) + timedelta(days=2))


def row(
    letter: Letter, status: str = "delivered", number: str = "RR123", at: str = "", signed: str = ""
) -> str:
    at = at or (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    return f"{letter.number},DHL,{number},{status},{at},{signed}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "kind", "grade"),
    [
        ("in transit", "noted", 1),
        ("Delivered", "delivered", 3),
        ("signed", "signed_for", 4),
        ("delivered_to_addressee", "signed_for", 4),
        ("returned", "bounced", 0),
        ("refused", "bounced", 0),
    ],
)
def test_a_carrier_s_report_is_evidence_once(status: str, kind: str, grade: int) -> None:
    letter = queued()
    hand_over()
    line = row(letter, status, signed="A. Kovač")
    first, again = report(line, line), report(line)
    assert (first.recorded, first.known, again.recorded, again.known) == (1, 1, 0, 1)
    fact = Evidence.objects.get(source="post:dhl")
    assert (fact.kind, Notice.objects.get().grade) == (kind, grade)
    letter.refresh_from_db()
    assert (letter.carrier, letter.tracking_number) == ("dhl", "RR123")


@pytest.mark.django_db
def test_a_letter_that_comes_back_leads_to_the_next_address() -> None:
    letter = queued()
    hand_over()
    report(row(letter, "undeliverable"))
    assert Delivery.objects.get(channel="email").retry_reason == f"because D-{letter.pk} came back"


@pytest.mark.django_db
def test_bad_rows_are_kept_with_their_reasons_and_hold_up_no_others() -> None:
    issued_many(2, chains=[[Contact("post", ADDRESS, 9)]])
    send_all()
    hand_over()
    one, two = Letter.objects.order_by("pk")
    wrong = [
        (row(one).replace(one.number, "L-1-00000000000000"), "none of ours"),
        (row(one, "flying"), "not known"),
        (row(one, at="2026-05-12 14:00"), "no time zone"),
        (row(one, at="yesterday"), "must be a time"),
        (row(one, at="2001-01-01T00:00:00Z"), "before the letter was handed over"),
        (row(one, at="2999-01-01T00:00:00Z"), "future"),
        (row(two, number="RR1"), "belongs to another letter"),
        (row(one, number="RR2"), "already has the number"),
        (row(one).replace("DHL", ""), "carrier is empty"),
        ("too,few", "columns"),
        (row(one, signed="\x00"), ""),
    ]
    result = report(row(one, number="RR1"), *(text for text, _ in wrong[:-1]), row(two, number="RR7"))
    assert result.recorded == 2
    assert [line for line, _ in result.rejected] == list(range(3, 13))
    for (_, reason), (_, told) in zip(wrong, result.rejected, strict=False):
        assert reason in told
    report(*(text for text, _ in wrong[:3]))
    assert TrackingReject.objects.count() == len(wrong) - 1  # the same row, kept once


@pytest.mark.django_db
@pytest.mark.parametrize(
    "data",
    [b"", b"nothing\n", b"\xff\xfe\x00", b"letter_number;carrier\n", b'"' * 3],
)
def test_a_file_that_is_no_list_is_told_in_words(data: bytes) -> None:
    with pytest.raises(tracking.TrackingFileError, match="must name the columns"):
        tracking.import_tracking(data, file="x.csv", now=datetime.now(UTC))


@pytest.mark.django_db
def test_damaged_rows_are_rejected_and_never_an_error() -> None:
    header = "letter_number;carrier;tracking_number;status;at;signed_by\n"
    damaged = b'\xff\xfe;a;b;c;d;e\n"never closed;' + b"x" * 140_000 + b"\n;;;;;\na\x00b;c;d;e;f;g\n"
    result = tracking.import_tracking(header.encode() + damaged, file="x.csv", now=datetime.now(UTC))
    assert (result.recorded, TrackingReject.objects.count()) == (0, len(result.rejected))
    assert result.rejected


@pytest.mark.django_db
def test_a_letter_that_was_never_handed_over_has_no_reports() -> None:
    letter = queued()
    assert "never handed over" in report(row(letter)).rejected[0][1]


# --- The commands ---


@pytest.mark.django_db
def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("print_batch", "-o", str(tmp_path / "none.zip"))
    assert "No letter is waiting" in capsys.readouterr().out
    letter = queued()
    first, again = tmp_path / "b.zip", tmp_path / "again.zip"
    call_command("print_batch", "-o", str(first))
    batch = LetterBatch.objects.get()
    assert f"Batch {batch}: 1 letter" in capsys.readouterr().out
    with pytest.raises(CommandError, match="there already"):
        call_command("print_batch", "-o", str(first))
    call_command("print_batch", "--again", str(batch), "-o", str(again))
    assert again.read_bytes() == first.read_bytes()
    with pytest.raises(CommandError, match="no batch"):
        call_command("print_batch", "--again", "B-x", "-o", str(tmp_path / "c.zip"))

    file = tmp_path / "dhl.csv"
    file.write_text(
        f"letter_number,carrier,tracking_number,status,at\n"
        f"{letter.number},dhl,RR1,delivered,{datetime.now(UTC).isoformat()}\n{letter.number},dhl,RR1,lost,\n"
    )
    with pytest.raises(SystemExit):
        call_command("import_tracking", str(file))
    said = capsys.readouterr()
    assert "1 recorded, 0 known already, 1 rejected" in said.out
    assert f"{file}:3: at is empty" in said.err
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_tracking", str(tmp_path / "missing.csv"))
