from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.reading import canonical_email

LABEL_63 = "a" * 63


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("ana@example.com", "ana@example.com"),
        ("Ana.Lopez+Ads@Example.COM", "ana.lopez+ads@example.com"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"),
        ("a@b.c.d.example.museum", "a@b.c.d.example.museum"),
        ("1@1.example", "1@1.example"),
        ("a@r3---x.example.com", "a@r3---x.example.com"),
        (f"{'a' * 64}@example.com", f"{'a' * 64}@example.com"),
        (f"a@{LABEL_63}.com", f"a@{LABEL_63}.com"),
        # Internationalised domains, and all the spellings of one of them
        ("info@münchen.example", "info@xn--mnchen-3ya.example"),
        ("INFO@MÜNCHEN.example", "info@xn--mnchen-3ya.example"),
        ("info@xn--mnchen-3ya.example", "info@xn--mnchen-3ya.example"),
        ("info@XN--MNCHEN-3YA.example", "info@xn--mnchen-3ya.example"),
        ("info@mu\u0308nchen.example", "info@xn--mnchen-3ya.example"),
        ("info@straße.example", "info@xn--strae-oqa.example"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("a@例え。テスト", "a@xn--r8jz45g.xn--zckzah"),
        # Internationalised local parts (RFC 6531)
        ("用户@例え.テスト", "用户@xn--r8jz45g.xn--zckzah"),
        ("Jürgen@example.com", "jürgen@example.com"),
        ("Ju\u0308rgen@example.com", "jürgen@example.com"),
        ("أحمد@example.com", "أحمد@example.com"),
        ("संपर्क@डाटामेल.भारत", "संपर्क@xn--c2bd4bq1db8d.xn--h2brj9c"),
    ],
)
def test_addresses_have_one_canonical_form(address: str, canonical: str) -> None:
    assert canonical_email(address) == canonical


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "has no @"),
        ("ana", "has no @"),
        ("ana.example.com", "has no @"),
        ("@example.com", "nothing before the @"),
        ("ana@", "domain has no dot"),
        ("ana@localhost", "domain has no dot"),
        ("ana@example.", "not a host name"),
        ("ana@.example.com", "not a host name"),
        ("ana@example..com", "not a host name"),
        ("ana@-example.com", "not a host name"),
        ("ana@example-.com", "not a host name"),
        ("ana@exa_mple.com", "not a host name"),
        ("ana@exa mple.com", "not a host name"),
        ("ana@[192.0.2.1]", "not a host name"),
        ("ana@192.0.2.1", "ends in a number"),
        (f"ana@{LABEL_63}a.com", "not a host name"),
        (".ana@example.com", "may not stand there"),
        ("ana.@example.com", "may not stand there"),
        ("ana..lopez@example.com", "may not stand there"),
        ("ana lopez@example.com", "may not stand there"),
        ("ana@lopez@example.com", "may not stand there"),
        ('"ana lopez"@example.com', "may not stand there"),
        ("Ana <ana@example.com>", "may not stand there"),
        ("ana,bob@example.com", "may not stand there"),
        ("ana\n@example.com", "may not stand there"),
        ("ana\0@example.com", "may not stand there"),
        ("an\u200ba@example.com", r"U\+200B, which cannot be seen"),
        ("an\u00a0a@example.com", r"U\+00A0, which cannot be seen"),
        ("an\udcfca@example.com", r"U\+DCFC, which cannot be seen"),
        ("ana@exam\u200bple\u00ad!.com", "not a valid internationalised name"),
        ("ana@i❤.example", "not a valid internationalised name"),
        ("ana@xn--a.example", "not a valid internationalised name"),
        ("ana@ex\udcfcample.com", "not a valid internationalised name"),
        (f"{'a' * 65}@example.com", "more than 64 octets before the @"),
        (f"{'ü' * 33}@example.com", "more than 64 octets before the @"),
        (f"a@{'.'.join([LABEL_63] * 4)}.com", "more than 254 octets"),
        (f"ü@{'.'.join(['a' * 60] * 4)}.comcomcom", "more than 254 octets"),
    ],
)
def test_what_is_no_address_is_refused_with_the_cause(address: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        canonical_email(address)


atoms = st.text("abcXYZ019!#+-_~", min_size=1, max_size=20)
locals_ = st.lists(atoms, min_size=1, max_size=3).map(".".join)
labels = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9]{0,8}[a-zA-Z0-9])?", fullmatch=True)
domains = st.lists(labels, min_size=1, max_size=3).map(lambda found: ".".join([*found, "Example"]))


@given(locals_, domains)
def test_ascii_addresses_only_lose_their_capitals(local: str, domain: str) -> None:
    assert canonical_email(f"{local}@{domain}") == f"{local}@{domain}".lower()


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_any_text_is_refused_or_has_a_final_form(local: str, domain: str) -> None:
    try:
        canonical = canonical_email(f"{local}@{domain}.example")
    except ValueError:
        return
    assert canonical_email(canonical) == canonical
    assert canonical.rpartition("@")[2].isascii()
    assert canonical.isprintable()
    assert len(canonical.encode()) <= 254
