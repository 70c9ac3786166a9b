"""The command log: one line of JSON per event, durable before the command runs."""
