"""Recorded and hostile commands, each with the verdict it must get."""
