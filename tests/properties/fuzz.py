"""Run a fuzz target: `python -m tests.properties.fuzz TARGET [options of libFuzzer]`.

The guard's tables are data and not code, so coverage alone says little about how far an input got:
the mutator therefore works on whole words, with the corpus and the options of the tools at hand.
"""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

TARGETS = ("words", "rsync", "tar", "secluded", "policy")


class Target(Protocol):
    """A module fuzz_*.py."""

    SEPARATOR: bytes
    TOKENS: Sequence[bytes]

    def seeds(self) -> Iterator[bytes]: ...
    def one_input(self, data: bytes) -> None: ...


def load(name: str) -> Target:
    """Return the target NAME."""
    return importlib.import_module(f"tests.properties.fuzz_{name}")


class Mutator:
    """Changes inputs of TARGET by words: put in, drop, double, swap, splice; or by bytes."""

    def __init__(self, target: Target) -> None:
        self.separator = target.SEPARATOR
        self.tokens = tuple(target.TOKENS)
        self.seeds = tuple(sorted(set(target.seeds())))

    def change(self, data: bytes, rng: random.Random) -> bytes:
        """Return DATA after a few changes, most often one: more make a legitimate input rare."""
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            data = self._once(data, rng)
        return data

    def _once(self, data: bytes, rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return _byte_changed(data, rng)
        parts = data.split(self.separator)
        place, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        kind = rng.randrange(6)
        if kind == 0:
            place = rng.choice((rng.randint(0, len(parts)), len(parts)))
            parts.insert(place, rng.choice(self.tokens))
        elif kind == 1:
            parts[place] = rng.choice(self.tokens)
        elif kind == 2:
            del parts[place]
        elif kind == 3:
            parts.insert(other, parts[place])
        elif kind == 4:
            parts[place], parts[other] = parts[other], parts[place]
        else:
            theirs = rng.choice(self.seeds).split(self.separator)
            parts = parts[:place] + theirs[rng.randrange(len(theirs)) :]
        return self.separator.join(parts)


def _byte_changed(data: bytes, rng: random.Random) -> bytes:
    place = rng.randint(0, len(data))
    new = rng.choice((b"", bytes((rng.randrange(256),)), bytes((rng.randrange(0x20, 0x7F),))))
    return data[:place] + new + data[place + rng.randint(0, 1) :]


def run_briefly(name: str, count: int) -> None:
    """Try all seeds of the target NAME and COUNT inputs made from them, the same each time."""
    target = load(name)
    mutator = Mutator(target)
    rng = random.Random(name)
    for seed in mutator.seeds:
        target.one_input(seed)
    pool = list(mutator.seeds)
    for _ in range(count):
        data = mutator.change(rng.choice(pool), rng)[:4096]
        target.one_input(data)
        pool[rng.randrange(len(pool))] = data if rng.random() < 0.5 else rng.choice(mutator.seeds)


def _custom_mutator(
    mutator: Mutator, mutate: Callable[[bytes, int], bytes]
) -> Callable[[bytes, int, int], bytes]:
    def custom(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        changed = mutate(data, max_size) if rng.random() < 0.2 else mutator.change(data, rng)
        return changed[:max_size]

    return custom


def main(argv: Sequence[str]) -> None:
    """Fuzz argv[0] with coverage until libFuzzer's own options, the rest of ARGV, end it.

    A folder among them holds the inputs to begin with, and gets the seeds.
    """
    import atheris  # type: ignore[import-untyped]  # it has no stubs

    with atheris.instrument_imports(include=["bpc_ssh_guard"]):
        target = load(argv[0])
    mutator = Mutator(target)
    for folder in filter(os.path.isdir, argv[1:]):
        for number, seed in enumerate(mutator.seeds):
            with open(os.path.join(folder, f"seed-{number}"), "wb") as file:
                file.write(seed)
    atheris.Setup(
        [sys.argv[0], *argv[1:]],
        target.one_input,
        # Looked up when it is called: Setup puts another one in its place.
        custom_mutator=_custom_mutator(mutator, lambda *given: atheris.Mutate(*given)),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
