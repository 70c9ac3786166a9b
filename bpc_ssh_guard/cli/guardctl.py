"""bpc-ssh-guardctl: what the admin of one client does with the guard, by hand or by script."""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from .. import __version__, exits
from ..errors import GuardFailure
from ..guardctl import authorize, bundle, check, explain, grant, install, suggest
from ..policy import load
from ..policy.model import DEFAULT_PATH
from ..record import read as log
from ..vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..policy.model import Policy
    from ..policy.window import Grant

    Handler = Callable[[argparse.Namespace], int]

PROGRAM = "bpc-ssh-guardctl"


class _Problem(Exception):
    """The command could not run; the text says why and what to do."""


def main(argv: Sequence[str]) -> int:
    """Run the command line ARGV without the program's name; return the exit status."""
    options = parser().parse_args(argv)
    handler: Handler = options.handler
    try:
        return handler(options)
    except (GuardFailure, _Problem, install.InstallError, authorize.AuthorizeError,
            grant.GrantError) as error:
        detail = error.detail if isinstance(error, GuardFailure) else str(error)
        print(f"{PROGRAM}: {detail}", file=sys.stderr)
    except OSError as error:
        print(f"{PROGRAM}: {error.filename}: {error.strerror}", file=sys.stderr)
    return exits.COULD_NOT_RUN


def run() -> int:
    """Serve the console script."""
    return main(sys.argv[1:])


def parser() -> argparse.ArgumentParser:
    """Return the parser; man page and completion are held against it."""
    top = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Install, check and explain the forced command for BackupPC's ssh key.",
        epilog="exit status: 0 yes, 1 no or findings, 2 could not run",
        formatter_class=functools.partial(argparse.HelpFormatter, max_help_position=20),
    )
    top.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND ...", required=True)
    for add in (
        _add_install, _add_bundle, _add_check, _add_explain, _add_authorize, _add_suggest,
        _add_grant, _add_doctor, _add_completion,
    ):
        add(commands)
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str,
    handler: Handler,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    command.set_defaults(handler=handler)
    return command


def _add_policy(command: argparse.ArgumentParser) -> None:
    command.add_argument("--policy", metavar="FILE", default=os.fsdecode(DEFAULT_PATH),
                         help="policy file (default %(default)s)")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="JSON on standard output")


def _load_policy(options: argparse.Namespace) -> Policy:
    return load.load(os.fsencode(os.path.abspath(options.policy)))


# install, uninstall, bundle

