"""Tests of the grammars, their tables and the driver that runs them."""
