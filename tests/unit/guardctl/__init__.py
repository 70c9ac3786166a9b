"""Tests of the admin's programs on a client."""
