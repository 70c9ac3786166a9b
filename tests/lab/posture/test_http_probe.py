"""The page of a real BackupPC behind a real Apache, asked once without a login."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.posture.checks import BY_ID
from bpc_ssh_guard.posture.finding import State
from bpc_ssh_guard.posture.probe import http
from tests.posture_tree import ServerTree

from .httpd import LOGIN, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def closed(backuppc) -> Iterator[str]:
    """Return the address of the page as Debian's package closes it."""
    with serving(backuppc, LOGIN) as url:
        yield url


@pytest.fixture(scope="module")
def opened(backuppc) -> Iterator[str]:
    """Return the address of the page without its login."""
    with serving(backuppc, "    Require all granted") as url:
        yield url


def test_a_page_with_its_login_is_closed(closed: str) -> None:
    answer = http.ask(closed)
    assert (answer.verdict, answer.told) == (http.CLOSED, "401: it demands a login")


def test_a_page_without_its_login_is_open(opened: str) -> None:
    assert http.ask(opened).verdict == http.OPEN


def test_a_page_that_lets_nobody_in_is_closed(backuppc) -> None:
    with serving(backuppc, "    Require all denied") as url:
        answer = http.ask(url)
    assert (answer.verdict, answer.told[:3]) == (http.CLOSED, "403")


def test_a_redirection_on_the_same_host_is_followed_once(opened: str) -> None:
    assert http.ask(opened.replace("/backuppc/index.cgi", "/old")).verdict == http.OPEN


def test_another_host_is_never_asked(opened: str) -> None:
    answer = http.ask(opened.replace("/backuppc/index.cgi", "/elsewhere"))
    assert answer.verdict == http.UNTOLD
    assert "http://127.0.0.2/, which is another host" in answer.told


def test_a_page_that_is_not_backuppcs_proves_nothing(opened: str) -> None:
    assert http.ask(opened.replace("index.cgi", "none")).verdict == http.UNTOLD


def test_silence_proves_nothing() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    assert http.ask(f"http://127.0.0.1:{port}/").verdict == http.UNTOLD


@pytest.mark.parametrize(("address", "state"), [("opened", State.FAIL), ("closed", State.PASS)])
def test_the_check_asks_the_address_of_the_settings(
    address: str, state: State, request: pytest.FixtureRequest, tmp_path
) -> None:
    tree = ServerTree.hardened(tmp_path)
    tree.configure(f"$Conf{{CgiURL}} = '{request.getfixturevalue(address)}';")
    findings = list(BY_ID["CGI-03"]().judge(tree.site(live=True)))
    assert [each.state for each in findings] == [state]
