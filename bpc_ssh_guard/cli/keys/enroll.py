"""enroll: bring a client its first keys by its admin's own login, or by what he pastes there."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from ... import exits
from ...guardctl.bundle import bundle
from ...guardctl.explain import printable
from ...keys.config import Channel
from ...keys.record import Outcome, Record
from ...keys.trouble import Trouble
from .common import PROGRAM, Problem, add_config, add_json, load_config, new_command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...keys.config import Config, Host
    from ...keys.enroll.policy import Wish
    from ...keys.enroll.steps import Admin
    from .common import Commands

_DONE = (Outcome.DONE, Outcome.UNCHANGED, Outcome.ENROLLED)


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "enroll", "bring a client its first keys", _enroll)
    add_config(command)
    command.add_argument("name", metavar="HOST", help="a host of the configuration")
    _add_login(command)
    _add_policy(command)
    command.add_argument("--prefix", default="/usr", help="where its guard is (default /usr)")
    command.add_argument("--install", action="store_true",
                         help="install the guard there, also in place of another version")
    command.add_argument("--yes", action="store_true", help="write the policy without asking")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="show what would be done")
    how.add_argument("--print", action="store_true", help="print what to paste there")
    how.add_argument("--prove", action="store_true", help="prove the keys once that is pasted")
    add_json(command)


def _add_login(command: argparse.ArgumentParser) -> None:
    command.add_argument("--fingerprint", metavar="SHA256:...",
                         help="of the host's Ed25519 key, from its own console")
    command.add_argument("--user", metavar="NAME", help="whose login (default: the keys' own)")
    command.add_argument("--identity", metavar="FILE",
                         help="his key, or its .pub for one in the ssh-agent")
    command.add_argument("--sudo", action="store_true", help="become root there by sudo")


def _add_policy(command: argparse.ArgumentParser) -> None:
    command.add_argument("--policy", metavar="FILE", default="/etc/bpc-ssh-guard/policy",
                         help="its policy (default %(default)s)")
    for option, text in (("backup", "what may be read; may be repeated"),
                         ("never", "what is hidden from that; may be repeated"),
                         ("restore", "what may be written; may be repeated")):
        command.add_argument(f"--{option}", metavar="PATH", action="append", default=[], help=text)
    command.add_argument("--from", dest="source", metavar="ADDRESS", action="append", default=[],
                         help="this server's address; may be repeated")
    command.add_argument("--grants-remote", action="store_true",
                         help="bpc-ssh-keys grant may open restores")


def _enroll(options: argparse.Namespace) -> int:
    config = load_config(options)
    host = _host(options, config)
    try:
        if options.print:
            return _print(options, config, host)
        if options.prove:
            return _prove(options, config, host)
        return _by_login(options, config, host)
    except Trouble as trouble:
        again = f"bpc-ssh-keys enroll {host.name}"
        failed = Record(host.name, "", "", Outcome.FAILED, error=trouble.word, text=str(trouble),
                        about={"next": again})
        return _show([failed], options.json)


def _host(options: argparse.Namespace, config: Config) -> Host:
    if options.name not in config.hosts:
        raise Problem(f"{config.path}: names no host {options.name}; write [host.{options.name}]")
    host = config.hosts[options.name]
    if host.channel != Channel.KEY:
        raise Problem(f"{host.name} has channel {host.channel}; bpc-ssh-keys ca lines shows what"
                      " its client needs")
    if options.user not in (None, host.user) and not options.sudo:
        raise Problem(f"{options.user} can't write the keys of {host.user}; --sudo lets him")
    return host


def _by_login(options: argparse.Namespace, config: Config, host: Host) -> int:
    from ...keys.enroll.login import Login
    from ...keys.enroll.machine import Machine
    from ...keys.enroll.steps import Enrolment
    from ...keys.owner import become_owner

    with Login(config, host, options.user or host.user, options.fingerprint) as login:
        login.authenticate(options.identity, getpass.getpass if _is_attended() else None)
        become_owner(config.var)
        machine = Machine(login, host.user, options.prefix.rstrip("/"), options.policy,
                          options.sudo)
        enrolment = Enrolment(config, host, login, machine, _wish(options))
        if options.dry_run:
            foretold = list(enrolment.foretell())
            _show(foretold, options.json)
            return exits.NO if foretold else exits.YES
        return _show(enrolment.run(_admin(options)), options.json)


def _print(options: argparse.Namespace, config: Config, host: Host) -> int:
    from ...keys.enroll.byhand import ByHand
    from ...keys.owner import become_owner

    become_owner(config.var)
    text = ByHand(config, host).commands(_wish(options), options.prefix.rstrip("/"),
                                         options.policy)
    print(json.dumps({"host": host.name, "commands": text}) if options.json else text)
    print(f"{PROGRAM}: then here, with the fingerprint that the last one prints: bpc-ssh-keys"
          f" enroll {host.name} --prove --fingerprint SHA256:...", file=sys.stderr)
    return exits.YES


def _prove(options: argparse.Namespace, config: Config, host: Host) -> int:
    from ...keys.enroll.byhand import ByHand
    from ...keys.owner import become_owner

    become_owner(config.var)
    return _show(ByHand(config, host).prove(options.fingerprint), options.json)


def _wish(options: argparse.Namespace) -> Wish:
    from ...keys.enroll.policy import Wish

    return Wish(tuple(options.backup), tuple(options.never), tuple(options.restore),
                tuple(options.source), options.grants_remote)


def _is_attended() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _admin(options: argparse.Namespace) -> Admin:
    from ...keys.enroll.steps import Admin

    def agrees(question: str, shown: str) -> bool:
        if shown:
            print(printable_lines(shown), file=sys.stderr)
        if options.yes:
            return True
        if not _is_attended():
            raise Problem(f"{question} Nobody is here to say so: --yes, or --install for the guard")
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def hears(chain: str, key: str) -> None:
        # Straight to the terminal: nothing else may keep it.
        print(f"chain     {printable(chain.encode())}\nkey       {key}\n{PROGRAM}: the key verifies"
              " every record of the client's log and is shown this once: give both to the auditor"
              " (bpc-ssh-audit key), and keep neither on this server", file=sys.stderr)

    return Admin(agrees, hears if sys.stderr.isatty() else None, _guardctl, options.install)


def _guardctl() -> bytes:
    """Return bpc-ssh-guardctl in one file, which installs both programs."""
    with tempfile.TemporaryDirectory() as folder:
        path = next(path for path in bundle(folder) if path.endswith("/bpc-ssh-guardctl"))
        return Path(path).read_bytes()


def printable_lines(text: str) -> str:
    """Return TEXT with nothing in it that a terminal obeys but its line ends."""
    return "\n".join(printable(line.encode()) for line in text.splitlines())


def _show(records: Iterable[Record], as_json: bool) -> int:
    status = exits.YES
    for record in records:
        if record.outcome not in _DONE:
            status = exits.NO
        if as_json:
            print(json.dumps(record.as_json()), flush=True)
            continue
        print(_in_words(record), flush=True)
        diff: Optional[str] = record.about.get("diff")
        if diff:
            print(printable_lines(diff))
    return status


def _in_words(record: Record) -> str:
    words = [record.host, record.label or record.step]
    text = f"{' '.join(word for word in words if word)}: {record.outcome}"
    if record.error:
        text += f" ({record.error})"
    elif record.generation:
        text += f" g{record.generation} {record.key}"
    again = record.about.get("next")
    said = [text, printable(record.text.encode()), f"then {again} again" if again else ""]
    return "; ".join(part for part in said if part)
