"""The manual pages: clean mdoc, in the usual order, and nothing in them or left out by mistake."""

from __future__ import annotations

import configparser
import re
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.command import paths, rsync, secluded, words
from bpc_ssh_guard.confine import account, launch, programs
from bpc_ssh_guard.confine.abilities import Abilities
from bpc_ssh_guard.confine.account import Account
from bpc_ssh_guard.confine.profile import Mode, Prepared, Profile
from bpc_ssh_guard.guardctl.doctor.canaries import Scene, canaries
from bpc_ssh_guard.guardctl.doctor.diagnosis import Diagnosis, Verdict
from bpc_ssh_guard.guardctl.doctor.examination import judge
from bpc_ssh_guard.logagent import verbs
from bpc_ssh_guard.policy import blocks, file, load, model, statements, system, window
from bpc_ssh_guard.record import authinfo, flood, line, sink
from bpc_ssh_guard.vocabulary import (
    FAILURES,
    FEATURES,
    KEY_ID_LENGTH,
    LABEL_LENGTH_LIMIT,
    REASONS,
    Operation,
    Reason,
)

from .pages import (
    GUARD,
    GUARDCTL,
    LOG,
    MAN,
    POLICY,
    PROJECT,
    SECONDS,
    THREATS,
    items,
    literal_blocks,
    manual_pages,
    rendered,
    section,
    text,
)

if TYPE_CHECKING:
    from pathlib import Path

ORDER = (
    "NAME", "SYNOPSIS", "DESCRIPTION", "*", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES",
    "DIAGNOSTICS", "SEE ALSO", "SECURITY CONSIDERATIONS",
)
EVERY_PAGE = pytest.mark.parametrize("page", manual_pages(), ids=lambda page: page.name)


@EVERY_PAGE
def test_mandoc_has_no_warning(page: Path) -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", page.name],
        cwd=MAN, capture_output=True, text=True, timeout=SECONDS, check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@EVERY_PAGE
def test_sections_stand_in_the_usual_order(page: Path) -> None:
    names = re.findall(r"^\.Sh (.*)$", text(page), re.MULTILINE)
    places = [ORDER.index(name if name in ORDER else "*") for name in names]
    assert places == sorted(places)
    assert {"NAME", "DESCRIPTION", "FILES", "SEE ALSO"} <= set(names)


@EVERY_PAGE
def test_references_lead_to_pages_that_exist(page: Path) -> None:
    named = re.findall(r"^\.Xr (bpc-ssh-\S+) ([0-9])", text(page), re.MULTILINE)
    assert [f"{name}.{part}" for name, part in named if not (MAN / f"{name}.{part}").exists()] == []


def test_setup_installs_every_page_in_its_section() -> None:
    setup = configparser.ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    installed = {
        name.strip(): folder
        for folder, names in setup["options.data_files"].items()
        for name in names.split(",")
        if name.strip().startswith("man/")
    }
    assert installed == {f"man/{p.name}": f"share/man/man{p.suffix[1:]}" for p in manual_pages()}


# guard

def test_guard_explains_every_reason_under_its_verb() -> None:
    diagnostics = section(GUARD, "DIAGNOSTICS")
    refused, failed = diagnostics.split("\n.It bpc-ssh-guard: failed ")
    assert set(items(failed, "Cm")) == FAILURES
    assert set(items(refused, "Cm")) == set(REASONS) - FAILURES - {Reason.NO_COMMAND}
    assert Reason.NO_COMMAND in rendered(GUARD)


def test_log_explains_every_reason() -> None:
    assert set(REASONS) <= set(items(text(LOG), "Cm"))


def test_guard_explains_its_exit_statuses() -> None:
    shown = re.findall(r"^\.It ([0-9]+)", section(GUARD, "EXIT STATUS"), re.MULTILINE)
    own = (exits.GUARD_FAILED, exits.REFUSED, exits.NOT_FOUND, exits.SIGNALLED)
    assert shown == [str(status) for status in own]


