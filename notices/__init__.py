"""Notices: send a notice, keep the proof. Usable alone; knows nothing of cases."""
