"""The doctor tells what the kernel really forbids, and takes no missing layer for granted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from errno import EACCES, EPERM
from functools import partial

import pytest

from bpc_ssh_guard.confine import abilities, landlock
from bpc_ssh_guard.confine.abilities import Abilities
from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.guardctl.doctor import Diagnosis, Verdict, canaries, child, examine, in_words
from bpc_ssh_guard.guardctl.doctor.examination import judge, layers_of
from bpc_ssh_guard.guardctl.doctor.outside import outside

from . import scenes

needs_root = pytest.mark.lab

POLICY = """\
Log {root}/log
Confine {mode}
Key web1-backup
    Backup  {root}/data
    Never   {root}/data/secret {root}/data/*.pem
Key web1-restore
    Restore {root}/restored
    Never   {root}/restored/.ssh
    Window  always
"""
HIDDEN = ("data/secret/key", "data/a.pem", "restored/.ssh/authorized_keys")
ALL_LAYERS = layers_of("landlock:7,jail,seccomp,uid,caps,ns")
OF_BACKUP = partial(Diagnosis, "web1-backup", "backup")
FORBIDDEN = canaries.Canary("x", "do x", os.getpid, (EPERM, EACCES), ("landlock:6", "seccomp"))
DEMANDED = canaries.Canary("y", "do y", os.getpid)


@pytest.fixture
def hidden(client: scenes.Client) -> scenes.Client:
    """Return a client with secrets that its policy hides."""
    for name in HIDDEN:
        path = f"{client.root}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write("secret\n")
    confine(client, "strict")
    return client


def confine(client: scenes.Client, mode: str) -> None:
    text = POLICY.format(root=client.root, mode=mode)
    if mode == "off":  # nothing is hidden then, and a policy must not say so
        text = "".join(line for line in text.splitlines(True) if "Never" not in line)
    client.write_policy(text)


def everything_but(**missing) -> Abilities:
    """Return what this kernel can do, with the abilities MISSING changed."""
    asked = abilities.ask()
    return Abilities(**{**{name: getattr(asked, name) for name in Abilities.__slots__}, **missing})


def examine_weakened(client: scenes.Client, **missing) -> dict[str, set[str]]:
    """Return the canaries that are open by key, in best effort without MISSING."""
    confine(client, "best-effort")
    found = examine(client.policy, abilities=everything_but(**missing))
    assert [each for each in found if each.is_failure] == []
    return {
        label: {each.canary for each in found if (each.key, each.verdict) == (label, Verdict.OPEN)}
        for label in ("web1-backup", "web1-restore")
    }


def traces(root: str) -> list[object]:
    """Return the mounts, and names, kinds, contents and times of everything below ROOT."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        found: list[object] = [file.read()]
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found.append((path, file.read(), os.stat(path).st_ctime_ns))
        found.append((folder, os.stat(folder).st_mode, os.stat(folder).st_ino))
    return found


# The real kernel


@needs_root
def test_passes_a_backup_and_a_restore_with_hidden_paths(hidden) -> None:
    found = examine(hidden.policy)
    assert [each for each in found if each.verdict != Verdict.PASSED] == []
    assert {each.canary for each in found if each.key == "web1-backup"} == {
        "confine", "list-root", "create-in-root", "chmod-root", "read-outside", "read-hidden",
        "unmount", "open-by-handle", "socket", "signal", "read-memory", "become-root", "execute",
    }  # fmt: skip
    assert {each.canary for each in found if each.key == "web1-restore"} == {
        "confine", "list-root", "create-in-root", "read-outside", "create-outside",
        "chmod-outside", "read-hidden", "unmount", "open-by-handle", "socket", "signal",
        "read-memory", "become-root", "execute",
    }  # fmt: skip


@needs_root
def test_names_the_layers_in_force(hidden) -> None:
    entered = {each.key: each.got for each in examine(hidden.policy) if each.canary == "confine"}
    version = landlock.abi()
    assert entered == {
        "web1-backup": f"landlock:{version},seccomp,uid,caps,ns,masks:2",
        "web1-restore": f"landlock:{version},seccomp,caps,ns,masks:1",
    }


@needs_root
def test_leaves_nothing_behind(hidden, monkeypatch, tmp_path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    before = traces(hidden.root)
    examine(hidden.policy)
    assert traces(hidden.root) == before


@needs_root
def test_changes_no_time_in_a_backup_root(hidden) -> None:
    data = f"{hidden.root}/data"
    before = os.stat(data)
    examine(hidden.policy, "web1-backup")
    after = os.stat(data)
    assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)


@needs_root
def test_expects_nothing_to_be_there_outside_a_jail(hidden) -> None:
    found = examine(hidden.policy, abilities=everything_but(landlock=0))
    assert [each for each in found if each.is_failure] == []
    outside_jail = {each.got for each in found if each.canary.endswith("-outside")}
    assert outside_jail == {"ENOENT"}


@needs_root
def test_shows_what_is_open_without_seccomp(hidden) -> None:
    assert examine_weakened(hidden, seccomp=False) == {
        "web1-backup": {"socket", "open-by-handle"},
        "web1-restore": {"socket", "open-by-handle", "become-root"},
    }


@needs_root
def test_shows_what_is_open_without_landlock_and_jail(hidden) -> None:
    assert examine_weakened(hidden, landlock=0, jail=False) == {
        "web1-backup": {"read-outside"},
        "web1-restore": {"read-outside", "signal"},
    }


@needs_root
def test_shows_what_is_open_without_mount_namespaces(hidden) -> None:
    assert examine_weakened(hidden, namespace=False, jail=False) == {
        "web1-backup": {"read-hidden"},
        "web1-restore": {"read-hidden", "chmod-outside"},
    }


@needs_root
def test_shows_that_an_older_landlock_lets_a_restore_signal_root(hidden) -> None:
    assert examine_weakened(hidden, landlock=4) == {
        "web1-backup": set(), "web1-restore": {"signal"},
    }  # fmt: skip


@needs_root
def test_tries_nothing_that_could_change_a_root_where_no_layer_holds_it(hidden) -> None:
    confine(hidden, "best-effort")
    nothing = Abilities(root=True)
    before = traces(f"{hidden.root}/data")
    found = examine(hidden.policy, "web1-backup", nothing)
    untried = {each.canary for each in found if each.got == "not tried"}
    assert untried == {"create-in-root", "chmod-root"}
    assert traces(f"{hidden.root}/data") == before


@needs_root
@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_no_canary_is_blind(hidden, operation) -> None:
    """Without any confinement all of them succeed: each that should not is a failure."""
    roots = (os.fsencode(f"{hidden.root}/data"),)
    with outside(roots) as place:
        scene = canaries.Scene(operation, roots, roots, (), False, place)
        birds = list(canaries.canaries(scene))
        answers = child.ask(lambda: None, [bird.attempt for bird in birds])
        for bird in birds:
            bird.undo()
    verdicts = [
        judge(OF_BACKUP, bird, ALL_LAYERS, error).verdict
        for bird, error in zip(birds, answers.errors)
    ]
    assert verdicts == [Verdict.FAILED if bird.errors else Verdict.PASSED for bird in birds]
    assert sorted(os.listdir(roots[0])) == [b"a.pem", b"secret"]
    assert not os.path.lexists(os.path.dirname(place.folder))


@needs_root
def test_fails_a_mask_that_hides_nothing(hidden) -> None:
    secret = os.fsencode(f"{hidden.root}/data/secret")
    roots = (os.path.dirname(secret),)
    scene = canaries.Scene("backup", roots, roots, (secret,), False, None)
    (bird,) = (each for each in canaries.canaries(scene) if each.name == "read-hidden")
    (error,) = child.ask(lambda: None, [bird.attempt]).errors
    assert judge(OF_BACKUP, bird, ALL_LAYERS, error).verdict == Verdict.FAILED


@needs_root
def test_an_ordinary_account_learns_that_modes_outside_are_open(passable) -> None:
    """The account nobody examines roots of its own: everything holds but what needs root."""
    root = str(passable)
    for name in ("data", "restored", "log"):
        os.mkdir(f"{root}/{name}")
        os.chown(f"{root}/{name}", 65534, 65534)
    text = "Log {root}/log\nKey a\n Backup {root}/data\nKey b\n Restore {root}/restored\n"
    with open(f"{root}/policy", "w", encoding="ascii") as file:
        file.write(text.format(root=root))
    script = (
        "import sys; from bpc_ssh_guard.guardctl.doctor import examine;"
        "from bpc_ssh_guard.policy import load;"
        "print(*sorted({f'{d.key} {d.canary}' for d in examine(load.load(sys.argv[1].encode()))"
        " if d.verdict != 'passed'}), sep='\\n')"
    )
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
         "/usr/bin/python3", "-B", "-c", script, f"{root}/policy"],
        cwd=scenes.CHECKOUT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("b chmod-outside\n", "")


# Policies


def test_everything_is_open_with_confine_off(hidden) -> None:
    confine(hidden, "off")
    found = examine(hidden.policy)
    assert {(each.verdict, each.lacks) for each in found} == {(Verdict.OPEN, "Confine strict")}
    assert {"execute", "create-in-root"} <= {each.canary for each in found}


def test_strict_fails_where_the_guard_would_refuse_every_run(hidden) -> None:
    found = examine(hidden.policy, "web1-backup", Abilities(landlock=0, seccomp=False))
    assert [(each.canary, each.verdict) for each in found] == [("confine", Verdict.FAILED)]
    assert "seccomp" in found[0].got


def test_examines_one_key_alone(hidden) -> None:
    assert {each.key for each in examine(hidden.policy, "web1-restore")} == {"web1-restore"}


def test_refuses_a_label_that_the_policy_does_not_have(hidden) -> None:
    with pytest.raises(GuardFailure) as caught:
        examine(hidden.policy, "web2")
    assert caught.value.detail == "the policy has no Key web2"


def test_fails_a_root_that_is_missing(hidden) -> None:
    os.rename(f"{hidden.root}/data", f"{hidden.root}/elsewhere")
    confine(hidden, "best-effort")
    found = {each.canary: each for each in examine(hidden.policy, "web1-backup")}
    assert (found["list-root"].verdict, found["list-root"].got) == (Verdict.FAILED, "ENOENT")


def test_has_no_outside_to_try_where_the_root_is_everything(client) -> None:
    client.write_policy(f"Log {client.root}/log\nConfine best-effort\nKey a\n Backup /\n")
    (found,) = (each for each in examine(client.policy) if each.canary == "read-outside")
    assert (found.verdict, found.got) == (Verdict.OPEN, "not tried")
    assert found.lacks == "a place outside the roots"


# The judgement


@pytest.mark.parametrize(
    ("canary", "layers", "answer", "verdict"),
    [
        (FORBIDDEN, "seccomp", EPERM, Verdict.PASSED),
        (FORBIDDEN, "landlock:6", EACCES, Verdict.PASSED),
        (FORBIDDEN, "seccomp", 0, Verdict.FAILED),
        (FORBIDDEN, "seccomp", 38, Verdict.ODD),
        (FORBIDDEN, "seccomp", "the child ended with signal 9", Verdict.FAILED),
        (FORBIDDEN, "landlock:5,caps", EPERM, Verdict.OPEN),
        (FORBIDDEN, "nnp", 0, Verdict.OPEN),
        (DEMANDED, "nnp", 0, Verdict.PASSED),
        (DEMANDED, "seccomp", EACCES, Verdict.FAILED),
    ],
)
def test_judges(canary, layers, answer, verdict) -> None:
    judged = judge(OF_BACKUP, canary, layers_of(layers), answer)
    assert judged.verdict == verdict
    assert judged.is_failure == (verdict in (Verdict.ODD, Verdict.FAILED))
    assert judged.lacks == ("landlock:6 or seccomp" if verdict == Verdict.OPEN else "")


# The child


def test_the_child_tells_the_error_of_each_attempt() -> None:
    attempts = [os.getpid, partial(os.listdir, "/nonexistent"), child.run_shell]
    assert child.ask(lambda: None, attempts).errors == (0, 2, 0)


def test_tells_why_the_confinement_could_not_be_entered() -> None:
    def refuse() -> None:
        raise OSError(EPERM, "unshare: Operation not permitted")

    answers = child.ask(refuse, [os.getpid])
    assert (answers.refusal, answers.errors) == ("unshare: Operation not permitted", (None,))


def test_tells_how_a_child_died_and_what_it_had_said() -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    answers = child.ask(lambda: None, [os.getpid, die, os.getpid])
    assert answers.errors == (0, None, None)
    assert answers.end == "the child ended with signal 9"


def test_a_child_that_dies_on_its_way_in_has_not_entered() -> None:
    answers = child.ask(lambda: sys.exit(3), [os.getpid])
    assert answers.refusal == "the child ended with status 1"


# The report


def test_aligns_the_columns_of_the_table() -> None:
    rows = [
        Diagnosis("web1", "backup", "socket", "open a socket", "EPERM", "EPERM", Verdict.PASSED),
        Diagnosis("db", "backup", "list-root", "list /", "succeeds", "ENOENT", Verdict.FAILED),
        Diagnosis("db", "backup", "x", "x", "EPERM", "succeeds", Verdict.OPEN, "seccomp"),
    ]
    assert list(in_words(rows)) == [
        "key   canary         expected  got       verdict",
        "web1  open a socket  EPERM     EPERM     passed",
        "db    list /         succeeds  ENOENT    failed",
        "db    x              EPERM     succeeds  open, lacks seccomp",
    ]


def test_prints_no_table_without_keys() -> None:
    assert list(in_words([])) == []


@needs_root
def test_shows_no_byte_of_a_hidden_name_that_a_terminal_would_obey(hidden) -> None:
    os.rename(f"{hidden.root}/data/a.pem", f"{hidden.root}/data/\x1b[31m\n.pem")
    lines = list(in_words(examine(hidden.policy, "web1-backup")))
    assert any("\\x1b[31m\\n.pem" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_reports_each_canary_as_json(hidden) -> None:
    confine(hidden, "off")
    report = json.loads(json.dumps([each.as_json() for each in examine(hidden.policy)]))
    assert report[1] == {
        "key": "web1-backup", "operation": "backup", "canary": "list-root",
        "words": f"list {hidden.root}/data", "expected": "succeeds", "got": "not tried",
        "verdict": "open", "lacks": "Confine strict",
    }  # fmt: skip
