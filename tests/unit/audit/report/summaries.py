"""Summaries for pages: an ordinary one, one of thousands of machines, one that strangers wrote."""

from __future__ import annotations

from typing import Any

from bpc_ssh_guard.audit.engine.period import Period
from bpc_ssh_guard.audit.engine.summary import Proof, State, Summary

DAY = {"allowed": 5, "refused": 2, "failed": 1, "read_bytes": 10**9, "write_bytes": 10**8,
       "duration_ns": 3600 * 10**9, "all_records": 9}
TIME = "2026-11-03T02:00:00.000001Z"


def summary(text: str = "web1", rows: int = 3, days: int = 30, **changed: Any) -> Summary:
    """Return a summary whose strangers' words are TEXT, with ROWS rows in each table."""
    period = Period("2026-11-01", "2026-11-30") if days == 30 else Period("2020-01-01",
                                                                          "2026-11-30")
    return Summary(**{
        "period": period, "made": "2026-12-01T00:00:00Z",
        "days": [{"day": day, **DAY} for day in period.days],
        "refusals": [{"code": text, "host": text, "label": text, "key_id": text, "refused": 7,
                      "first_time": TIME, "last_time": TIME}] * rows,
        "hosts": [{"host": text, "first_time": TIME, "last_time": TIME, "records": 5}] * rows,
        "keys": [{"host": text, "label": text, "key_id": text, "first_time": TIME,
                  "last_time": TIME, "allowed": 1, "refused": 2, "greeted": 3}] * rows,
        "addresses": [{"host": text, "label": text, "key_id": text, "address": text,
                       "first_time": TIME, "records": 5}] * rows,
        "shapes": [{"rule": text, "features": [text], "paths": [text], "first_time": TIME,
                    "host": text, "hosts": 1, "runs": 5, "known_since": known}
                   for known in (None, TIME)] * rows,
        "restores": [{"start_time": TIME, "host": text, "label": text, "key_id": text,
                      "address": text, "grant_id": text, "paths": [text], "status": 0,
                      "duration_ns": 10**9, "write_bytes": 5},
                     {"start_time": TIME, "host": text, "label": text, "key_id": text,
                      "address": None, "grant_id": None, "paths": None, "status": None,
                      "duration_ns": None, "write_bytes": None}] * rows,
        "grants": [{"time": TIME, "host": text, "label": text, "grant_id": text,
                    "action": "grant-opened", "until_time": TIME, "paths": [text],
                    "opener": text, "sudo_user": None, "rotation": None, "code": None,
                    "reason": text}] * rows,
        "asked": "2026-11-30",
        "silent": [{"host": text, "first_time": None, "last_time": None, "records": 0}] * rows,
        "proofs": [Proof(text, State.WHOLE, 9, 9, TIME)] * rows
        + [Proof(text, State.DAMAGED, 9, 4, TIME, [text])],
        **changed,
    })
