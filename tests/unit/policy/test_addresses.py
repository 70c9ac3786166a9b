"""Addresses of From: single ones and networks, written in one way, compared by their bits."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.policy.addresses import admits, network


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"), ("192.0.2.0/24", "192.0.2.255"), ("0.0.0.0/0", "203.0.113.9"),
        ("192.0.2.6/31", "192.0.2.7"), ("192.0.2.7/32", "192.0.2.7"), ("10.0.0.0/8", "10.255.0.1"),
        ("2001:db8::7", "2001:db8:0:0::7"), ("2001:db8::/32", "2001:db8:ffff::1"), ("::/0", "::1"),
        ("2001:DB8::7", "2001:db8::7"), ("192.0.2.7", "::ffff:192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"), ("fe80::/10", "fe80::1"),
    ],
)  # fmt: skip
def test_admits_an_address(text: str, address: str) -> None:
    assert address in network(text)
    assert admits([network(text)], address)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.8"), ("192.0.2.0/24", "192.0.3.0"), ("192.0.2.6/31", "192.0.2.8"),
        ("0.0.0.0/0", "2001:db8::1"), ("::/0", "192.0.2.7"), ("2001:db8::/32", "2001:db9::"),
        ("2001:db8::7", "2001:db8::8"), ("::/0", "::ffff:192.0.2.7"), ("127.0.0.1", "::1"),
    ],
)  # fmt: skip
def test_refuses_an_address(text: str, address: str) -> None:
    assert not admits([network(text)], address)


@pytest.mark.parametrize(
    "peer", [None, "", "UNKNOWN", "host", "192.0.2", "192.0.2.7 ", "1.2.3.4.5"]
)
def test_refuses_a_peer_that_is_not_known(peer: str | None) -> None:
    assert not admits([network("0.0.0.0/0"), network("::/0")], peer)


def test_admits_what_any_of_several_admits() -> None:
    networks = [network("192.0.2.7"), network("2001:db8::/32")]
    assert admits(networks, "192.0.2.7")
    assert admits(networks, "2001:db8::1")
    assert not admits(networks, "192.0.2.8")
    assert not admits([], "192.0.2.7")


@pytest.mark.parametrize(
    "text",
    [
        "", "host", "host.example", "192.0.2", "192.0.2.256", "192.0.2.7.1", "0xc0000207",
        "192.0.2.07x",
        "2001:db8", "2001:db8:::1", "[::1]", "fe80::1%eth0", "192.0.2.7:22", " 192.0.2.7", "*",
        "ALL",
        "192.0.2.*", "!192.0.2.7", "\\xff",
    ],
)  # fmt: skip
def test_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        network(text)


@pytest.mark.parametrize(
    "text",
    ["192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/", "192.0.2.0/x", "192.0.2.0/024", "192.0.2.0/+24",
     "192.0.2.0/ 24", "192.0.2.0/2_4", "2001:db8::/129", "192.0.2.0/255.255.255.0",
     "192.0.2.0/\u0662"],
)  # fmt: skip
def test_refuses_what_is_no_prefix_length(text: str) -> None:
    with pytest.raises(ValueError, match="has no prefix length between 0 and "):
        network(text)


@pytest.mark.parametrize("text", ["192.0.2.7/24", "2001:db8::1/32", "192.0.2.1/0"])
def test_refuses_bits_behind_the_prefix_length(text: str) -> None:
    with pytest.raises(ValueError, match="has bits set behind its prefix length"):
        network(text)


def test_keeps_the_text_that_was_written() -> None:
    assert network("2001:DB8::/32").text == "2001:DB8::/32"
