"""What a mail without a machine-readable part says: its own words, apart from the message that it gives back."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import cached_property

from notices.inbound.reading import mime
from notices.inbound.reading.addresses import in_header, in_text
from notices.inbound.reading.dsn import STATUS_TYPES, returned_message
from notices.inbound.reading.mime import Part
from notices.inbound.reading.phrases import REPORT_SUBJECT, folded

LOOK_AT = 64 << 10  # characters of a message's own words; servers are brief

# Lines after which servers give back the message, in words.
_CUT = re.compile(
    r"""^[ \t>|]*(?:[-=_*+\#]{2,}[^\n]{0,40})?
    (?:original[ ]message | this[ ]is[ ]a[ ]copy[ ]of[ ](?:the|your)[ ]message | below[ ]this[ ]line[ ]is[ ]a[ ]copy
    | (?:the[ ]|your[ ])?(?:original|returned|unsent)[ ](?:message|mail|e-?mail)(?:[ ]headers?)?
      (?:[ ](?:is|was|has[ ]been|follows|attached|text|returned|included|below|header))?
    | message[ ]headers?[ ]follow | headers?[ ]of[ ]the[ ]original
    | a[ ]copy[ ]of[ ]the[ ](?:original[ ]|returned[ ])?(?:message|headers)
    | (?:start[ ]of|begin)[ ](?:forwarded|returned|original)[ ]message | message[ ]text[ ]follows | message[ ]header
    | original[ ]headers | returned[ ]message | ursprüngliche[ ]nachricht | message[ ]d'origine | mensaje[ ]original
    | messaggio[ ]originale | исходное[ ]сообщение | текст[ ]сообщения | 原始邮件 | 元のメッセージ)
    (?:[ ](?:is[ ]|as[ ])?(?:follow(?:s|ing)?|attached|(?:included[ ])?below|text|headers?
          |including[ ]all[ ]the[ ]headers?))*
    [ \t]*(?:[-=_*+\#]{2,}|[:.]*)[ \t]*$""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_HEADER_LINE = (
    r"(?:received|return-path|from|to|subject|date|message-id|mime-version|content-type|x-[\w-]+|delivered-to|reply-to"
    r"|cc|sender|dkim-signature|content-transfer-encoding|references|in-reply-to|list-[\w-]+|authentication-results)"
)
# Three header fields in a row: the message that comes back, though nothing announced it.
_HEADERS = re.compile(
    r"^(?:> ?)?(?:return-path|received|from|message-id|date|subject|to|x-[\w-]+|mime-version):[^\n]*\n"
    rf"(?:[ \t]+[^\n]*\n|(?:> ?)?{_HEADER_LINE}:[^\n]*\n){{2,}}",
    re.IGNORECASE | re.MULTILINE,
)
_HIDDEN = re.compile(r"<(script|style)\b|<!--", re.IGNORECASE)
_ENDS = {
    "": re.compile("-->"),
    "script": re.compile("</script", re.IGNORECASE),
    "style": re.compile("</style", re.IGNORECASE),
}
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d|p|div|tr)\b[^>]{0,400}>", re.IGNORECASE)
_ELEMENT = re.compile(r"<(?![\w.+-]{1,64}@)/?[a-z!?][^<>]{0,2000}>", re.IGNORECASE)

_DAEMONS = re.compile(
    r"""(?:mailer-?daemon|mail-?daemon|daemon|poo?st[-_.]?master|mdaemon|bounces?|mail-?delivery|mail-?admin(?:istrator)?
    | mailsystem|mmdf|smtp|exchange|lmtp|uucp|mta|undeliver\w*|delivery|majordomo|autobounce|mailnull
    | microsoftexchange\w+|(?:anti-?)?virus(?:-?(?:scan|wall|alert|check)\w*)?|anti-?spam|spam-?(?:filter|wall|gateway)
    | quarantine)
    (?:[-+._][^@]*)?@""",
    re.IGNORECASE | re.VERBOSE,
)
_DAEMON_NAMES = re.compile(
    r"""mail(?:er)?[ -]?(?:daemon|deliver|admin|system|server|router|gateway)|system[ ]?admin|postmaster|nondeliver
    | deliver(?:y|er).{0,20}(?:system|agent|sub|service|notif|status)|e-?mail[ ]server|internet[ ]mail|messaging
    | administrateur|administrador|администратор|メール|系统|退信""",
    re.IGNORECASE | re.VERBOSE,
)
_NOBODY = re.compile(r"(?:no-?reply|do-?not-?reply)(?:[-+._][^@]*)?@", re.IGNORECASE)


@dataclass(frozen=True)
class Report:
    """A message, looked at as the report that it may be."""

    message: Part
    leaves: tuple[Part, ...]

    @cached_property
    def returned(self) -> Part | None:
        """The message that came back: as a part of its own, or as header lines in the text."""
        part = returned_message(self.leaves)
        if part is not None and part.fields:
            return part
        match = _HEADERS.search(self._split[1])
        return mime.parse(match[0].replace("\n>", "\n").encode("utf-8", "replace")) if match else None

    @cached_property
    def _split(self) -> tuple[str, str]:
        texts = []
        for leaf in self.leaves:
            if leaf.type.startswith(("text/", "multipart/")) and leaf.type not in mime.HEADER_TYPES:
                texts.append(plain(leaf) if leaf.type == "text/html" else leaf.text(2 * LOOK_AT))
            elif leaf.type in STATUS_TYPES:
                texts.append(leaf.text(LOOK_AT))
        text = "\n".join(texts)[: 4 * LOOK_AT].replace("\x00", "")
        cuts = [match.start() for match in (_CUT.search(text), _HEADERS.search(text)) if match]
        # Where the very first lines look like headers, the message is nothing but a copy: it has no words of its own.
        cut = min(cuts, default=len(text))
        return text[:cut][:LOOK_AT], text[cut:]

    @property
    def words(self) -> str:
        """The report's own words."""
        return self._split[0]

    @property
    def rest(self) -> str:
        """What follows them: the message that came back, where it is given as text."""
        return self._split[1]

    @cached_property
    def folded(self) -> str:
        return folded(self.words)

    @cached_property
    def subject(self) -> str:
        return folded(self.message.get("subject")[:1000])

    @cached_property
    def senders(self) -> list[str]:
        """The addresses in From, in compared form."""
        return in_header(self.message.all("from"))

    @cached_property
    def receivers(self) -> list[str]:
        """The addresses that the report itself was sent to: never the ones that it is about."""
        names = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "apparently-to")
        return in_header([value for name in names for value in self.message.all(name)])

    @cached_property
    def failed_recipients(self) -> list[str]:
        return in_text(" ".join(self.message.all("x-failed-recipients"))[:8000])

    @cached_property
    def null_path(self) -> bool:
        """It came with the empty return path, as reports and automatic replies do (RFC 5321, 4.5.5; RFC 3834, 3.3)."""
        return self.message.get("return-path").replace(" ", "") == "<>"

    @cached_property
    def from_a_daemon(self) -> bool:
        """Its author is a mail system by its address or its name."""
        author = self.message.get("from")[:1000]
        sender = self.message.get("sender")[:300]
        named = _DAEMONS.search(author) or _DAEMON_NAMES.search(author) or _DAEMONS.search(sender)
        return bool(named) or (bool(author.strip()) and not self.senders)  # From: <>

    @cached_property
    def report_subject(self) -> bool:
        return bool(REPORT_SUBJECT.search(self.subject))

    @property
    def by_a_system(self) -> bool:
        """Whether this can be a mail server's report at all, and not a person's words about one."""
        if self.failed_recipients or self.message.type == "multipart/report":
            return True
        if self.from_a_daemon:
            return True
        return self.null_path and (self.report_subject or any(map(_NOBODY.match, self.senders)))


def plain(leaf: Part) -> str:
    """An HTML part as text, roughly."""
    text = _ELEMENT.sub(" ", _BREAK.sub("\n", _without_hidden(leaf.text(4 * LOOK_AT))))
    return html.unescape(text)


def _without_hidden(text: str) -> str:
    """HTML without its comments, scripts and styles; one that has no end goes on to the end."""
    kept, position = [], 0
    while match := _HIDDEN.search(text, position):
        kept.append(text[position : match.start()])
        end = _ENDS[(match[1] or "").lower()].search(text, match.end())
        if not end:
            return " ".join(kept)
        position = end.end()
    return " ".join([*kept, text[position:]])
