"""The policy file is read only where nobody but root and the guard's account can have written."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.policy import file, load

STRANGER = 12345  # no account of any machine; only a number that is not ours


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a folder that is closed to others, with a closed policy in a folder of its own."""
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    (folder / "policy").write_bytes(b"Log /l\n")
    (folder / "policy").chmod(0o644)
    return tmp_path


def read(path: Path) -> bytes:
    return file.read(os.fsencode(path))


def complaint(path: Path) -> str:
    with pytest.raises(GuardFailure) as caught:
        read(path)
    assert caught.value.reason == "bad-policy"
    return caught.value.detail


def test_reads_a_closed_file(base: Path) -> None:
    assert read(base / "etc/policy") == b"Log /l\n"


def test_loads_it_as_a_policy(base: Path) -> None:
    assert load.load(os.fsencode(base / "etc/policy")).log == b"/l"


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o644, 0o755, 0o444])
def test_takes_any_mode_that_only_its_owner_may_write_by(base: Path, mode: int) -> None:
    (base / "etc/policy").chmod(mode)
    assert read(base / "etc/policy") == b"Log /l\n"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o660, 0o666, 0o664, 0o646, 0o777, 0o1666])
def test_refuses_a_file_that_others_may_write(base: Path, mode: int) -> None:
    (base / "etc/policy").chmod(mode)
    said = complaint(base / "etc/policy")
    assert said == f"{base}/etc/policy: is writable by group or others; chmod go-w it"


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o730, 0o702])
@pytest.mark.parametrize("depth", ["etc", "."])
def test_refuses_a_folder_that_others_may_write(base: Path, mode: int, depth: str) -> None:
    (base / depth).chmod(mode)
    said = complaint(base / "etc/policy")
    assert said == f"{(base / depth)}: is writable by group or others; chmod go-w it"


@pytest.mark.parametrize("mode", [0o1777, 0o1775, 0o1757])
def test_takes_a_folder_with_the_sticky_bit(base: Path, mode: int) -> None:
    (base / "etc").chmod(mode)
    assert read(base / "etc/policy") == b"Log /l\n"


def status(mode: int, uid: int) -> os.stat_result:
    """Return what fstat says of a file of UID with MODE."""
    return os.stat_result((mode, 1, 1, 1, uid, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("mode", [stat.S_IFREG | 0o600, stat.S_IFDIR | 0o1777])
def test_takes_roots_and_our_own_and_refuses_what_another_account_owns(mode: int) -> None:
    folder = stat.S_ISDIR(mode)
    for uid in (0, os.geteuid()):
        file._require_safe(b"/p", status(mode, uid), folder)
    with pytest.raises(GuardFailure) as caught:
        file._require_safe(b"/p", status(mode, STRANGER), folder)
    assert caught.value.detail == f"/p: belongs to uid {STRANGER}; chown root it"


if os.geteuid() == 0:  # nobody else can give a file away

    @pytest.mark.parametrize("owned", ["etc/policy", "etc", "."])
    @pytest.mark.parametrize("sticky", [0, stat.S_ISVTX])
    def test_refuses_a_file_and_a_folder_that_another_account_owns(
        base: Path, owned: str, sticky: int
    ) -> None:
        (base / "etc").chmod(0o755 | sticky)
        os.chown(base / owned, STRANGER, -1)
        assert complaint(base / "etc/policy") == (
            f"{base / owned}: belongs to uid {STRANGER}; chown root it"
        )


def test_refuses_a_file_that_others_may_write_below_a_sticky_folder_too(base: Path) -> None:
    (base / "etc").chmod(0o1777)
    (base / "etc/policy").chmod(0o666)
    assert complaint(base / "etc/policy").endswith("chmod go-w it")


@pytest.mark.parametrize("link", ["policy", "folder"])
def test_follows_no_symbolic_link(base: Path, link: str) -> None:
    (base / "link").symlink_to("etc" if link == "folder" else "etc/policy")
    path = base / "link" / "policy" if link == "folder" else base / "link"
    said = complaint(path)
    assert said.startswith(f"{base}/link: can't be opened: ")
    assert said.endswith("; put the real folder or file in place of the symbolic link")


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fsdecode(path))


@pytest.mark.parametrize("make", [make_fifo, make_folder])
def test_refuses_what_is_no_regular_file_and_does_not_wait(
    base: Path, make: Callable[[Path], None]
) -> None:
    make(base / "other")
    assert complaint(base / "other") == f"{base}/other: is no regular file"


def test_refuses_a_socket(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(base)  # the name of a socket is short
    make_socket(Path("s"))
    assert complaint(base / "s").startswith(f"{base}/s: can't be opened: ")


@pytest.mark.parametrize(
    "name", ["etc/missing", "missing/policy", "etc/policy/x", "etc/", "etc/policy/"]
)
def test_refuses_what_is_not_there(base: Path, name: str) -> None:
    with pytest.raises(GuardFailure) as caught:
        file.read(os.fsencode(base) + b"/" + name.encode())
    assert "can't be opened: " in caught.value.detail
    assert caught.value.detail.endswith("; create it, or name another with --policy")


@pytest.mark.parametrize("size", [256 * 1024 - 1, 256 * 1024])
def test_reads_up_to_256_kib(base: Path, size: int) -> None:
    (base / "etc/policy").write_bytes(b"#" * size)
    assert len(read(base / "etc/policy")) == size


def test_refuses_a_larger_file(base: Path) -> None:
    (base / "etc/policy").write_bytes(b"#" * (256 * 1024 + 1))
    assert complaint(base / "etc/policy").endswith(
        "has more than 262144 bytes; take out what is not needed"
    )


def test_leaves_no_descriptor_open(base: Path) -> None:
    before = os.listdir("/proc/self/fd")
    read(base / "etc/policy")
    (base / "etc/policy").chmod(0o666)
    complaint(base / "etc/policy")
    (base / "etc").chmod(0o777)
    complaint(base / "etc/policy")
    complaint(base / "missing")
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_shows_a_path_in_printable_text(base: Path) -> None:
    with pytest.raises(GuardFailure) as caught:
        file.read(os.fsencode(base) + b"/\xff")
    assert "/\\xff: " in caught.value.detail
