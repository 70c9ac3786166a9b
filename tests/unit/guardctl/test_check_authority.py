"""What `check` says of a line that lets the certificates of an authority in."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.authorized_keys import key_id
from bpc_ssh_guard.authorized_keys.authority import AuthorityLine

from . import scenes

AUTHORITY = scenes.public_key(7)


def composed(label: bytes = b"web1-backup") -> bytes:
    return AuthorityLine(b"/usr/sbin/bpc-ssh-guard", label, b"web1", AUTHORITY.blob, 1,
                         (b"192.0.2.7",)).compose()


LINE = composed()


def complaints(checked, line: bytes) -> list[str]:
    checked.write_keys(*checked.good, line)
    return [each for each in checked.complaints() if each.startswith("error")]


def test_a_line_as_it_is_composed_is_no_error(checked):
    assert complaints(checked, LINE) == []


@pytest.mark.parametrize(
    ("option", "name"),
    [(b"cert-authority,", "cert-authority"), (b'principals="bpc-web1-backup@web1",', "principals"),
     (b"restrict,", "restrict")],
)
def test_an_option_that_is_missing_is_an_error(checked, option, name):
    assert option in LINE
    (found,) = complaints(checked, LINE.replace(option, b""))
    assert f"{name} is missing" in found


def test_two_labels_may_have_one_authority(checked) -> None:
    checked.write_keys(*checked.good, LINE, composed(b"web1-restore"))
    assert checked.complaints() == []


def test_a_line_that_names_another_authority_is_an_error(checked) -> None:
    other = key_id(scenes.public_key(8).blob)
    own = key_id(AUTHORITY.blob)
    (found,) = complaints(checked, LINE.replace(b"cert-" + own, b"cert-" + other))
    assert f"cert-{other.decode()} is not the authority of the line" in found


def test_a_line_for_another_host_than_the_policy_says_is_told(checked) -> None:
    with open(checked.policy_path, encoding="utf-8") as file:
        policy = file.read()
    head, label, rest = policy.partition("Key web1-backup\n")
    for name, said in (("web1", []), ("web2", ["its certificates name web1, not the host"])):
        with open(checked.policy_path, "w", encoding="utf-8") as file:
            file.write(f"{head}{label}    Certificates {name}\n{rest}")
        checked.write_keys(*checked.good, LINE)
        found = [each for each in checked.complaints() if "no Rotate" not in each]
        assert len(found) == len(said)
        assert all(words in each for words, each in zip(said, found))
