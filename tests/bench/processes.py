"""Other processes as /proc shows them: who descends from whom, and what memory each holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional

MB = 1e6


@dataclass(frozen=True)
class Memory:
    """A process: its executable and its memory in MB (10^6 bytes)."""

    program: str
    peak: float  # resident, the maximum over its life (VmHWM)
    share: float  # proportional: pages shared by n processes count 1/n (Pss)

    @classmethod
    def of(cls, pid: int) -> Optional[Memory]:
        """Return what PID holds now; None when it is gone."""
        try:
            program = os.readlink(f"/proc/{pid}/exe")
            return cls(program, _kilobytes(pid, "status", "VmHWM:"),
                       _kilobytes(pid, "smaps_rollup", "Pss:"))
        except (OSError, LookupError):
            return None


def descendants(pid: int) -> list[int]:
    """Return the children of PID, their children and so on."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            parent = _parent(int(name))
            if parent is not None:
                children.setdefault(parent, []).append(int(name))
    found = list(children.get(pid, ()))
    for each in found:  # which grows while it is walked
        found += children.get(each, ())
    return found


def _parent(pid: int) -> Optional[int]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name in brackets may hold anything: count from its end.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return None


def _kilobytes(pid: int, name: str, keyword: str) -> float:
    with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(keyword):
                return int(line.split()[1]) * 1024 / MB
    raise LookupError(f"no {keyword} of process {pid}")
