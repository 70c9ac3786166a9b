"""No private key, the authority's least of all, leaves its file while it signs and is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.host import CHECKOUT
from tests.lab.keyserver.secrets import PRIVATE, secrets_of
from tests.lab.process import run

from .site import Site, open_certified_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

RUNS = (("lines",), ("issue",), ("renew",), ("prove",), ("prove", "--json"), ("rotate",),
        ("rotate", "--json"))


def private_files(site: Site) -> list[Path]:
    folders = (site.authorities.folder, site.server.config.var)
    return [path for folder in folders for path in folder.rglob("*")
            if path.is_file() and path.read_bytes().startswith(PRIVATE)]


def test_no_private_key_is_in_output_arguments_or_any_other_file(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-s", "65536", "-e", "trace=execve", "-o", str(trace)]
    (tmp_path / "site").mkdir()
    with open_certified_site(tmp_path / "site", "web1") as site:
        signer = site.authorities.current().pair.path
        kept, seen = set[bytes](), b""
        for words in RUNS:
            kept.update(each for path in private_files(site) for each in secrets_of(path))
            done = run([*strace, *site.server.argv("ca", *words)], cwd=CHECKOUT)
            assert done.returncode == 0, done
            seen += done.stdout + done.stderr + trace.read_bytes()
        kept.update(each for path in private_files(site) for each in secrets_of(path))
        assert not signer.exists()  # it was replaced, and what it was is among the kept
        for folder in (site.authorities.folder, tmp_path / "site"):
            for path in folder.rglob("*"):
                if path.is_file() and not path.read_bytes().startswith(PRIVATE):
                    seen += path.read_bytes()
    assert len(kept) > 30
    assert b"execve" in seen
    assert b"ssh-ed25519-cert-v01" in seen
    assert [each for each in kept if each in seen] == []
