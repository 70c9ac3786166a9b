"""The authority's line is replaced through the rotation key, resumable wherever it is killed."""

from __future__ import annotations

import shlex
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.certificates import rotation
from tests.docs.pages import RECOVERY, text
from tests.lab.host import CHECKOUT
from tests.lab.keyserver.world import FOREIGN
from tests.lab.process import run

from .site import LABEL, Site, open_certified_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_certified_site(tmp_path_factory.mktemp("authorities"), "web1") as site:
        yield site


@pytest.fixture
def certified(opened: Site) -> Site:
    """Return the site with one authority whose lines its client has, and certificates of it."""
    opened.write_policy()
    for _ in range(2):
        if rotation.under_way(opened.authorities):
            opened.allow(*opened.lines())
            run(opened.server.argv("ca", "rotate"), cwd=CHECKOUT)
    opened.ca("issue")
    opened.allow(FOREIGN[0], *opened.lines(), FOREIGN[1])
    return opened


def killed(certified: Site, point: str) -> None:
    """Rotate until the run kills itself at POINT of killed.py."""
    argv = [sys.executable, "-m", "tests.lab.certificates.killed", point, "ca", "--config",
            certified.server.path, "rotate"]
    done = run(argv, cwd=CHECKOUT)
    assert done.returncode == -signal.SIGKILL, (point, done.stdout, done.stderr)


def works(certified: Site) -> bool:
    return f"label={LABEL} ".encode() in certified.login(certified.in_use()).stdout


def others(certified: Site) -> list[str]:
    return [line for line in certified.client.lines() if ":cert-" not in line]


def mark(line: str) -> str:
    """Return the comment of LINE; its From is the client's to say."""
    return line.split(" ")[-1]


def require_over(certified: Site, old: bytes, number: int) -> None:
    """Hold that the client has one authority for each label, NUMBER, and OLD is turned away."""
    lines = [line for line in certified.client.lines() if ":cert-" in line]
    assert sorted(map(mark, lines)) == sorted(map(mark, certified.lines()))
    assert certified.authorities.current().generation == number
    assert len(certified.authorities.all()) == 1
    assert certified.login(old).stdout == b""
    assert works(certified)


def test_one_command_replaces_the_authority_on_the_client(certified: Site) -> None:
    old, before = certified.in_use(), others(certified)
    number = certified.authorities.current().generation
    certified.ca("rotate")
    require_over(certified, old, number + 1)
    assert others(certified) == before
    with certified.server.store() as store:
        events = [what for _, _, _, label, what in store.events() if label == LABEL]
        store.check()
    assert [what.split(" ")[-1] for what in events[-4:]] == [
        "staged", "confirmed", "use", "retired",
    ]  # fmt: skip


def test_a_rotation_killed_at_every_step_goes_on_where_it_was(certified: Site) -> None:
    old, before = certified.in_use(), others(certified)
    number = certified.authorities.current().generation
    new = f"g{number + 1}"
    for point in (f"note:authority {new}", f"note:authority {new} cert-",
                  f"note:authority {new} confirmed", f"note:certificate of {new}",
                  f"note:authority g{number} cert-", f"note:authority {new} signs"):
        killed(certified, point)
        assert works(certified), point
        assert others(certified) == before
    certified.ca("rotate")
    require_over(certified, old, number + 1)


def test_a_staged_authority_that_somebody_took_out_is_staged_again(certified: Site) -> None:
    old, number = certified.in_use(), certified.authorities.current().generation
    killed(certified, f"note:authority g{number + 1} confirmed")
    certified.client.sshd.authorize([line for line in certified.client.lines()
                                       if not line.endswith(":staged")
                                       and f":g{number + 1}" not in line])
    assert works(certified)
    certified.ca("rotate")
    require_over(certified, old, number + 1)


def test_a_policy_for_another_host_leaves_the_old_authority_in_use(certified: Site) -> None:
    path = f"{certified.client.folder}/policy"
    with open(path, encoding="ascii") as file:
        text = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace("Certificates web1", "Certificates web2"))
    old = certified.in_use()
    certified.ca("rotate", status=1)
    assert certified.in_use() == old
    assert works(certified)
    certified.write_policy()
    lines = [line for line in certified.client.lines() if not line.endswith(":staged")]
    certified.client.sshd.authorize(lines)
    certified.ca("rotate")
    assert works(certified)


def test_two_servers_get_a_conflict_and_each_keeps_what_works(
    certified: Site, tmp_path: Path
) -> None:
    """A second server with a copy of the authority makes a successor of its own."""
    old, number = certified.in_use(), certified.authorities.current().generation
    other = certified.copied(tmp_path)
    killed(certified, f"note:authority g{number + 1} confirmed")

    said = other.run("ca", "rotate", "--label", "backup", status=1)

    assert b"failed (conflict)" in said.stdout + said.stderr
    assert works(certified)
    certified.ca("rotate")
    require_over(certified, old, number + 1)


def test_a_stolen_authority_is_shut_out_at_once_and_replaced_as_the_page_says(
    certified: Site,
) -> None:
    """The page of recovery, for who can't wait: first the lines, then another authority."""
    thief, number = certified.signed(), certified.authorities.current().generation
    assert b"label=" in certified.login(thief).stdout
    (case,) = [each for each in text(RECOVERY).split("\n.Ss ")
               if each.startswith("The certificate authority is in wrong hands\n")]
    rotate, verify, lines = [shlex.split(line)[2:] for line in case.splitlines()
                             if line.startswith(".Dl ")]
    stolen = certified.server.run(*lines).stdout.decode("ascii").splitlines()

    certified.client.sshd.authorize([line for line in certified.client.lines()
                                     if line not in stolen])
    assert certified.login(thief).stdout == b""
    certified.server.run(*rotate)

    require_over(certified, thief, number + 1)
    certified.server.run(*verify)


def test_a_stolen_key_is_made_anew_and_ends_with_its_certificate_or_the_authority(
    certified: Site, tmp_path: Path
) -> None:
    server, stolen, old = certified.server, certified.in_use(), certified.server.current(LABEL)
    server.pairs(LABEL).folder.rename(tmp_path / "moved")
    kept = replace(old, path=tmp_path / "moved" / old.path.name)

    certified.ca("issue", "--host", "web1")

    assert server.current(LABEL).key_id != old.key_id
    assert works(certified)
    assert certified.login(stolen, pair=kept).stdout  # it is nowhere said to be stolen
    certified.ca("rotate")
    assert certified.login(stolen, pair=kept).stdout == b""
    assert works(certified)
