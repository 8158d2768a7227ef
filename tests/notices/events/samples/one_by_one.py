"""Providers that post one event at a time."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from tests.notices.events.samples.base import HARD, MAILGUN_KEY, SOFT, Case, Post, as_json, basic, serial


def postmark_event(name: str, case: Case, **more: Any) -> dict[str, Any]:
    when = case.at.isoformat()
    own: dict[str, Any] = {
        "delivered": {
            "RecordType": "Delivery",
            "Recipient": case.address,
            "DeliveredAt": when,
            "Details": "250 2.0.0 Ok",
        },
        "opened": {"RecordType": "Open", "Recipient": case.address, "ReceivedAt": when, "FirstOpen": True},
        "complaint": {
            "RecordType": "SpamComplaint",
            "Type": "SpamComplaint",
            "ID": serial(),
            "Email": case.address,
            "BouncedAt": when,
        },
        "hard": {"Type": "HardBounce", "Details": f"smtp;{HARD}"},
        "soft": {"Type": "Transient", "Details": f"smtp;{SOFT}"},
    }.get(name, {"Type": name})
    if "RecordType" not in own:
        own |= {"RecordType": "Bounce", "ID": serial(), "Email": case.address, "BouncedAt": when}
    common = {
        "ServerID": 7,
        "MessageStream": "outbound",
        "MessageID": case.provider_id,
        "Metadata": case.metadata,
    }
    return {**common, **own, **more}


def postmark(name: str, case: Case, **more: Any) -> Post:
    return as_json(postmark_event(name, case, **more))


def ses_event(name: str, case: Case, **more: Any) -> dict[str, Any]:
    recipient = {"emailAddress": case.address}
    failed = {**recipient, "action": "failed", "status": "5.1.1", "diagnosticCode": f"smtp; {HARD}"}
    own = {
        "delivered": {
            "eventType": "Delivery",
            "delivery": {"recipients": [case.address], "smtpResponse": "250 2.0.0 Ok"},
        },
        "hard": {
            "eventType": "Bounce",
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "NoEmail",
                "bouncedRecipients": [failed],
            },
        },
        "soft": {
            "eventType": "DeliveryDelay",
            "deliveryDelay": {"delayType": "MailboxFull", "delayedRecipients": [recipient]},
        },
        "vacation": {
            "eventType": "Bounce",
            "bounce": {
                "bounceType": "Transient",
                "bounceSubType": "General",
                "bouncedRecipients": [recipient],
            },
        },
        "listed": {
            "eventType": "Bounce",
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "OnAccountSuppressionList",
                "bouncedRecipients": [recipient],
            },
        },
        "complaint": {
            "eventType": "Complaint",
            "complaint": {"complainedRecipients": [recipient], "complaintFeedbackType": "abuse"},
        },
    }[name]
    mail = {
        "messageId": case.provider_id,
        "destination": [case.address],
        "headers": [{"name": "X-Metadata", "value": json.dumps(case.metadata)}],
    }
    return {**own, "mail": mail, **more}


def mailgun_event(name: str, case: Case, **more: Any) -> dict[str, Any]:
    own = {
        "delivered": {"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}},
        "hard": {
            "event": "failed",
            "severity": "permanent",
            "reason": "bounce",
            "delivery-status": {"code": 550, "message": HARD},
        },
        "soft": {
            "event": "failed",
            "severity": "temporary",
            "reason": "generic",
            "delivery-status": {"code": 451, "message": SOFT},
        },
        "complaint": {"event": "complained"},
    }[name]
    return {
        "id": f"event-{serial()}",
        "timestamp": case.at.timestamp() + 0.25,
        "recipient": case.address,
        "message": {"headers": {"message-id": case.provider_id.strip("<>")}},
        "user-variables": case.metadata,
        **own,
        **more,
    }


def mailgun_signed(data: dict[str, Any], signed_at: datetime | None = None, token: str = "") -> Post:
    stamp = str(int((signed_at or datetime.now(UTC)).timestamp()))
    token = token or hashlib.sha256(str(serial()).encode()).hexdigest()[:50]
    mac = hmac.new(MAILGUN_KEY.encode(), f"{stamp}{token}".encode(), "sha256").hexdigest()
    signature = {"timestamp": stamp, "token": token, "signature": mac}
    return Post(json.dumps({"signature": signature, "event-data": data}).encode())


def mailgun(name: str, case: Case, **more: Any) -> Post:
    return mailgun_signed(mailgun_event(name, case, **more))


def brevo(name: str, case: Case, **more: Any) -> Post:
    own = {
        "delivered": {"event": "delivered"},
        "hard": {"event": "hard_bounce", "reason": HARD},
        "soft": {"event": "deferred", "reason": SOFT},
        "complaint": {"event": "spam"},
    }.get(name, {"event": name})
    common = {
        "email": case.address,
        "id": 26224,
        "ts_epoch": int(case.at.timestamp() * 1000),
        "message-id": case.provider_id,
        "X-Mailin-custom": json.dumps(case.metadata),
    }
    return as_json({**common, **own, **more})


def mailersend(name: str, case: Case, **more: Any) -> Post:
    type_ = {
        "delivered": "delivered",
        "hard": "hard_bounced",
        "soft": "deferred",
        "complaint": "spam_complaint",
    }.get(name, name)
    email = {"message": {"id": case.provider_id}, "recipient": {"email": case.address}}
    data = {
        "id": f"activity-{serial()}",
        "type": type_,
        "created_at": case.at.isoformat(),
        "email": email,
        "morph": {"object": "recipient_bounce", "reason": HARD if name == "hard" else SOFT},
        **more,
    }
    body = json.dumps({"type": f"activity.{type_}", "data": data}).encode()
    return Post(body, headers={"Signature": hmac.new(b"mailersend-secret", body, "sha256").hexdigest()})


def postal(name: str, case: Case, **more: Any) -> Post:
    message = {"id": case.provider_id, "to": case.address, "direction": "outgoing", "tag": None}
    payload = {
        "delivered": {"status": "Sent", "output": "250 2.0.0 Ok", "message": message},
        "hard": {"status": "HardFail", "output": HARD, "details": "Permanent failure", "message": message},
        "soft": {"status": "SoftFail", "output": SOFT, "message": message},
        "returned": {
            "original_message": message,
            "bounce": {"from": "MAILER-DAEMON@mx.mail.example", "subject": "Undelivered Mail"},
        },
        "vacation": {
            "original_message": message,
            "bounce": {"from": case.address, "subject": "Out of office"},
        },
    }[name]
    event = {
        "event": "Message",
        "uuid": f"uuid-{serial()}",
        "timestamp": case.at.timestamp(),
        "payload": payload,
    }
    return Post(json.dumps({**event, **more}).encode())


def resend(name: str, case: Case, **more: Any) -> Post:
    bounce = {
        "hard": {
            "type": "Permanent",
            "subType": "General",
            "message": "The server sent a hard bounce message.",
        },
        "vacation": {"type": "Transient", "subType": "General", "message": "A general bounce message."},
    }.get(name)
    type_ = {
        "delivered": "delivered",
        "hard": "bounced",
        "vacation": "bounced",
        "soft": "delivery_delayed",
        "complaint": "complained",
    }[name]
    data: dict[str, Any] = {
        "email_id": case.provider_id,
        "to": [case.address],
        "headers": [{"name": "X-Metadata", "value": json.dumps(case.metadata)}],
        **({"bounce": bounce} if bounce else {}),
    }
    post = as_json({"type": f"email.{type_}", "created_at": case.at.isoformat(), "data": data, **more})
    return Post(post.body, headers={**basic(), "svix-id": f"msg_{serial()}"})