LIMITS = {
    "command": (words.MAX_COMMAND, words.MAX_WORDS, words.MAX_WORD),
    "sessions": (model.DEFAULT_SESSIONS, blocks.MOST_SESSIONS),
    "grant": (window.MAX_GRANT, window.MAX_REASON, window.SHORTEST, window.LONGEST),
    "secluded list": (
        secluded.MAX_LIST, secluded.MAX_ARGUMENTS, secluded.MAX_ARGUMENT,
        secluded.DEADLINE_SECONDS,
    ),
    "path": (paths.MAX_PATH, paths.MAX_COMPONENT),
    "label": (LABEL_LENGTH_LIMIT,),
    "KEYID": (KEY_ID_LENGTH,),
    "SSH_USER_AUTH": (authinfo.FILE_LIMIT,),
    "request of an audit key": (verbs.MAX_REQUEST,),
    "policy": (file.MAX_POLICY,),
    "popt file": (programs.MAX_POPT_FILE,),
    "log": (line.RECORD_LIMIT, int(sink.LOCK_SECONDS), flood.DAY_BYTES >> 20),
    "log of a key": (flood.KEY_DAY_BYTES >> 20, flood.CHARGE >> 10),
    "refusals of a key": (flood.REFUSALS, flood.REFUSALS),
}


def test_guard_gives_every_limit_its_number() -> None:
    source = section(GUARD, "LIMITS").split(".El\n")[0]
    shown = {
        name: tuple(int(number) for number in re.findall(r"\b[0-9]+\b", numbers))
        for name, numbers in re.findall(r"^\.It (.*)\n((?:(?!\.It).*\n)*)", source, re.MULTILINE)
    }
    assert shown == LIMITS


