"""The configuration says what each host gets, or is refused with the place that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.duration import DAY
from bpc_ssh_guard.keys.config import ConfigError, load

if TYPE_CHECKING:
    from pathlib import Path

    from bpc_ssh_guard.keys.config import Config

FINGERPRINT = "SHA256:" + "k" * 43


def read(folder: Path, text: str) -> Config:
    path = folder / "config"
    path.write_text(text, encoding="utf-8")
    return load(str(path))


def test_a_host_needs_nothing_but_its_name(tmp_path: Path) -> None:
    host = read(tmp_path, "[host.web1]").hosts["web1"]
    assert (host.address, host.port, host.user, host.channel) == ("web1", 22, "root", "key")
    assert host.labels == {"backup": "web1-backup", "restore": "web1-restore"}
    assert host.rotation_label == "web1-rotate"
    assert host.rotation_key == "/var/lib/bpc-ssh-keys/rotation/web1"
    assert (host.max_age, host.warn_age, host.soak) == (90 * DAY, 75 * DAY, DAY)


def test_what_a_host_says_goes_before_the_defaults(tmp_path: Path) -> None:
    hosts = read(tmp_path, f"""
        [paths]
        etc = "/srv/etc"
        var = "/srv/var"
        reader = ""
        backuppc = "/srv/pc"
        [defaults]
        port = 2222
        max_age = "100d"
        from = "192.0.2.10"
        [host.web1]
        max_age = "80d"
        from = ["192.0.2.11", "2001:db8::/64"]
        labels = {{ restore = "r", backup = "b" }}
        rotation_key = "agent:{FINGERPRINT}"
        fingerprint = "{FINGERPRINT}"
        channel = "certificate"
        [host."db.example.org"]
        labels = {{ backup = "db" }}
        rotation_label = "db-rotate"
    """)
    web, db = hosts.hosts["web1"], hosts.hosts["db.example.org"]
    assert (web.port, web.max_age, web.source) == (2222, 80 * DAY, ("192.0.2.11", "2001:db8::/64"))
    assert (db.port, db.max_age, db.source) == (2222, 100 * DAY, ("192.0.2.10",))
    assert list(web.labels) == ["backup", "restore"]
    assert web.purpose_of("r") == "restore"
    assert (web.rotation_key, web.channel) == (f"agent:{FINGERPRINT}", "certificate")
    assert str(hosts.pairs("web1", "b")) == "/srv/var/keys/web1/b"
    assert str(hosts.database) == "/srv/var/state.db"


REFUSED = {
    "a word that nobody knows": ("[host.web1]\nadress = '192.0.2.1'", "unknown word 'adress'"),
    "a table that nobody knows": ("[hosts.web1]", "unknown word 'hosts'"),
    "no TOML": ("[host\nx = 1", "line 1"),
    "a port of text": ("[host.web1]\nport = '22'", "port takes a number from 1 to 65535"),
    "a port that is true": ("[host.web1]\nport = true", "port takes a number"),
    "a host name that is a path": ("[host.'../etc']", "no host name"),
    "a host name that is an option": ("[host.'-oProxyCommand']", "no host name"),
    "an address that is an option": ("[host.a]\naddress = '-oX'", "no address"),
    "a user of two words": ("[host.a]\nuser = 'root x'", "no account"),
    "a label that is a path": ("[host.a]\nlabels = { backup = '../x' }", "no label"),
    "a purpose that nobody knows": ("[host.a]\nlabels = { audit = 'x' }", "labels takes"),
    "one label for two purposes": (
        "[host.a]\nlabels = { backup = 'x', restore = 'x' }", "two purposes have one label"),
    "a host whose name makes no label": ("[host.Web1]", "no label"),
    "an age without a unit": ("[host.a]\nmax_age = '90'", "no duration"),
    "a warning after the end": ("[host.a]\nmax_age = '3d'\nwarn_age = '4d'", "longer than max_age"),
    "a network that is none": ("[host.a]\nfrom = '192.0.2.0/33'", "192.0.2.0/33"),
    "a relative folder": ("[paths]\nvar = 'keys'", "no absolute path"),
    "a path with a line feed": ('[paths]\nvar = "/a\\nb"', "takes a string"),
    "a key in no agent": ("[host.a]\nrotation_key = 'agent:abc'", "no fingerprint"),
    "certificates from anywhere, unsaid": (
        "[host.a]\nchannel = 'certificate'", "[host.a]: channel = \"certificate\" needs from"),
    "another channel": ("[host.a]\nchannel = 'admin'", "key or certificate"),
    "a fingerprint of MD5": ("[host.a]\nfingerprint = 'MD5:00'", "no fingerprint"),
    "a table that is none": ("host = 3", "host is no table"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    text, told = REFUSED[name]
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/config: ")
    assert told in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than"):
        read(tmp_path, "#" * ((16 << 20) + 1))
