"""The auditor's side of the command log: collect it, prove it whole, ask it, report on it."""
