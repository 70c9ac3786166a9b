"""The auditor's questions as SQL over many logs, and what a report or a comparison says of them.

The queries are files that DuckDB and ClickHouse both run; the proof of a log never goes through
an engine.
"""
