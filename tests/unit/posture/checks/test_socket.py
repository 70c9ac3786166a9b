"""Faults of the server socket, planted one at a time in the files of a sound server."""

from __future__ import annotations

import pytest

from tests.posture_tree import BACKUPPC, RUN, SOCKET

from .conftest import found, one, troubles

SRV = ("SRV-01", "SRV-02", "SRV-03", "SRV-05", "SRV-06")
GOOD = "q8Zr3uVx0LmT7yKc5NbW2eHjA9sDfG4p"


def failed(tree):
    """Return id and subject of what is proved wrong on TREE."""
    return {(each[0], each[3]) for each in troubles(tree) if each[1] == "fail"}


@pytest.mark.parametrize(("fault", "expected"), [
    ("$Conf{ServerPort} = 2359;", {("SRV-01", "ServerPort"), ("SRV-02", "ServerPort")}),
    (f"$Conf{{ServerPort}} = '2359x'; $Conf{{ServerMesgSecret}} = '{GOOD}';",
     {("SRV-02", "ServerPort")}),
    ("$Conf{ServerMesgSecret} = 'sesame';", {("SRV-03", "ServerMesgSecret")}),
    ("$Conf{ServerMesgSecret} = 'q8Zr3uVx0LmT7yKcq8Zr3uVx0LmT7yKc';",
     {("SRV-03", "ServerMesgSecret")}),
    ("$Conf{UmaskMode} = 007;", {("SRV-05", "UmaskMode")}),
    ("$Conf{UmaskMode} = '18';", {("SRV-05", "UmaskMode")}),  # 022, as the CGI saves it
])
def test_finds_the_setting_and_nothing_else_turns_red(sound, fault, expected):
    before = failed(sound)
    sound.configure(fault)
    assert failed(sound) - before == expected


@pytest.mark.parametrize(("name", "mode"), [(SOCKET, 0o770), (RUN, 0o775)])
def test_finds_a_socket_that_others_may_use_or_replace(sound, name, mode):
    before = failed(sound)
    sound.chmod(name, mode)
    assert failed(sound) - before == {("SRV-05", name)}


def test_a_closed_folder_keeps_others_from_an_open_socket(sound):
    sound.chmod(SOCKET, 0o702)
    assert "fail" not in {each.state.value for each in found(sound, "SRV-05")}
    sound.folder(RUN, 0o755, BACKUPPC)
    assert "fail" in {each.state.value for each in found(sound, "SRV-05")}


def test_stock_has_no_fault_of_the_socket(stock):
    assert {each.state.value for each in found(stock, *SRV)} <= {"pass", "n-a"}


def test_never_shows_the_secret(stock):
    stock.configure("$Conf{ServerMesgSecret} = 'sesame-sesame';")
    assert not any("sesame" in repr(each) for each in found(stock))


def test_says_nothing_of_a_server_that_was_not_asked(stock):
    assert one(stock, "SRV-04").state.value == "unknown"


def test_says_so_where_no_server_answers(stock):
    assert {each.state.value for each in found(stock, "SRV-04", live=True)} == {"unknown"}


OPEN = f"$Conf{{ServerPort}} = 2359; $Conf{{ServerMesgSecret}} = '{GOOD}';"
DROP_IN = "/etc/systemd/system/backuppc.service.d/files.conf"


def limits(tree):
    return {(each.state.value, each.subject) for each in found(tree, "SRV-06")}


def test_warns_of_few_descriptors_where_strangers_can_use_them_up(sound):
    sound.configure(OPEN)
    assert limits(sound) == {("warn", "LimitNOFILE"), ("unknown", "ServerPort")}
    sound.write(DROP_IN, "[Service]\nLimitNOFILE=65536\n")
    assert limits(sound) == {("pass", "LimitNOFILE"), ("unknown", "ServerPort")}


def test_needs_no_descriptors_to_spare_without_a_port(sound):
    assert limits(sound) == {("pass", "LimitNOFILE")}
