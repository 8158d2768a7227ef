"""E-mail through any of django-anymail's providers. The only module that knows Django's mail and Anymail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from email.utils import getaddresses
from typing import Any, NamedTuple

import requests
from anymail.backends.base import AnymailBaseBackend
from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import AnymailInvalidAddress, AnymailSerializationError, AnymailUnsupportedFeature
from anymail.utils import get_anymail_setting
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.utils.module_loading import import_string

from notices.channels.base import (
    Message,
    Outcome,
    Parts,
    Patience,
    address_complaint,
    clip,
    parts,
    utc_now,
)
from notices.channels.once import Progress, watch
from notices.channels.provider_answers import Judgement, answer, by_recipient_status, by_status, words

# What a message can do without where a provider has no such thing: its own message id still leads events back.
_DISPENSABLE = ("envelope_sender", "metadata")
# botocore's exceptions, by name (it is not installed unless Amazon SES is used): nothing had been sent yet.
_BOTO_UNSENT = frozenset(
    {"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"}
)
_BOTO_OURS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ParamValidationError"}
)


class _Connection(NamedTuple):
    backend: Any
    progress: Progress | None  # None where the backend does not use requests
    opened: bool


class AnymailChannel:
    """Sends through one of django-anymail's backends, configured by settings.ANYMAIL as its documentation says.

    `backend` is a name such as "postmark" or a dotted path. `timeout` (seconds) bounds connecting and each
    wait for the provider; after `batch_seconds` the rest of a batch is put off. One request per message, one
    recipient per request, no request made twice: retries of the HTTP libraries are switched off, ours are
    rows in the database.
    """

    name = "email"

    def __init__(self, backend: str, *, timeout: float = 30.0, batch_seconds: float = 300.0) -> None:
        self._path = backend if "." in backend else f"anymail.backends.{backend}.EmailBackend"
        self._path = self._path.replace("-", "_")
        self._timeout, self._batch_seconds = timeout, batch_seconds
        self._without: set[str] = set()

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        patience = Patience(self._batch_seconds)
        connection = self._open(patience)
        try:
            for message in messages:
                yield self._outcome(connection, patience, message)
        finally:
            if connection is not None and connection.opened:
                connection.backend.close()

    def _open(self, patience: Patience) -> _Connection | None:
        """A backend of this batch's own, so that threads share none; None, and no patience, where there is none."""
        try:
            backend = self._backend()
            opened = bool(backend.open())
        except Exception as error:  # noqa: BLE001  # providers' SDKs raise what they like; nothing was sent yet
            patience.failed(_sentence(error), configuration=True)
            return None
        session = getattr(backend, "session", None)
        progress = watch(session) if isinstance(session, requests.Session) else None
        return _Connection(backend, progress, opened)

    def _backend(self) -> Any:
        try:
            backend: Any = import_string(self._path)
        except ImproperlyConfigured:
            raise  # Anymail says itself which package is missing
        except ImportError as error:
            raise ImproperlyConfigured(f"There is no e-mail backend {self._path}: {error}") from error
        known = isinstance(backend, type) and issubclass(backend, AnymailBaseBackend)
        if not known:
            raise ImproperlyConfigured(f"{self._path} is not one of django-anymail's e-mail backends.")
        if issubclass(backend, AnymailRequestsBackend):
            return backend(timeout=self._timeout)
        if backend.esp_name == "Amazon SES":
            return backend(client_params=self._ses_client_params(backend.esp_name))
        return backend()

    def _ses_client_params(self, esp_name: str) -> dict[str, Any]:
        # boto3 repeats a request up to four times, also where only the answer was lost: the notice would go twice.
        params = get_anymail_setting("client_params", esp_name=esp_name, default={})
        once = {"retries": {"total_max_attempts": 1, "mode": "standard"}}
        waits = {"connect_timeout": self._timeout, "read_timeout": self._timeout}
        config = params.get("config", {})
        merged = (
            {**waits, **config, **once} if isinstance(config, Mapping) else config.merge(type(config)(**once))
        )
        return {**params, "config": merged}

    def _outcome(self, connection: _Connection | None, patience: Patience, message: Message) -> Outcome:
        backend = connection.backend if connection is not None else None
        if complaint := address_complaint(message.address):
            return self._build(backend, message, Judgement("refused"), complaint, ours=True)
        reason = patience.spent()
        if connection is None or reason:
            judgement = Judgement("deferred", patience.configuration)
            return self._build(backend, message, judgement, reason, ours=True)
        failure: Exception | None = None
        try:
            email = self._try(connection, message)
        except _SendingError as failed:
            email, failure = failed.email, failed.error
        status = email.anymail_status
        if status.status:
            patience.worked()
            return self._by_recipient(backend, message, status, failure)
        if failure is None:
            sentence = "A receiver of Anymail's pre_send signal cancelled the sending."
            return self._build(backend, message, Judgement("deferred", True), sentence, ours=True)
        verdict = _judge(failure, connection.progress, message.address)
        if verdict.contagious:
            patience.failed(_sentence(failure), configuration=verdict.judgement.configuration)
        else:
            patience.worked()
        said = _sentence(failure) if verdict.code is None else words(getattr(failure, "response", None))
        return self._build(
            backend, message, verdict.judgement, said, code=verdict.code, ours=verdict.code is None
        )

    def _try(self, connection: _Connection, message: Message) -> Any:
        """Send `message`; return the Django message with its anymail_status. Raises _SendingError."""
        content = parts(message)
        while True:
            email = self._email(connection.backend, message, content)
            if connection.progress is not None:
                connection.progress.begun = False
            try:
                connection.backend.send_messages([email])
            except AnymailUnsupportedFeature as error:
                # Said while the request is being put together, so nothing has gone out.
                missing = {name for name in _DISPENSABLE if name in str(error)} - self._without
                if not missing:
                    raise _SendingError(email, error) from error
                self._without |= missing
            except Exception as error:  # backends and signal receivers raise what they like
                raise _SendingError(email, error) from error
            else:
                return email

    def _email(self, backend: Any, message: Message, content: Parts) -> Any:
        headers = dict(content.headers)
        if backend.esp_name == "Postmark":
            headers["X-PM-KeepID"] = "true"  # or it puts a Message-ID of its own in place of ours
        named = getaddresses([content.to])
        # With the name that the frozen message gives; the address itself is the delivery's in any case.
        to = content.to if len(named) == 1 and named[0][1] == message.address else message.address
        email: Any = EmailMultiAlternatives(
            content.subject, content.text, content.sender, [to], headers=headers
        )
        if content.html:
            email.attach_alternative(content.html, "text/html")
        for name, data, mimetype in content.attachments:
            email.attach(name, data, mimetype)
        if "metadata" not in self._without:
            email.metadata = {"delivery": str(message.delivery_id), "envid": message.envid}
        if message.return_path and "envelope_sender" not in self._without:
            email.envelope_sender = message.return_path
        return email

    def _by_recipient(
        self, backend: Any, message: Message, status: Any, failure: Exception | None
    ) -> Outcome:
        # One recipient; but a provider may repeat the address in another form, beside an "unknown" for ours.
        recipients = list(status.recipients.values())
        one = next((each for each in recipients if each.status != "unknown"), recipients[0])
        identity = "" if one.message_id is None else str(one.message_id)
        response = (
            status.esp_response if status.esp_response is not None else getattr(failure, "response", None)
        )
        code = getattr(response, "status_code", None)
        judgement = by_recipient_status(one.status, identity, answer(response))
        said = words(response) if code is not None else str(one.status)
        return self._build(
            backend, message, judgement, said, code=code, identity=identity, status=str(one.status)
        )

    def _build(
        self,
        backend: Any,
        message: Message,
        judgement: Judgement,
        reply: str,
        *,
        code: int | None = None,
        identity: str = "",
        status: str = "",
        ours: bool = False,
    ) -> Outcome:
        esp = backend.esp_name if backend is not None else self._path.split(".")[-2]
        detail: dict[str, Any] = {"esp": esp}
        if status:
            detail["status"] = status
        if self._without:
            detail["without"] = sorted(self._without)
        if ours:
            detail["ours"] = True
        if judgement.configuration:
            detail["configuration"] = True
        if backend is not None and _is_test(backend):
            detail["test_mode"] = True
        return Outcome(
            message.delivery_id,
            judgement.kind,
            clip(reply),
            code,
            esp.lower().replace(" ", "_"),
            identity,
            detail,
            at=utc_now(),
        )


