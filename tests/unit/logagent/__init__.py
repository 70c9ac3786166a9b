"""Tests of what an audit key gets."""