@pytest.mark.parametrize(
    ("page", "number"),
    [
        (GUARD, rsync.MAX_INT),
        (GUARD, rsync.MAX_COMPRESS_LEVEL),
        (GUARD, programs.MAX_PROGRAM // 2**20),
        (GUARD, paths.MAX_PATH),
        (GUARD, paths.MAX_COMPONENT),
        (POLICY, file.MAX_POLICY),
        (POLICY, paths.MAX_PATH),
        (POLICY, paths.MAX_COMPONENT),
        (POLICY, LABEL_LENGTH_LIMIT - 1),
        (POLICY, model.DEFAULT_SESSIONS),
        (POLICY, blocks.MOST_SESSIONS),
        (GUARD, account.UNUSED[0]),
        (GUARD, account.UNUSED[-1]),
        (GUARDCTL, window.MAX_REASON),
    ],
)
def test_page_names_the_number_in_its_text(page: Path, number: int) -> None:
    assert re.search(rf"\b{number}\b", rendered(page))


def test_guard_shows_the_environment_of_the_program() -> None:
    (shown,) = [block for block in literal_blocks(GUARD) if block.startswith("PATH=")]
    assert dict(each.split("=") for each in shown.split()) == {
        name.decode(): value.decode() for name, value in launch.ENVIRONMENT.items()
    }
    assert f"umask {launch.UMASK:03o}" in rendered(GUARD)


@pytest.mark.parametrize("grammar", ["rsync", "tar"])
def test_guard_names_every_long_option_of_the_grammar(grammar: str) -> None:
    source = text(PROJECT / "bpc_ssh_guard" / "grammar" / f"{grammar}.lark")
    found = re.findall(r"--\(([a-z|-]+)\)|--([a-z][a-z-]+)", source)
    names = {name for group, single in found for name in (group.split("|") if group else [single])}
    page = rendered(GUARD)
    assert len(names) >= 8
    assert [name for name in sorted(names) if not re.search(rf"--{name}(?![a-z-])", page)] == []


def test_guard_names_every_letter_of_the_grammar() -> None:
    source = text(PROJECT / "bpc_ssh_guard" / "grammar" / "rsync.lark")
    page = section(GUARD, "ACCEPTED COMMANDS")
    for cluster, heading in (("SENDER", "back up"), ("RECEIVER", "restore")):
        letters = re.search(rf"^{cluster}_CLUSTER: /-\(\[(\w+)\]", source, re.MULTILINE)
        part = page.split(f".Ss rsync, to {heading}\n")[1].split(".It options")[0]
        words_shown = " ".join(re.findall(r"^\.Ql (.*)$", part, re.MULTILINE)).split()
        assert letters is not None
        assert set(letters[1]) | {"s"} == {word for word in words_shown if word.isalpha()} - {
            tail for tail in words_shown if len(tail) > 1
        }


# policy

def test_policy_explains_every_keyword_and_no_other() -> None:
    assert set(items(text(POLICY), "Ic")) == set(statements.KEYWORDS)


def test_policy_explains_every_feature_in_the_order_of_the_vocabulary() -> None:
    assert items(section(POLICY, "FEATURES"), "Cm") == list(FEATURES)


@pytest.mark.parametrize(
    "default",
    [
        model.DEFAULT_PATH, model.DEFAULT_LOG, model.DEFAULT_STATE, model.DEFAULT_RSYNC,
        model.DEFAULT_TAR,
    ],
    ids=bytes.decode,
)
def test_policy_names_every_default(default: bytes) -> None:
    assert default.decode() in rendered(POLICY)


def test_policy_names_every_place_that_no_restore_may_hold() -> None:
    source = section(POLICY, "RESTORE ROOTS").split(".It\n")[1]
    named = re.findall(r"/[a-z0-9/-]+", source)
    assert named == [place.decode() for place in system._SYSTEM]


def test_policy_explains_every_mode_of_confine() -> None:
    modes = items(section(POLICY, "CONFINEMENT"), "Cm")
    assert modes == [Mode.STRICT, Mode.BEST_EFFORT, model.Confine.OFF] == list(load.CONFINE_MODES)
    shown = re.findall(r"^\.It Ic Confine Cm (\S+)", section(THREATS, "MODES"), re.MULTILINE)
    assert shown == modes


# threats

EVERYTHING = {
    "landlock": 7, "seccomp": True, "namespace": True, "jail": True, "account": True,
    "limit": True, "root": True,
}
NOBODY = Account(65533, 65533)


def _effective(operation: str, **abilities: Any) -> set[str]:
    """Return the names in the record of a run under ABILITIES."""
    profile = Profile(
        operation, b"/usr/bin/true", (b"/usr",), (b"/usr/bin",), mode=Mode.BEST_EFFORT,
        account=NOBODY,
    )
    names = Prepared(profile, Abilities(**abilities)).effective.split(",")
    return {name.partition(":")[0] for name in names}


def test_threats_explains_every_layer_and_no_other() -> None:
    named = set()
    for abilities in (EVERYTHING, {**EVERYTHING, "landlock": 0}, {}):
        named |= _effective(Operation.BACKUP, **abilities)
    assert len(named) > len(EVERYTHING)
    assert set(items(section(THREATS, "LAYERS"), "Cm")) == named


def test_threats_says_what_each_thief_can_and_can_not() -> None:
    _, *parts = section(THREATS, "STOLEN THINGS").split("\n.Ss ")
    thieves = [part for part in parts if not part.startswith("Root on the client")]
    assert len(thieves) == len(parts) - 1
    for part in thieves:
        assert re.findall(r"^\.It (can|can not)$", part, re.MULTILINE) == ["can", "can not"], part


def test_threats_names_the_landlock_that_a_restore_needs() -> None:
    rows = re.findall(
        r"^\.It (?!Em)[^\n]* Ta (\S+) Ta (\S+) Ta (\S+)$", section(THREATS, "PLATFORMS"),
        re.MULTILINE,
    )
    assert rows
    for version, *shown in rows:
        number = 0 if version == "none" else int(version)
        layers = [
            _effective(operation, **{**EVERYTHING, "landlock": number}) & {"landlock", "jail"}
            for operation in (Operation.BACKUP, Operation.RESTORE)
        ]
        assert [{each} for each in shown] == layers, version


# doctor

def test_guardctl_explains_every_verdict_of_the_doctor() -> None:
    verdicts = [value for name, value in vars(Verdict).items() if name.isupper()]
    part = section(GUARDCTL, "DESCRIPTION").split("\n.It Cm doctor\n")[1].split(".El")[0]
    assert items(part, "Sy") == verdicts


def test_guardctl_shows_every_canary_of_a_backup_with_what_is_expected() -> None:
    (shown,) = literal_blocks(GUARDCTL, "table")
    rows = [re.split(r"  +", line) for line in shown.splitlines()[2:]]
    scene = Scene(
        Operation.BACKUP, (b"/etc", b"/home"), (b"/etc", b"/home"), (b"/etc/ssh",), False, None
    )
    told = [judge(partial(Diagnosis, "", ""), canary, {}, 0) for canary in canaries(scene)]
    assert [tuple(row[1:3]) for row in rows] == [
        ("enter the confinement", "succeeds"), *((each.words, each.expected) for each in told)
    ]
    assert {row[0] for row in rows} == {"web1-backup"}
    assert {row[4] for row in rows} == {Verdict.PASSED}


def test_blocks_of_the_pages_are_marked_by_known_words() -> None:
    marks = {
        mark for page in manual_pages()
        for mark in re.findall(r'^\.\\" (\S+)\n\.Bd', text(page), re.MULTILINE)
    }
    assert marks == {"policy", "console", "table", "fresh", "status", "rotation"}
    assert all(literal_blocks(page, "console") for page in (GUARD, GUARDCTL))
