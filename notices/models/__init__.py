from __future__ import annotations

from notices.models.events import ProviderEvent, WebhookRefusal, WebhookRequest, WebhookToken
from notices.models.evidence import Evidence, EvidencePayload
from notices.models.inbound import InboundMessage, ReportForm
from notices.models.ledger import Checkpoint, SealQueue, Tile
from notices.models.letters import Letter, LetterBatch, TrackingReject
from notices.models.notice import ContentDictionary, Delivery, DeliveryState, Notice, NoticeKind
from notices.models.silence import Question, StreamGap, Watermark
from notices.models.stamp import CheckpointPublication, CheckpointStamp, StampFailure
from notices.models.suppression import Suppression
from notices.models.template import Template, TemplateVersion

__all__ = [
    "Checkpoint",
    "CheckpointPublication",
    "CheckpointStamp",
    "ContentDictionary",
    "Delivery",
    "DeliveryState",
    "Evidence",
    "EvidencePayload",
    "InboundMessage",
    "Letter",
    "LetterBatch",
    "Notice",
    "NoticeKind",
    "ProviderEvent",
    "Question",
    "ReportForm",
    "SealQueue",
    "StampFailure",
    "StreamGap",
    "Suppression",
    "Template",
    "TemplateVersion",
    "Tile",
    "TrackingReject",
    "Watermark",
    "WebhookRefusal",
    "WebhookRequest",
    "WebhookToken",
]
