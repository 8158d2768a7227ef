"""When a stream of reports counts as interrupted: pure, and robust against what is merely slow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from notices.silence.rule import flows, interruption, never_reported, share_missing
from notices.silence.streams import AT_LEAST, Seen

T0 = datetime(2026, 11, 1, tzinfo=UTC)


def run(pattern: str, start: int = 0) -> list[Seen]:
    """One delivery a minute: + reported, - not."""
    return [Seen(T0 + timedelta(minutes=start + n), mark == "+") for n, mark in enumerate(pattern)]


USUAL = [run("+" * 50, -1000), run("+" * 48 + "--", -500)]


def test_a_cut_is_dated_to_the_first_delivery_without_a_report():
    found = interruption(run("+" * 20 + "-" * 60), USUAL)
    assert found is not None
    assert (found.began_at, found.looked_at, found.missing) == (T0 + timedelta(minutes=20), 80, 60)


def test_a_straggler_before_the_cut_does_not_move_it():
    found = interruption(run("-" + "+" * 30 + "-" * 60), USUAL)
    assert found is not None
    assert found.began_at == T0 + timedelta(minutes=31)


def test_small_counts_open_nothing():
    assert interruption(run("-" * (AT_LEAST - 1)), USUAL) is None
    assert interruption(run("-" * 80), [run("+" * 30, -500)]) is None


def test_what_is_always_slow_is_no_interruption():
    slow = [run("+-" * 25, -1000 + 100 * n) for n in range(5)]
    assert interruption(run("+-" * 40), slow) is None
    assert interruption(run("-" * 80), slow) is not None


def test_an_interruption_that_nobody_saw_does_not_become_what_is_usual():
    """The sweep itself was away for a while: some of the earlier runs are as empty as the window."""
    unseen = [*(run("+" * 50, -2000 + 100 * n) for n in range(5)), run("-" * 50, -300), run("-" * 50, -200)]
    found = interruption(run("-" * 80), unseen)
    assert found is not None
    assert found.began_at == T0 - timedelta(minutes=300)
    assert found.not_before == T0 - timedelta(minutes=1600)


def test_a_stream_that_never_reported_is_found_once_enough_is_overdue():
    silent = run("-" * 60)
    assert interruption(silent, []) is None
    assert never_reported(silent, [], overdue_before=T0 + timedelta(hours=2))
    assert not never_reported(silent, [], overdue_before=T0)
    assert not never_reported(silent, [run("+")], overdue_before=T0 + timedelta(hours=2))


def test_flowing_again_is_seen_by_the_newest():
    assert flows(run("-" * 80 + "+" * 20), 0.0)
    assert not flows(run("+" * 80 + "-" * 20), 0.0)
    assert not flows(run("+" * 9), 0.0)


@given(st.lists(st.booleans(), max_size=120), st.lists(st.booleans(), min_size=50, max_size=120))
def test_more_reports_never_make_an_interruption(window, before):
    earlier = [[Seen(T0 - timedelta(minutes=200 - n), r) for n, r in enumerate(before)]]
    seen = [Seen(T0 + timedelta(minutes=n), r) for n, r in enumerate(window)]
    better = [Seen(each.at, True) if n % 3 else each for n, each in enumerate(seen)]
    if interruption(better, earlier):
        assert interruption(seen, earlier)
    found = interruption(seen, earlier)
    if found:
        assert found.missing / found.looked_at == share_missing(seen)
        assert min(each.at for each in [*earlier[0], *seen]) <= found.began_at <= seen[-1].at
