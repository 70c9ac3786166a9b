"""What `check` says of a line that lets the certificates of an authority in."""

from __future__ import annotations

import pytest

from . import scenes

LINE = (
    b'cert-authority,principals="bpc-web1-backup@web1",restrict,from="192.0.2.7",'
    b'command="/usr/sbin/bpc-ssh-guard web1-backup cert" ' + scenes.words(scenes.public_key(7))
)


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
