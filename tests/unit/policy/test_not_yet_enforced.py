"""What the language has and this version does not enforce is an error: nothing is pretended."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.policy.load import parse


def complaint(text: bytes) -> str:
    with pytest.raises(GuardFailure) as caught:
        parse(text, b"/policy")
    return caught.value.detail


@pytest.mark.parametrize(
    ("line", "shown", "advice"),
    [
        (b"Grants remote", "Grants", "take the line out"),
        (b"Rotate a b", "Rotate", "take the block out"),
        (b"Audit", "Audit", "take the block out"),
        (b"Audit x", "Audit", "take the block out"),
    ],
)
def test_refuses_a_line_of_a_block(line: bytes, shown: str, advice: str) -> None:
    assert complaint(b"Key web1\n" + line) == (
        f"/policy:2: {shown} is not yet enforced by this version; {advice}"
    )

