"""Cases: flagged accounts, the ladder of steps, and the rules by which a case moves."""
