"""A step of confinement that fails leaves nothing running; what is missing is known beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.confine.profile import Mode
from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.vocabulary import Reason

from .setting import Setting

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

# Options of prctl(2) that the steps use, by what they are for.
CORE, KEEP, BOUNDING, SECUREBITS, NO_NEW_PRIVS, AMBIENT = 4, 8, 24, 28, 38, 47
COMMON = [
    f"prctl:{CORE}",
    "unshare",
    "mount",
    "mount_setattr",
    "umount2",
    f"prctl:{BOUNDING}",
    "setgroups",
    "capset",
    f"prctl:{AMBIENT}",
    f"prctl:{NO_NEW_PRIVS}",
    "seccomp",
]
LANDLOCK = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"]


@pytest.mark.parametrize(
    "fault", [*COMMON, *LANDLOCK, f"prctl:{KEEP}", "setresgid", "setresuid"]
)
def test_backup_does_not_run_when_a_step_fails(tmp_path: Path, fault: str) -> None:
    setting = Setting("backup", (str(tmp_path),), never=(_hidden(tmp_path),), faults=(fault,))

    _expect_nothing_ran(setting)


@pytest.mark.parametrize(
    "fault", [*COMMON, *LANDLOCK, f"prctl:{SECUREBITS}", "open_tree", "move_mount"]
)
def test_restore_does_not_run_when_a_step_fails(tmp_path: Path, fault: str) -> None:
    setting = Setting("restore", (str(tmp_path),), never=(_hidden(tmp_path),), faults=(fault,))

    _expect_nothing_ran(setting)


@pytest.mark.parametrize("fault", [*COMMON, "pivot_root"])
def test_jailed_backup_does_not_run_when_a_step_fails(tmp_path: Path, fault: str) -> None:
    setting = Setting(
        "backup", (str(tmp_path),), never=(_hidden(tmp_path),), landlock=0, faults=(fault,)
    )

    _expect_nothing_ran(setting)


@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_runs_when_no_step_fails(tmp_path: Path, operation: str) -> None:
    setting = Setting(operation, (str(tmp_path),), never=(_hidden(tmp_path),))

    assert setting.run("/bin/echo", "ran").stdout == b"ran\n"


@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_kernel_without_mount_setattr_is_served_mount_by_mount(
    tmp_path: Path, operation: str
) -> None:
    setting = Setting(operation, (str(tmp_path),), faults=("mount_setattr=ENOSYS",))

    done = setting.run("/usr/bin/tar", "--version")

    assert done.returncode == 0, done.stderr


def test_tells_a_missing_program_from_a_failing_step(tmp_path: Path) -> None:
    done = Setting("backup", (str(tmp_path),)).run("/nonexistent/rsync")

    assert done.stderr.splitlines()[-1].endswith(
        b"ExecFailed: [Errno 2] execve: No such file or directory"
    )


@pytest.mark.parametrize(
    ("without", "words"),
    [
        ({"seccomp": False}, "seccomp filters"),
        ({"landlock": 0, "namespace": False}, "Landlock, or mount namespaces as root for a jail"),
    ],
)
def test_strict_backup_names_what_is_missing_and_the_line_that_waives_it(
    tmp_path: Path, without: dict[str, object], words: str
) -> None:
    setting = Setting("backup", (str(tmp_path),), **without)  # type: ignore[arg-type]  # keywords

    with pytest.raises(GuardFailure) as caught:
        setting.prepare("/usr/bin/tar")

    assert caught.value.reason == Reason.CANNOT_CONFINE
    waiver = 'the line "Confine best-effort" in the policy runs without'
    assert caught.value.detail == f"missing: {words}; {waiver}"


def test_strict_restore_demands_a_namespace_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(GuardFailure) as caught:
        Setting("restore", (str(tmp_path),), namespace=False).prepare("/usr/bin/tar")

    assert "mount namespaces, which keep the rest read-only" in caught.value.detail


def test_strict_mode_demands_masks_where_never_matches(tmp_path: Path) -> None:
    hidden = _hidden(tmp_path)
    with pytest.raises(GuardFailure) as caught:
        Setting("backup", (str(tmp_path),), never=(hidden,), namespace=False).prepare("/bin/tar")

    assert "to hide what Never names" in caught.value.detail


def test_strict_mode_needs_no_mask_where_never_matches_nothing(tmp_path: Path) -> None:
    setting = Setting("backup", (str(tmp_path),), never=(f"{tmp_path}/*/x",), namespace=False)

    assert setting.prepare("/bin/tar").effective == "landlock:7,seccomp,uid,caps"


@pytest.mark.parametrize(
    ("without", "effective"),
    [
        ({"seccomp": False}, "landlock:7,uid,caps,ns,masks:1"),
        ({"namespace": False}, "landlock:7,seccomp,uid,caps"),
        ({"landlock": 0}, "jail,seccomp,uid,caps,ns,masks:1"),
        ({"landlock": 0, "namespace": False}, "seccomp,uid,caps"),
        ({"landlock": 0, "namespace": False, "seccomp": False}, "uid,caps"),
    ],
)
def test_best_effort_runs_and_records_less(
    tmp_path: Path, without: dict[str, object], effective: str
) -> None:
    setting = Setting(
        "backup", (str(tmp_path),), never=(_hidden(tmp_path),), mode=Mode.BEST_EFFORT,
        **without,  # type: ignore[arg-type]  # keywords
    )

    assert setting.prepare("/bin/echo").effective == effective
    assert setting.run("/bin/echo", "ran").stdout == b"ran\n"


def test_leaves_no_mount_behind(tmp_path: Path) -> None:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        before = file.read()

    for landlock in (7, 0):
        setting = Setting(
            "restore", (str(tmp_path),), never=(_hidden(tmp_path),), landlock=landlock
        )
        setting.run("/bin/echo")

    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        assert file.read() == before


def _expect_nothing_ran(setting: Setting) -> None:
    done = setting.run("/bin/echo", "ran")

    assert done.stdout == b""
    assert done.stderr.splitlines()[-1].startswith(b"PermissionError: [Errno 1] ")


def _hidden(folder: Path) -> str:
    hidden = folder / "hidden"
    hidden.mkdir(exist_ok=True)
    return str(hidden)
