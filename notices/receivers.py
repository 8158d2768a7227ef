"""Signals that notices hears. Provider events join here once their webhooks are open."""
