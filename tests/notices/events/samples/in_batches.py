"""Providers that post events in batches."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from tests.notices.events.samples.base import HARD, SOFT, Case, Post, as_json, basic, serial


def sendgrid_event(name: str, case: Case, **more: Any) -> dict[str, Any]:
    own = {
        "processed": {"event": "processed"},
        "delivered": {"event": "delivered", "response": "250 2.0.0 Ok"},
        "hard": {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": HARD},
        "soft": {"event": "deferred", "response": SOFT, "attempt": "2"},
        "blocked": {"event": "bounce", "type": "blocked", "status": "4.7.1", "reason": SOFT},
        "complaint": {"event": "spamreport"},
        "opened": {"event": "open", "sg_machine_open": True, "useragent": "Mozilla/5.0"},
        "listed": {"event": "dropped", "reason": "Bounced Address"},
    }[name]
    return {
        "email": case.address,
        "timestamp": int(case.at.timestamp()),
        "smtp-id": "<x@ismtpd>",
        "sg_event_id": f"event-{serial()}",
        "sg_message_id": "message.filter",
        "anymail_id": case.provider_id,
        **case.metadata,
        **own,
        **more,
    }


def sendgrid(name: str, case: Case, **more: Any) -> Post:
    return as_json([sendgrid_event(name, case, **more)])


def sparkpost_event(name: str, case: Case, **more: Any) -> dict[str, Any]:
    own = {
        "delivered": {"type": "delivery"},
        "hard": {"type": "bounce", "bounce_class": "10", "error_code": "550", "raw_reason": HARD},
        "soft": {"type": "delay", "bounce_class": "20", "error_code": "451", "raw_reason": SOFT},
        "complaint": {"type": "spam_complaint", "fbtype": "abuse"},
        "vacation": {"type": "out_of_band", "bounce_class": "60", "raw_reason": "Out of office"},
    }[name]
    common = {
        "event_id": str(serial()),
        "timestamp": str(int(case.at.timestamp())),
        "transmission_id": case.provider_id,
        "raw_rcpt_to": case.address,
        "rcpt_meta": case.metadata,
    }
    return {"msys": {"message_event": {**common, **own, **more}}}


def sparkpost(name: str, case: Case, **more: Any) -> Post:
    return as_json([sparkpost_event(name, case, **more)])


def mailjet(name: str, case: Case, **more: Any) -> Post:
    own = {
        "delivered": {"event": "sent", "smtp_reply": "sent (250 2.0.0 Ok)"},
        "hard": {"event": "bounce", "hard_bounce": True, "error": "user unknown", "comment": HARD},
        "soft": {"event": "bounce", "hard_bounce": False, "error": "connection issue", "comment": SOFT},
        "complaint": {"event": "spam", "source": "JMRPP"},
    }[name]
    common = {
        "time": int(case.at.timestamp()),
        "MessageID": int(case.provider_id) if case.provider_id.isdigit() else 19421777835146490,
        "email": case.address,
        "Payload": json.dumps(case.metadata),
    }
    return as_json([{**common, **own, **more}])


def mailtrap(name: str, case: Case, **more: Any) -> Post:
    own = {
        "delivered": {"event": "delivery"},
        "hard": {"event": "bounce", "bounce_category": "badmailbox", "response": HARD, "response_code": 550},
        "soft": {"event": "soft bounce", "response": SOFT},
        "complaint": {"event": "spam"},
        "listed": {"event": "reject", "reason": "Recipient in suppression list. Reason: unsubscription"},
    }[name]
    event = {
        "event_id": f"event-{serial()}",
        "timestamp": int(case.at.timestamp()),
        "message_id": case.provider_id,
        "email": case.address,
        "custom_variables": case.metadata,
        **own,
        **more,
    }
    body = json.dumps({"events": [event]}).encode()
    mac = hmac.new(b"mailtrap-secret", body, "sha256").hexdigest()
    return Post(body, headers={"Mailtrap-Signature": mac, **basic()})


def mandrill(name: str, case: Case, **more: Any) -> Post:
    esp_name = {"delivered": "send", "hard": "hard_bounce", "soft": "deferral", "complaint": "spam"}.get(
        name, name
    )
    message = {
        "email": case.address,
        "metadata": case.metadata,
        "diag": HARD if name == "hard" else SOFT,
        **more,
    }
    event = {"event": esp_name, "ts": int(case.at.timestamp()), "_id": case.provider_id, "msg": message}
    fields = {"mandrill_events": json.dumps([event])}
    signed = "http://testserver/hooks/mandrill/tracking/" + "".join(k + fields[k] for k in sorted(fields))
    mac = base64.b64encode(hmac.new(b"mandrill-key", signed.encode(), "sha1").digest()).decode()
    return Post(
        urlencode(fields).encode(), "application/x-www-form-urlencoded", {"X-Mandrill-Signature": mac}
    )


def unisender_go(name: str, case: Case, **more: Any) -> Post:
    status = {
        "delivered": "delivered",
        "hard": "hard_bounced",
        "soft": "soft_bounced",
        "complaint": "spam",
    }[name]
    about = {"delivery_status": "err_user_unknown" if name == "hard" else "err_will_retry"}
    event = {
        "job_id": case.provider_id,
        "metadata": case.metadata,
        "email": case.address,
        "status": status,
        "event_time": case.at.strftime("%Y-%m-%d %H:%M:%S"),
        "delivery_info": about,
        **more,
    }
    events = [{"event_name": "transactional_email_status", "event_data": event}]
    value = {"auth": "AUTH-GOES-HERE", "events_by_user": [{"user_id": 1, "events": events}]}
    body = json.dumps(value).encode()
    mac = hashlib.md5(body.replace(b"AUTH-GOES-HERE", b"unisender-key")).hexdigest()  # noqa: S324  (theirs)
    return Post(body.replace(b"AUTH-GOES-HERE", mac.encode()))
