"""Tests of the policy: its language, its safe reading, its decisions."""
