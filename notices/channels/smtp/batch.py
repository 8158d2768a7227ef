"""One send(): the messages of a batch over one connection, and what each answer amounts to.

What may be repeated, and what not, rests on one line: the moment from which the final dot may be on its way.
Before it, nothing can have been accepted, and a message may be tried once more at once or put off. After it,
without an answer, the message may or may not have been accepted (RFC 1047; RFC 5321, 4.5.3.2.6); it is
`lost`, and whoever reads that must find out before trying again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from notices.channels.base import Message, Outcome, Patience, clip, utc_now
from notices.channels.smtp.dialogue import Dialogue
from notices.channels.smtp.envelope import Envelope, UnsendableError, commands, content, envelope
from notices.channels.smtp.replies import Reply, enhanced_code, queue_id
from notices.channels.smtp.troubles import ABOUT_US, Cut, DialogueError, UnreachableError

if TYPE_CHECKING:
    from notices.channels.smtp.channel import SmtpChannel

_STAGES = ("mail", "rcpt", "data")


class Interrupted(DialogueError):
    """The connection failed before any content was handed over."""

    def __init__(self, stage: str, cause: DialogueError) -> None:
        super().__init__(str(cause), timed_out=cause.timed_out)
        self.stage = stage


class Batch:
    def __init__(self, channel: SmtpChannel, messages: Sequence[Message]) -> None:
        self._channel = channel
        self._items = [(message, _envelope(message)) for message in messages]
        self._patience = Patience(channel.batch_seconds)
        self._link: Dialogue | None = None

    def outcomes(self) -> Iterator[Outcome]:
        between = True
        try:
            for position in range(len(self._items)):
                between = False
                outcome = self._outcome(position)
                between = True
                yield outcome
        finally:  # also where the caller stops early, or an exception from outside (a time limit) hit us
            link, self._link = self._link, None
            if link is not None and between:
                self._channel.give_back(link)
            elif link is not None:
                link.discard()  # an answer may be on its way that the next batch would take for its own

    def _outcome(self, position: int) -> Outcome:
        message, fit = self._items[position]
        if isinstance(fit, UnsendableError):
            return self._ours(message, "refused", str(fit), "address")
        if reason := self._patience.spent():
            configuration = self._patience.configuration
            return self._ours(message, "deferred", reason, "waiting", configuration=configuration)
        return self._attempt(position, message, fit)

    def _attempt(self, position: int, message: Message, fit: Envelope, *, repeated: bool = False) -> Outcome:
        """Offer the message, and hand it over if the server wants it; over a second connection if need be."""
        link = self._link
        if link is None:
            try:
                link = self._link = self._channel.take()
            except UnreachableError as failure:
                self._patience.failed(failure.text, configuration=failure.configuration)
                return self._unreachable(message, failure)
        # A connection that has served may simply have had its day; after one that failed at once, no other.
        again = not repeated and link.finished > 0
        try:
            refusal = self._offer(link, fit)
        except UnsendableError as complaint:
            return self._ours(message, "refused", str(complaint), "address", link)
        except Interrupted as trouble:
            self._drop(trouble)
            if trouble.timed_out and link.offered.pipelining and self._channel.stop_pipelining():
                again = not repeated  # perhaps it cannot do what it offers: once more, one step at a time
            if again:
                return self._attempt(position, message, fit, repeated=True)
            return self._broken(message, "deferred", trouble, trouble.stage, link)
        if refusal is None:
            return self._hand_over(link, position, message)
        stage, reply = refusal
        if link.dead:
            self._drop()
        if reply.code == 421 and again:
            return self._attempt(position, message, fit, repeated=True)
        return self._answered(message, reply, stage, link)

    def _hand_over(self, link: Dialogue, position: int, message: Message) -> Outcome:
        following = self._following(link, position)
        try:
            link.transmit(content(message.raw), following)
        except Cut as cut:
            # Certain: the dot was never sent. Perhaps the server said why it hung up.
            words = link.last_words()
            self._drop(cut)
            if words is not None and words.code >= 400:
                return self._answered(message, words, "content", link)
            return self._broken(message, "deferred", cut, "content", link)
        try:
            reply = link.reply(self._channel.final_timeout)
            at = utc_now()
            if not (reply.accepts or 400 <= reply.code < 600):
                raise DialogueError(f"it answered the content with {reply.text!r}, which means nothing here")
            if following and not (link.dead or reply.code == 421) and not link.read_ahead(len(_STAGES)):
                self._channel.stop_pipelining()
                raise DialogueError("it answered out of step, and which answer was the content's is not sure")
        except DialogueError as trouble:
            # From here on nobody knows: the server may have queued the message and its 250 got lost.
            self._drop(trouble)
            return self._broken(message, "lost", trouble, "reply", link)
        link.in_flight = bool(following)
        if link.dead or reply.code == 421:
            self._drop()
        return self._answered(message, reply, "content", link, at)

    def _following(self, link: Dialogue, position: int) -> bytes:
        """The next message's commands, where they may travel with this one's content (RFC 2920, 3.1)."""
        if self._plain(link) or position + 1 >= len(self._items) or self._patience.spent():
            return b""
        fit = self._items[position + 1][1]
        if isinstance(fit, UnsendableError):
            return b""
        try:
            return b"".join(commands(fit, link.offered))
        except UnsendableError:
            return b""  # its own turn will say so

    def _offer(self, link: Dialogue, fit: Envelope) -> tuple[str, Reply] | None:
        """MAIL, RCPT, DATA. None where the server waits for the content; else the first refusal and its stage."""
        lines = commands(fit, link.offered)
        grouped = link.in_flight or not self._plain(link)
        stage = "mail"
        refusal: tuple[str, Reply] | None = None
        codes: list[int] = []
        try:
            if link.reset_due:
                # Alone, so that a server that hangs up here is found out before anything depends on it.
                link.write(b"RSET\r\n")
                if not link.reply().accepts:
                    raise DialogueError("it would not drop the transaction before (RSET)")
                link.reset_due = False
            if grouped and not link.in_flight:
                link.write(b"".join(lines))
            link.in_flight = False
            for stage, line in zip(_STAGES, lines, strict=True):
                if not grouped:
                    link.write(line)
                reply = link.next_reply()
                codes.append(reply.code)
                if refusal is None and not (reply.code == 354 if stage == "data" else reply.accepts):
                    refusal = stage, reply
                if reply.code == 421 or (refusal is not None and refusal[1].code in ABOUT_US):
                    link.dead = True
                if link.dead or (refusal and not grouped):
                    break
            if refusal is None and link.interrupted():
                # It hung up, or said more than it was asked: the next reply would be taken for another's.
                words = link.last_words()
                if words is None or words.code < 400:
                    raise DialogueError(
                        f"it broke off before the content: {words.text if words else 'it closed'}"
                    )
                refusal = stage, words
                link.dead = True
            if refusal is not None and not link.dead:
                self._tidy(link, codes)
        except DialogueError as trouble:
            if refusal is None:
                raise Interrupted(stage, trouble) from trouble
            link.dead = True  # it had answered already; the rest no longer matters
        return refusal

    def _tidy(self, link: Dialogue, codes: list[int]) -> None:
        """After a refusal, bring the connection back to where MAIL may follow."""
        mail, *rest = codes
        if rest[1:] == [354]:
            # The server wants content although it took no recipient (RFC 2920, 3.1): an empty one ends that.
            # Had it taken the recipient, an empty message would be delivered; then rather no connection.
            if 200 <= rest[0] < 300:
                link.dead = True
                return
            link.write(b".\r\n")
            link.reply()
        elif not 400 <= codes[-1] < 600:
            link.dead = True  # neither yes nor no: it does not speak SMTP as we know it
        elif 200 <= mail < 300:
            link.reset_due = True

    def _plain(self, link: Dialogue) -> bool:
        return not (link.offered.pipelining and self._channel.pipelines())

    def _drop(self, trouble: DialogueError | None = None) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.discard()
        if trouble is not None and trouble.timed_out:
            # A closed connection costs the next message a moment, a silent one the whole time-out.
            self._patience.failed(f"{self._channel.where}: {trouble}.")

    def _answered(
        self, message: Message, reply: Reply, stage: str, link: Dialogue, at: datetime | None = None
    ) -> Outcome:
        """The outcome that a reply to one of this message's commands, or to its content, amounts to."""
        link.finished += 1
        link.last_used = time.monotonic()
        code, said = reply.code, reply.text
        if code in ABOUT_US:
            self._patience.failed(said)  # the next message will hardly fare better
        else:
            self._patience.worked()
        detail = self._detail(stage, link)
        if enhanced := enhanced_code(said):
            detail["enhanced"] = enhanced
        if reply.accepts and stage == "content":
            return self._build(message, self._channel.accepted, said, code, detail, queue_id(said), at)
        if code in ABOUT_US:
            detail["configuration"] = True
            return self._build(message, "deferred", said, code, detail, at=at)
        return self._build(message, "refused" if 500 <= code < 600 else "deferred", said, code, detail, at=at)

    def _unreachable(self, message: Message, failure: UnreachableError) -> Outcome:
        if failure.code is None:
            return self._ours(
                message, "deferred", failure.text, failure.stage, configuration=failure.configuration
            )
        detail = self._detail(failure.stage, None)
        if enhanced := enhanced_code(failure.text):
            detail["enhanced"] = enhanced
        if failure.configuration:
            detail["configuration"] = True
        return self._build(message, "deferred", failure.text, failure.code, detail)

    def _broken(
        self, message: Message, kind: str, trouble: DialogueError, stage: str, link: Dialogue
    ) -> Outcome:
        return self._ours(message, kind, f"{self._channel.where}: {trouble}.", stage, link)

    def _ours(
        self,
        message: Message,
        kind: str,
        sentence: str,
        stage: str,
        link: Dialogue | None = None,
        *,
        configuration: bool = False,
    ) -> Outcome:
        """An outcome that no server stated: `reply` is our own sentence, and marked as such."""
        detail = self._detail(stage, link) | {"ours": True}
        if configuration:
            detail["configuration"] = True
        return self._build(message, kind, sentence, None, detail)

    def _build(
        self,
        message: Message,
        kind: str,
        reply: str,
        code: int | None,
        detail: dict[str, Any],
        identity: str = "",
        at: datetime | None = None,
    ) -> Outcome:
        at = at or utc_now()
        provider = self._channel.provider
        return Outcome(message.delivery_id, kind, clip(reply), code, provider, identity, detail, at=at)

    def _detail(self, stage: str, link: Dialogue | None) -> dict[str, Any]:
        detail: dict[str, Any] = {"host": self._channel.host, "port": self._channel.port, "stage": stage}
        if link is not None:
            detail["tls"] = link.encryption
            detail["dsn"] = {"offered": link.offered.dsn, "asked": link.offered.dsn}
        return detail


def _envelope(message: Message) -> Envelope | UnsendableError:
    try:
        return envelope(message)
    except UnsendableError as complaint:
        return complaint
