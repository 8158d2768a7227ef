from __future__ import annotations

from notices.models.evidence import Evidence, EvidencePayload, InboundMessage
from notices.models.notice import ContentDictionary, Delivery, DeliveryState, Notice, NoticeKind
from notices.models.template import Template, TemplateVersion

__all__ = [
    "ContentDictionary",
    "Delivery",
    "DeliveryState",
    "Evidence",
    "EvidencePayload",
    "InboundMessage",
    "Notice",
    "NoticeKind",
    "Template",
    "TemplateVersion",
]
