"""What a client's own programs answer to an enrolment, told on without what is secret in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bpc_ssh_guard.keys.enroll.login import Said
from bpc_ssh_guard.keys.enroll.machine import Machine
from bpc_ssh_guard.keys.trouble import Trouble, Word

FIRST = "5e" * 32  # the first key of a log
BEGUN = json.dumps({"chain": "c1", "key": FIRST}).encode("ascii")


class Answering:
    """A login to a client that answers each command with SAID."""

    def __init__(self, said: Said) -> None:
        self.said = said

    def run(self, command: str, stdin: bytes = b"") -> Said:
        return self.said


def machine(said: Said) -> Machine:
    login: Any = Answering(said)
    return Machine(login, "root")


def test_the_first_key_of_a_log_is_handed_over() -> None:
    assert machine(Said(0, BEGUN, b"")).begin_log() == ("c1", FIRST)


@pytest.mark.parametrize("said", [
    Said(1, BEGUN, b""), Said(1, BEGUN, b"no space left on the device"), Said(0, BEGUN[:-2], b""),
    Said(0, BEGUN.replace(b"5e5e", b"5E5E"), b""), Said(0, b"[" + BEGUN + b"]", b""),
])
def test_a_log_that_was_not_begun_well_is_told_without_its_key(said: Said) -> None:
    with pytest.raises(Trouble) as caught:
        machine(said).begin_log()
    assert caught.value.word in (Word.REFUSED, Word.NO_ANSWER)
    assert FIRST[:16] not in str(caught.value).lower()
    assert caught.value.__cause__ is None
