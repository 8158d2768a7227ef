"""What does not come: overdue reports, gaps in the streams of reports, and asking for what is missing.

"No data" is never "not delivered", nor "delivered": nothing in here changes a grade. It only says that data are
missing, asks for them, and keeps clocks and deemed service from running on their absence.
"""