def _add_install(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, text, handler in (
        ("install", "copy the guard and its launchers below PREFIX", _install),
        ("uninstall", "remove what install has put below PREFIX", _uninstall),
    ):
        command = _command(commands, name, text, handler)
        command.add_argument("--prefix", default="/usr", help="(default %(default)s)")
        command.add_argument("--destdir", default="", metavar="DIR",
                             help="write below DIR instead of /, for packages")
        command.add_argument("--dry-run", action="store_true", help="only show the paths")


def _install(options: argparse.Namespace) -> int:
    written = install.install(
        options.prefix, destdir=options.destdir, dry_run=options.dry_run
    )
    print("\n".join(written))
    if not options.dry_run:
        sys.stderr.write(install.next_steps(options.prefix))
    return exits.YES


def _uninstall(options: argparse.Namespace) -> int:
    removed = install.uninstall(
        options.prefix, destdir=options.destdir, dry_run=options.dry_run
    )
    print("\n".join(removed))
    return exits.YES if removed else exits.NO


def _add_bundle(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(commands, "bundle",
                       "write guard and guardctl as single files into DIR", _bundle)
    command.add_argument("directory", metavar="DIR")


def _bundle(options: argparse.Namespace) -> int:
    print("\n".join(bundle.bundle(options.directory)))
    return exits.YES


# check

def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(commands, "check", "test policy, key lines, programs and isolation", _check)
    _add_policy(command)
    command.add_argument("--authorized-keys", metavar="FILE", action="append",
                         help="file with the key lines (default: as sshd says); may be repeated")
    _add_json(command)


def _check(options: argparse.Namespace) -> int:
    path = os.path.abspath(options.policy)
    findings = check.check(path, options.authorized_keys)
    if options.json:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(finding)
    return exits.NO if any(f.severity == "error" for f in findings) else exits.YES


# explain

def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(commands, "explain",
                       "say what the guard would do with a command, and why", _explain)
    _add_policy(command)
    command.add_argument("--key", metavar="LABEL",
                         help="key label (default: the policy's only one)")
    command.add_argument("--list", metavar="FILE",
                         help="secluded argument list, as rsync sends it; - for standard input")
    command.add_argument("--batch", action="store_true",
                         help="JSON Lines {id, key, command, stdin_hex} from standard input")
    _add_json(command)
    command.add_argument("command", metavar="COMMAND", nargs="?",
                         help="original command as one argument; none: a login without one")


def _explain(options: argparse.Namespace) -> int:
    explainer = explain.Explainer(_load_policy(options))
    if options.batch:
        return _explain_batch(explainer)
    command = None if options.command is None else os.fsencode(options.command)
    explanation = explainer.explain(_label(options, explainer), command, _list(options.list))
    if options.json:
        print(json.dumps(explanation.as_json()))
    else:
        print("\n".join(explain.in_words(explanation)))
        if explanation.reason == Reason.BAD_SECLUDED_LIST and options.list is None:
            print(f"{PROGRAM}: the command reads its arguments from standard input;"
                  " give them with --list FILE", file=sys.stderr)
    return exits.YES if explanation.allowed else exits.NO


def _explain_batch(explainer: explain.Explainer) -> int:
    try:
        for answer in explain.batch(explainer, sys.stdin):
            print(answer)
    except ValueError as error:
        message = "each line is an object with id, key, command and stdin_hex"
        raise _Problem(f"<stdin>: {error}; {message}") from None
    return exits.YES


def _label(options: argparse.Namespace, explainer: explain.Explainer) -> str:
    if options.key:
        return str(options.key)
    labels = [label.decode() for label in explainer.policy.blocks]
    if len(labels) != 1:
        known = " or ".join(f"--key {label}" for label in labels)
        raise _Problem(f"the policy has {len(labels)} keys; say which: {known}")
    return labels[0]


def _list(name: str | None) -> bytes:
    if name is None:
        return b""
    if name == "-":
        return sys.stdin.buffer.read()
    with open(name, "rb") as file:
        return file.read()


# authorize

def _add_authorize(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(commands, "authorize",
                       "compose the authorized_keys line of a key, or add it", _authorize)
    _add_policy(command)
    command.add_argument("label", metavar="LABEL", help="key label of the policy")
    command.add_argument("key", metavar="PUBLIC-KEY",
                         help="the key's .pub file; - for standard input")
    command.add_argument("--add", metavar="FILE", help="write the line into this authorized_keys")
    command.add_argument("--program", default=authorize.DEFAULT_PROGRAM, metavar="PATH",
                         help="the guard's launcher (default %(default)s)")
    command.add_argument("--dry-run", action="store_true", help="show the change, make none")


def _authorize(options: argparse.Namespace) -> int:
    result = authorize.authorize(
        _load_policy(options), options.label, authorize.read_key(options.key),
        program=options.program, path=options.add, dry_run=options.dry_run,
    )
    print(result.shown)
    return exits.YES


# suggest

def _add_suggest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(commands, "suggest",
                       "print the policy lines that would admit what was refused",
                       _suggest)
    _add_policy(command)
    _add_json(command)


def _suggest(options: argparse.Namespace) -> int:
    policy = _load_policy(options)
    found = suggest.suggest(policy, log.read(os.fsdecode(policy.log)))
    if options.json:
        print(json.dumps([suggestion.as_json() for suggestion in found], indent=2))
    else:
        for each in found:
            print(f"Key {each.label}\n    {each.line}")
            print(f"    # opens: {each.opens}")
            print(f"    # refused {each.refusals} times, last {each.last}")
    return exits.NO if found else exits.YES


# grant

def _add_grant(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(commands, "grant", "open, list or close the hours in which a key restores",
                       _grant)
    _add_policy(command)
    action = command.add_mutually_exclusive_group(required=True)
    action.add_argument("--for", dest="duration", metavar="TIME", help="open for 90m, 2h, 1d")
    action.add_argument("--list", action="store_true", help="show the grants")
    action.add_argument("--revoke", action="store_true", help="close LABEL's now")
    command.add_argument("--path", metavar="PATH", action="append", default=[],
                         help="narrow the restore roots to PATH; may be repeated")
    command.add_argument("--reason", metavar="TEXT", default="", help="for the record")
    _add_json(command)
    command.add_argument("label", metavar="LABEL", nargs="?", help="key label of the policy")


def _grant(options: argparse.Namespace) -> int:
    policy = _load_policy(options)
    if options.list:
        return _show_grants(grant.list_grants(policy), options.json)
    if options.label is None:
        raise _Problem("say which key: bpc-ssh-guardctl grant LABEL --for 2h")
    if options.revoke:
        if grant.revoke(policy, options.label):
            return exits.YES
        print(f"{PROGRAM}: {options.label} has no grant", file=sys.stderr)
        return exits.NO
    seconds = grant.parse_duration(options.duration)
    opened = grant.open_grant(policy, options.label, seconds, options.path, options.reason)
    return _show_grants({options.label: opened}, options.json)


def _show_grants(found: Mapping[str, Grant], as_json: bool) -> int:
    shown = [_grant_members(label, each) for label, each in found.items()]
    if as_json:
        print(json.dumps(shown, indent=2))
    else:
        for each in shown:
            paths = " ".join(each["paths"]) or "all its roots"
            said = f"  ({each['reason']})" if each["reason"] else ""
            print(f"{each['key']}  until {each['until']}  {paths}{said}")
    return exits.YES if shown else exits.NO


def _grant_members(label: str, each: Grant) -> dict[str, Any]:
    until = datetime.datetime.fromtimestamp(each.until, datetime.timezone.utc)
    return {
        "key": label,
        "id": each.identity.decode("ascii"),
        "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "paths": [explain.printable(path) for path in each.paths],
        "reason": explain.printable(each.reason),
    }


# doctor

def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(commands, "doctor",
                       "confine a child as each key's, and try what must not work", _doctor)
    _add_policy(command)
    command.add_argument("--key", metavar="LABEL", help="this key only")
    _add_json(command)


def _doctor(options: argparse.Namespace) -> int:
    from ..guardctl import doctor  # ctypes, and what only Linux has, for this command alone

    diagnoses = doctor.examine(_load_policy(options), options.key)
    if options.json:
        print(json.dumps([diagnosis.as_json() for diagnosis in diagnoses], indent=2))
    else:
        print("\n".join(doctor.in_words(diagnoses)))
    return exits.NO if any(diagnosis.is_failure for diagnosis in diagnoses) else exits.YES


# completion

def _add_completion(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(commands, "completion", "print the completion script of a shell", _complete)
    command.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "tcsh"),
                         help="bash, zsh or tcsh")


def _complete(options: argparse.Namespace) -> int:
    try:
        import shtab  # needed where a package is built, not on a client
    except ImportError:
        raise _Problem("shtab is not installed; python3 -m pip install shtab") from None
    print(shtab.complete(parser(), options.shell))
    return exits.YES
