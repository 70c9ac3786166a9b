"""The committed tables are what the grammars compile to, in every run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bpc_ssh_guard.grammar import compile as grammar_compile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
PRINT_ALL = (
    "from bpc_ssh_guard.grammar.compile import GRAMMARS, compile_grammar\n"
    "print(*(compile_grammar(name) for name in GRAMMARS), sep='')"
)


def committed(name: str) -> str:
    with open(grammar_compile.path_of(name), encoding="ascii") as file:
        return file.read()


@pytest.mark.parametrize("name", grammar_compile.GRAMMARS)
def test_committed_table_is_what_its_grammar_compiles_to(name: str) -> None:
    assert grammar_compile.compile_grammar(name) == committed(name)


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_text_of_the_tables_does_not_depend_on_the_process(hash_seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINT_ALL],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=REPOSITORY, stdout=subprocess.PIPE, check=True, timeout=120,
    )  # fmt: skip
    expected = "".join(committed(name) for name in grammar_compile.GRAMMARS)
    assert done.stdout.decode("ascii").rstrip("\n") == expected.rstrip("\n")


def test_every_grammar_file_has_a_table() -> None:
    folder = os.path.dirname(grammar_compile.path_of("words"))
    tables = {name[:-3] for name in os.listdir(folder) if name.endswith(".py")} - {"__init__"}
    sources = {name[:-5] for name in os.listdir(grammar_compile.HERE) if name.endswith(".lark")}
    assert tables == sources == set(grammar_compile.GRAMMARS)


@pytest.mark.parametrize("name", grammar_compile.GRAMMARS)
def test_grammar_is_accepted_by_lark_in_strict_mode(name: str) -> None:
    assert grammar_compile.load(name).options.strict


@pytest.mark.parametrize("name", grammar_compile.GRAMMARS)
def test_grammar_neither_ignores_nor_looks_around(name: str) -> None:
    with open(os.path.join(grammar_compile.HERE, name + ".lark"), encoding="ascii") as file:
        rules = [line.partition("//")[0] for line in file]
    text = "".join(rules)
    assert "%ignore" not in text
    assert "(?" not in text
