"""Encoding ahead of time gives the bytes that encoding the whole at the end would give."""

from __future__ import annotations

import binascii

from hypothesis import given
from hypothesis import strategies as st

from notices.skeletons import QuotedLines, Skeleton, as_html, mark

LINES = st.lists(
    st.sampled_from(["", "plain", "ünïcödé " * 12, "{{ a }}", "x{{ a }}y {{ b }}", "a=b \t", "."]), max_size=8
)
VALUES = st.fixed_dictionaries({"a": st.text(max_size=120), "b": st.text(max_size=20), "c": st.just("fixed")})


def whole(text: str) -> bytes:
    text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return binascii.b2a_qp(text.encode(), istext=True)


@given(LINES, VALUES)
def test_line_by_line_or_as_a_whole_it_is_the_same(lines, values):
    skeleton = Skeleton(mark("\n".join(lines)), {})
    assert QuotedLines(skeleton, is_html=False).fill(values) == whole(skeleton.fill(values) + "\n")


@given(LINES, VALUES)
def test_a_value_known_ahead_and_one_known_later_give_the_same(lines, values):
    text = mark("\n".join([*lines, "{{ c }}"]))
    ahead = Skeleton(text, {"c": "fixed"})
    assert ahead.names <= {"a", "b"}
    assert ahead.fill(values) == Skeleton(text, {}).fill(values)


@given(st.text(max_size=80))
def test_in_html_a_value_is_text_and_nothing_else(value):
    page = QuotedLines(Skeleton(mark("<p>{{ a }}</p>"), {}), is_html=True).fill({"a": value})
    inner = binascii.a2b_qp(page).decode()[3:-6]
    assert not set(inner.replace("<br>", "").replace("</p><p>", "")) & set("<>")
    assert as_html("<b>&") == "&lt;b&gt;&amp;"
