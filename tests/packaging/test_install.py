"""`guardctl install`: what it writes, where, with which modes, and what it refuses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.closed import Open, require_closed
from bpc_ssh_guard.guardctl.install import InstallError, install, next_steps, uninstall

from .client import (
    INSTALL_FROM,
    PYTHON,
    Client,
    contents,
    copy_of_package,
    greeting,
    guard_of,
    guardctl_of,
    listing,
    other_account,
    run,
    trees_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGED = "/opt/packaged"  # with a destination folder only


@pytest.fixture(params=[0o000, 0o022, 0o077], ids="umask{:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_installed_guard_serves_its_key(installed: Path, client: Client) -> None:
    assert client.log_in([guard_of(installed)]) == greeting()


def test_installed_guardctl_answers(installed: Path) -> None:
    outcome = run([guardctl_of(installed), "--help"])
    assert (outcome.status, outcome.err) == (0, b"")
    assert outcome.out.startswith(b"usage: bpc-ssh-guardctl ")


def test_returns_the_paths_it_wrote(prefix: Path) -> None:
    written = install(str(prefix))
    on_disk = [path for path in prefix.rglob("*") if path.is_symlink() or path.is_file()]
    assert sorted(written) == sorted(map(str, on_disk))


def test_dry_run_names_the_same_paths_and_writes_nothing(prefix: Path) -> None:
    planned = install(str(prefix), dry_run=True)
    assert not prefix.exists()
    assert planned == install(str(prefix))


def test_gives_root_or_the_caller_all_files_whatever_the_umask(prefix: Path, umask: int) -> None:
    install(str(prefix))
    user, group = os.geteuid(), os.getegid()
    for path, entry in listing(prefix).items():
        if path.startswith("sbin/") or path.endswith(("sbin", "lib", "bpc-ssh-guard")):
            assert entry[0].endswith("rwxr-xr-x"), path
        assert entry[0] in ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"), path
        assert entry[1:] == (user, group), path
    executable = {path for path, entry in listing(prefix).items() if entry[0] == "-rwxr-xr-x"}
    assert executable == {"sbin/bpc-ssh-guard", "sbin/bpc-ssh-guardctl"}


def test_hands_on_no_group_of_a_set_group_id_folder(prefix: Path) -> None:
    prefix.mkdir()
    prefix.chmod(0o2755)
    install(str(prefix))
    assert not [path for path, entry in listing(prefix).items() if "s" in entry[0]]


def test_compiles_every_module_with_the_interpreter_that_runs_it(installed: Path) -> None:
    tag = run([PYTHON, "-IS", "-c", "import sys; print(sys.implementation.cache_tag)"])
    for source in trees_of(installed)[0].rglob("*.py"):
        pyc = source.parent / "__pycache__" / f"{source.stem}.{tag.out.decode().strip()}.pyc"
        assert pyc.is_file(), source


def test_destination_folder_leaves_no_trace_in_what_is_installed(tmp_path: Path) -> None:
    for name in ("one", "another"):
        install(PACKAGED, destdir=str(tmp_path / name))
    assert contents(tmp_path / "one") == contents(tmp_path / "another")
    assert not [path for path, content in contents(tmp_path / "one").items()
                if str(tmp_path).encode() in content]


def test_package_unpacked_from_its_destination_folder_runs(tmp_path: Path, client: Client) -> None:
    prefix = tmp_path / "unpacked/usr"
    install(str(prefix), destdir=str(tmp_path / "stage"))
    os.rename(f"{tmp_path}/stage{tmp_path}/unpacked", tmp_path / "unpacked")
    assert client.log_in([guard_of(prefix)]) == greeting()


def test_installed_guardctl_installs_the_same_again(installed: Path, tmp_path: Path) -> None:
    install(PACKAGED, destdir=str(tmp_path / "first"))
    done = run([PYTHON, "-IS", "-c", INSTALL_FROM, trees_of(installed)[0], PACKAGED,
                tmp_path / "second"])
    assert (done.status, done.err) == (0, b"")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_keeps_the_modules_of_running_guards_until_the_installation_after_the_next(
    prefix: Path,
) -> None:
    install(str(prefix))
    (first,) = trees_of(prefix)
    install(str(prefix))
    assert first in trees_of(prefix)
    install(str(prefix))
    assert first not in trees_of(prefix)
    assert len(trees_of(prefix)) == 2


def test_package_link_follows_the_installation(prefix: Path) -> None:
    for _ in range(2):
        install(str(prefix))
        link = prefix / "lib/bpc-ssh-guard/bpc_ssh_guard"
        assert link.resolve() == trees_of(prefix)[-1] / "bpc_ssh_guard"


def test_restores_an_installation_that_was_damaged(prefix: Path, client: Client) -> None:
    install(str(prefix))
    for path in trees_of(prefix)[0].rglob("*.py*"):
        path.unlink()
    install(str(prefix))
    assert client.log_in([guard_of(prefix)]) == greeting()


def test_leaves_what_works_in_place_when_the_new_modules_do_not_load(
    prefix: Path, client: Client, tmp_path: Path
) -> None:
    install(str(prefix))
    before = contents(prefix)
    broken = copy_of_package(tmp_path / "broken")
    (broken / "bpc_ssh_guard/policy/load.py").write_text("import a_module_that_does_not_exist\n")
    done = run([PYTHON, "-IS", "-c", INSTALL_FROM, broken, prefix, ""])
    assert b"a_module_that_does_not_exist" in done.err
    assert contents(prefix) == before
    assert client.log_in([guard_of(prefix)]) == greeting()


def test_uninstall_leaves_nothing_of_its_own(prefix: Path) -> None:
    install(str(prefix))
    written = install(str(prefix))
    removed = uninstall(str(prefix))
    assert sorted(listing(prefix)) == ["lib", "sbin"]
    assert all(any(path.startswith(name) for name in removed) for path in written)


def test_uninstall_leaves_what_others_put_there(prefix: Path) -> None:
    install(str(prefix))
    (prefix / "lib/bpc-ssh-guard/notes").write_text("the admin's\n")
    (prefix / "sbin/other").write_text("somebody's\n")
    uninstall(str(prefix))
    assert sorted(contents(prefix)) == ["lib/bpc-ssh-guard/notes", "sbin/other"]


def test_uninstall_dry_run_removes_nothing(prefix: Path) -> None:
    install(str(prefix))
    before = listing(prefix)
    planned = uninstall(str(prefix), dry_run=True)
    assert listing(prefix) == before
    assert planned == uninstall(str(prefix))


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o2775], ids="{:04o}".format)
@pytest.mark.parametrize("where", [".", "lib", "sbin", "lib/bpc-ssh-guard"])
def test_refuses_a_folder_that_others_may_write(prefix: Path, where: str, mode: int) -> None:
    (prefix / where).mkdir(parents=True)
    (prefix / where).chmod(mode)
    with pytest.raises(InstallError, match=r"writable by others .* chmod go-w"):
        install(str(prefix))
    assert not list(prefix.rglob("*.py"))


def test_refuses_a_writable_folder_above_the_prefix(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(InstallError, match=rf"^{tmp_path}/open: writable by others"):
        install(str(tmp_path / "open/usr"))


def test_accepts_a_sticky_folder_above_the_prefix(tmp_path: Path) -> None:
    (tmp_path / "sticky").mkdir()
    (tmp_path / "sticky").chmod(0o1777)
    assert install(str(tmp_path / "sticky/usr"), dry_run=True)


def test_refuses_a_sticky_folder_for_the_launchers(prefix: Path) -> None:
    (prefix / "sbin").mkdir(parents=True)
    (prefix / "sbin").chmod(0o1777)
    with pytest.raises(InstallError, match="sbin: writable by others"):
        install(str(prefix))


def test_refuses_a_link_through_a_folder_that_others_may_write(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    (tmp_path / "open/way").symlink_to(tmp_path / "closed")
    (tmp_path / "usr").symlink_to("open/way")
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(InstallError, match=rf"^{tmp_path}/open: writable by others"):
        install(str(tmp_path / "usr"))


def test_refuses_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "usr").symlink_to("usr")
    with pytest.raises(InstallError, match="too many symbolic links"):
        install(str(tmp_path / "usr"))


def test_refuses_a_folder_of_another_account(tmp_path: Path) -> None:
    with pytest.raises(Open, match=r"^/: owned by uid 0.*chown root"):
        require_closed(str(tmp_path), frozenset({other_account()}))


@pytest.mark.parametrize("prefix", ["", "usr", "./usr", "/usr/../tmp", "/a b", "/a'b", "/ü",
                                    "/usr//local", "/a\nb", "/a\udcff"], ids=ascii)
def test_refuses_a_prefix_that_is_no_plain_absolute_path(prefix: str) -> None:
    with pytest.raises(InstallError, match="not an absolute path of plain characters"):
        install(prefix, dry_run=True)


def test_refuses_an_interpreter_that_is_too_old(prefix: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3.8"
    old.write_text("#!/bin/sh\necho False cpython-38\n")
    old.chmod(0o755)
    with pytest.raises(InstallError, match=r"Python 3\.9 or later is needed"):
        install(str(prefix), interpreter=str(old))


def test_refuses_an_interpreter_that_others_may_write(prefix: Path, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n")
    python.chmod(0o777)
    with pytest.raises(InstallError, match="python3: writable by others"):
        install(str(prefix), interpreter=str(python))


def test_names_an_interpreter_that_is_missing(prefix: Path) -> None:
    with pytest.raises(InstallError, match=r"^/nonexistent/python3: No such file or directory$"):
        install(str(prefix), interpreter="/nonexistent/python3")


def test_refuses_an_interpreter_longer_than_a_first_line(prefix: Path) -> None:
    with pytest.raises(InstallError, match="too long for the first line"):
        install(str(prefix), interpreter="/" + "p" * 127)


def test_next_steps_name_the_installed_program(prefix: Path) -> None:
    steps = next_steps(f"{prefix}/")
    for word in ("policy", f"{prefix}/sbin/bpc-ssh-guardctl authorize", "bpc-ssh-guardctl check"):
        assert word in steps
