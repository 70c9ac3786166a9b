"""Certificates for a fleet: `ca issue` for new labels, key pairs included, and again for all."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from ..harness import CannotMeasure
from ..outcome import Comparison, Line
from ..samples import Series
from ..stage import CHECKOUT

if TYPE_CHECKING:
    from ..stage import Stage

FLEET = 10_000
QUICK_FLEET = 1_000
QUICK_ROUNDS = 1  # of a run that has no minutes: a tenth of the fleet, in a tenth of the time
WALL_SECONDS = 20.0


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Issue for the same fleet in ROUNDS new folders, start of the process included.

    None is removed in between: ext4 passes over the inodes of removed files for a while, one by
    one, and the next round would pay for that.
    """
    hosts = QUICK_FLEET if rounds <= QUICK_ROUNDS else FLEET
    taken: dict[str, list[tuple[float, float]]] = {"first, with key pairs": [], "again": []}
    for number in range(1, rounds + 1):
        folder = stage.folder(f"certificates-row-{number}")
        _begin(folder, hosts)
        for name, found in taken.items():
            stage.progress(f"round {number} of {rounds}: {hosts} certificates, {name}")
            found.append(_issue(folder, hosts))
    return [line for name, found in taken.items() for line in _lines(name, hosts, found)]


def _lines(name: str, hosts: int, taken: list[tuple[float, float]]) -> list[Line]:
    wall, used = (Series(values) for values in zip(*taken))
    limit = WALL_SECONDS * hosts / FLEET
    return [
        Line(f"{hosts} {name}", "s", wall,
             (Comparison(f"{hosts / wall.median:,.0f} certificates/s", wall.median, limit,
                         noise=wall.median * wall.spread),)),
        Line(f"{hosts} {name}: CPU", "s", used,
             (Comparison(f"{used.median / hosts * 1e3:.2f} ms each", used.median),)),
    ]


def _begin(folder: str, hosts: int) -> None:
    """Write the configuration of HOSTS hosts with a label each, and make the authority."""
    os.mkdir(os.path.join(folder, "var"), 0o750)
    with open(os.path.join(folder, "config"), "w", encoding="ascii") as file:
        file.write(f'[paths]\netc = "{folder}/etc"\nvar = "{folder}/var"\nreader = ""\n'
                   f'[certificates]\nfolder = "{folder}/ca"\n')
        for number in range(hosts):
            file.write(f'[host.web{number:05}]\nchannel = "certificate"\nfrom = "192.0.2.10"\n'
                       f'labels = {{ backup = "web{number:05}-backup" }}\n')
    _run(folder, "init")


def _issue(folder: str, hosts: int) -> tuple[float, float]:
    """Issue for every host; return the seconds and how many of them a core worked."""
    begin, used = time.monotonic(), _children()
    said = _run(folder, "issue", "--json")
    seconds = time.monotonic() - begin
    issued = said.count(b'"issued"')
    if issued != hosts:
        raise CannotMeasure(f"{issued} certificates of {hosts} were issued")
    return seconds, _children() - used


def _children() -> float:
    """Return the CPU seconds of the processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(folder: str, action: str, *words: str) -> bytes:
    command = [sys.executable, "-m", "bpc_ssh_guard", "keys", "ca", "--config",
               os.path.join(folder, "config"), *words, action]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False)
    if done.returncode:
        raise CannotMeasure(f"ca {action}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
