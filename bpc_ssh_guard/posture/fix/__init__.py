"""Mends what is safe to mend: told in words first, noted before each act, undone on demand."""
