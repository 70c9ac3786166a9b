"""Original commands as typed, immutable objects, and their rendering back to an argument vector."""
