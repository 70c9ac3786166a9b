"""Tests of the command room: bytes to typed commands and back."""
