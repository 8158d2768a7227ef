"""Proof bundles: one notice with everything that a stranger needs to check it, without us and without a network."""
