"""The plain admin of cases: everything to look at, nothing to edit; buttons that call the verbs."""

from cases.admin import flow, people, policies

__all__ = ["flow", "people", "policies"]
