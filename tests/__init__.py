"""Tests of bpc_ssh_guard: unit, properties, corpus, docs, packaging, bench and lab."""
