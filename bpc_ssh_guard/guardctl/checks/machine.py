"""The policy against the machine: its roots, its log, and the programs that it lets run."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from typing import TYPE_CHECKING, Final

from ...closed import Open, require_closed
from ...confine.programs import PROTECTIONS, popt_aliases, protections
from ...errors import GuardFailure
from ...record.sink import Sink
from ...vocabulary import PROGRAMS, Operation, Program
from .finding import Finding, Severity, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...policy.model import Block, Policy
    from .account import Account

_VERSION_SECONDS: Final = 10
_VERSIONS: Final = {
    Program.RSYNC: re.compile(r"rsync +version v?([0-9][\w.]*)"),
    Program.TAR: re.compile(r"tar \(GNU tar\) ([0-9][\w.]*)"),
}


def check_roots(policy: Policy, account: Account) -> Iterator[Finding]:
    """Yield which roots are missing, are no folders, or are open to others."""
    for block in policy.blocks.values():
        for root in block.roots:
            yield from _check_root(f"{shown(policy.path)}:{block.line}", block, root, account)


def _check_root(place: str, block: Block, root: bytes, account: Account) -> Iterator[Finding]:
    restore = block.operation == Operation.RESTORE
    what = f"{'Restore' if restore else 'Backup'} {shown(root)} of Key {shown(block.label)}"
    try:
        status = os.stat(root)
    except OSError as error:
        yield Finding(Severity.WARNING, place, f"{what}: {error.strerror}",
                      "create the folder, or take it out of the block")
        return
    if not stat.S_ISDIR(status.st_mode):
        yield Finding(Severity.ERROR, place, f"{what} is no folder", "name the folder it lies in")
        return
    real = os.path.realpath(root)
    if real != root:
        yield Finding(Severity.WARNING if restore else Severity.NOTE, place,
                      f"{what} leads to {shown(real)}", f"name {shown(real)} itself")
    if not restore:
        return
    try:
        require_closed(os.fsdecode(root), account.trusted)
    except Open as problem:
        entry = str(problem).partition(": ")[0]
        yield Finding(Severity.WARNING, place,
                      f"{what}: others can change {entry}, and a restore follows the symbolic"
                      " links that they put there",
                      f"let {entry} belong to root and chmod go-w it")


def check_log(policy: Policy, account: Account) -> Iterator[Finding]:
    """Yield why the command log could not be written, or could be changed by others."""
    place = shown(policy.log)
    try:
        require_closed(os.fsdecode(policy.log), account.trusted)
    except Open as problem:
        yield Finding.from_complaint(Severity.ERROR, str(problem))
        return
    there = os.path.lexists(policy.log)
    folder = policy.log if there else os.path.dirname(policy.log)
    try:
        system = os.statvfs(folder)
    except OSError as error:
        yield Finding(Severity.ERROR, shown(folder), f"{error.strerror}, so no command is recorded"
                      " and none runs", f"create the folder above {place}")
        return
    if system.f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK, effective_ids=True):
        yield Finding(Severity.ERROR, shown(folder), "can't be written, so no command runs",
                      "mount its file system writable, or let the guard's account write there")
    elif not system.f_bfree:
        yield Finding(Severity.ERROR, shown(folder), "its file system is full, so no command runs",
                      "make room there")
    elif there:
        yield from _check_log_files(policy)
    else:
        yield Finding(Severity.ERROR, place, "there is no log yet, so no command runs",
                      "bpc-ssh-guardctl log init begins it")


def _check_log_files(policy: Policy) -> Iterator[Finding]:
    try:
        sink = Sink.open(policy.log, policy.state)
        try:
            sink.inspect()
        finally:
            sink.close()
    except GuardFailure as failure:
        yield Finding.from_complaint(Severity.ERROR, failure.detail)


def check_programs(policy: Policy, account: Account) -> Iterator[Finding]:
    """Yield which programs are missing, open to others, or lack a protection; and versions."""
    for program in PROGRAMS:
        if any(program in block.tools for block in policy.blocks.values()):
            yield from _check_program(program, os.fsdecode(policy.executable(program)), account)
    for path in popt_aliases():
        yield Finding(Severity.ERROR, shown(path), "mentions rsync or can't be read, so every rsync"
                      " command is refused", "take the lines out or move the file away")


def _check_program(program: str, path: str, account: Account) -> Iterator[Finding]:
    setting = f"{program.capitalize()} {path}"
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        yield Finding(Severity.ERROR, path, f"is no program, so no {program} command runs",
                      f"install {program}, name its place in the policy ({setting}), or leave it"
                      " out of Tools")
        return
    try:
        require_closed(path, account.trusted)
    except Open as problem:
        yield Finding.from_complaint(Severity.ERROR, str(problem))
        return  # nor do we run it
    found = _VERSIONS[program].match(_version_text(path))
    if found is None:
        yield Finding(Severity.ERROR, path, f"does not say that it is {_name(program)}",
                      f"name {_name(program)} in the policy ({program.capitalize()} /path)")
        return
    yield Finding(Severity.NOTE, path, f"is {_name(program)} {found[1]}")
    known = protections(os.fsencode(path)) if program == Program.RSYNC else frozenset(PROTECTIONS)
    missing = [shown(option) for option in PROTECTIONS if option not in known]
    if missing:
        yield Finding(Severity.WARNING, path, f"lacks {' and '.join(missing)}, so what the server"
                      " sends within the protocol is checked less", "install rsync 3.5.0 or later")


def _name(program: str) -> str:
    return "GNU tar" if program == Program.TAR else program


def _version_text(path: str) -> str:
    try:
        done = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=_VERSION_SECONDS, text=True, errors="backslashreplace", cwd="/",
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout

