"""The numbers and filters that are committed are those of the table of system calls."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.confine import compile as build
from bpc_ssh_guard.confine import syscalls, tables


def test_committed_tables_are_fresh() -> None:
    with open(tables.__file__, encoding="ascii") as file:
        assert file.read() == build.tables(), "run python -m bpc_ssh_guard.confine.compile"


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_no_two_calls_of_a_machine_have_one_number(machine: str) -> None:
    numbers = [each for each in syscalls.numbers(machine).values() if each is not None]

    assert len(set(numbers)) == len(numbers)


def test_calls_from_424_on_have_one_number_everywhere() -> None:
    first, second = (syscalls.numbers(machine) for machine in syscalls.MACHINES)

    late = {name: number for name, number in first.items() if number and number >= 424}
    assert late
    assert all(second[name] == number for name, number in late.items())


def test_machine_that_is_not_in_the_table_has_no_numbers() -> None:
    assert syscalls.numbers("sparc64") == {}
