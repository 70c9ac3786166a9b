"""A Restore block says only what the guard holds to, and its roots give away no program."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.policy import load, system

BLOCK = "{settings}Key web1-restore\n    Restore {root}\n    {lines}\n"


def complaint(root: str = "/srv/restore", lines: str = "Window always", settings: str = "") -> str:
    """Return what is wrong with a policy of one Restore block, "" for nothing."""
    text = BLOCK.format(settings=settings, root=root, lines=lines)
    try:
        load.parse(text.encode(), b"/etc/bpc-ssh-guard/policy")
    except GuardFailure as failure:
        return failure.detail
    return ""


def test_loads_as_it_stands() -> None:
    assert complaint() == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Window never", 'policy:3: Window knows no "never"; it takes granted, always'),
        ("Window Always", 'policy:3: Window knows no "Always"; it takes granted, always'),
        ("Window", "policy:3: Window takes one argument, not 0"),
        ("Window always granted", "policy:3: Window takes one argument, not 2"),
    ],
)
def test_refuses_a_window_it_does_not_know(line: str, expected: str) -> None:
    assert complaint(lines=line).endswith(expected)


def test_refuses_munged_links_where_tar_would_not_munge_them() -> None:
    lines = "Window always\nMungeLinks yes"

    assert "policy:4: MungeLinks yes in a block for tar; " in complaint(lines=lines)
    assert complaint(lines=lines + "\nTools rsync") == ""


@pytest.mark.parametrize("keyword", ["Rsync", "Tar"])
def test_refuses_a_root_that_holds_a_program_it_starts(keyword: str) -> None:
    settings = f"{keyword} /opt/tools/bin/program\n"

    assert "would write over /opt/tools/bin/program" in complaint("/opt/tools", settings=settings)
    assert complaint("/opt/other", settings=settings) == ""


@pytest.mark.parametrize("root", ["/opt/g/sbin", "/opt/g", "/opt/g/lib/bpc-ssh-guard/1-0"])
def test_refuses_a_root_that_holds_the_installed_guard(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = b"/opt/g/lib/bpc-ssh-guard/0.1.0-1/bpc_ssh_guard"
    monkeypatch.setattr(system, "_PACKAGE", package)

    assert "would write over /opt/g" in complaint(root)