class _SendingError(Exception):
    def __init__(self, email: Any, error: Exception) -> None:
        super().__init__(str(error))
        self.email, self.error = email, error


class _Verdict(NamedTuple):
    judgement: Judgement
    code: int | None
    contagious: bool  # whether the next message would most likely fare the same


def _judge(failure: Exception, progress: Progress | None, address: str) -> _Verdict:
    """What a sending amounts to that brought no recipient's status. `code` is the HTTP status, if one came."""
    response = getattr(failure, "response", None)
    code = getattr(failure, "status_code", None) or getattr(response, "status_code", None)
    if code is None and isinstance(response, dict):
        code = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code is not None:
        judgement = by_status(code, answer(response))
        return _Verdict(judgement, code, contagious=judgement.kind != "refused")

    cause = failure.__cause__
    names = {each.__name__ for each in type(cause).__mro__} if cause is not None else set()
    local = isinstance(failure, AnymailUnsupportedFeature | AnymailSerializationError | AnymailInvalidAddress)
    # Where it is not HTTP that we can watch, only the failure's class can say that nothing was sent.
    unsent = (
        not progress.begun if progress is not None else local or bool(names & (_BOTO_UNSENT | _BOTO_OURS))
    )
    if not unsent:
        return _Verdict(Judgement("lost"), None, contagious=True)
    if isinstance(failure, AnymailInvalidAddress) and (
        "`to`" in str(failure) or address.rpartition("@")[2] in str(failure)
    ):
        return _Verdict(Judgement("refused"), None, contagious=False)
    # Not a byte has left. Anything else than a failed connection is a mistake in our settings, or of ours.
    network = isinstance(failure, requests.ConnectionError | requests.Timeout) or bool(names & _BOTO_UNSENT)
    configuration = not network or isinstance(failure, requests.exceptions.SSLError)
    return _Verdict(Judgement("deferred", configuration), None, contagious=not local)


def _sentence(error: Exception) -> str:
    return clip(f"{type(error).__name__}: {error}")


def _is_test(backend: Any) -> bool:
    """Whether what this backend takes goes to nobody: evidence of it must say so."""
    return (
        backend.esp_name in ("Test", "Console")
        or getattr(backend, "server_token", None) == "POSTMARK_API_TEST"
        or getattr(backend, "use_sandbox", False) is True
    )
