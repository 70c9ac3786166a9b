"""The examination: each key's own confinement entered by a child, and every canary judged.

The confinement is made as the guard makes it, of the same policy. Nothing in a backup root is
changed; in a restore root one file appears under a name of its own and vanishes.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Optional, Union

from ...confine.places import real_paths
from ...confine.profile import Prepared, prepare
from ...errors import GuardFailure
from ...policy.model import Confine
from ...profiles import profile_of
from ...vocabulary import Operation, Reason
from ..explain import printable
from .canaries import Canary, Scene, canaries
from .child import ask
from .diagnosis import Diagnosis, Verdict
from .outside import outside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ...confine.abilities import Abilities
    from ...policy.model import Block, Policy

    # Makes a diagnosis of canary, words, expected, got, verdict and what it lacks.
    Diagnose = Callable[..., Diagnosis]

_OPERATIONS: Final = (Operation.BACKUP, Operation.RESTORE)
_SUCCEEDS: Final = "succeeds"
_NOT_TRIED: Final = "not tried"
_NOWHERE: Final = "a place outside the roots"
_CLOSER: Final = "Confine strict"


def examine(
    policy: Policy, label: Optional[str] = None, abilities: Optional[Abilities] = None
) -> list[Diagnosis]:
    """Return what the kernel does to each key of POLICY that backs up or restores, or to LABEL.

    ABILITIES stand for what the kernel has been found able to do; by default it is asked. Raises
    GuardFailure(bad-policy) for an unknown LABEL.
    """
    wanted = list(policy.blocks.values())
    if label is not None:
        wanted = [block for block in wanted if block.label == os.fsencode(label)]
        if not wanted:
            shown = printable(os.fsencode(label))
            raise GuardFailure(Reason.BAD_POLICY, f"the policy has no Key {shown}")
    return [
        diagnosis
        for block in wanted
        if block.operation in _OPERATIONS
        for diagnosis in _examine(policy, block, abilities)
    ]


def _examine(
    policy: Policy, block: Block, abilities: Optional[Abilities]
) -> Iterator[Diagnosis]:
    diagnose = partial(Diagnosis, block.label.decode("ascii"), block.operation)
    prepared = None
    if policy.confine != Confine.OFF:
        try:
            prepared = prepare(
                profile_of(policy, block, policy.executable(block.tools[0])), abilities
            )
        except (GuardFailure, OSError) as error:
            why = error.detail if isinstance(error, GuardFailure) else str(error)
            yield _entry(diagnose, why, Verdict.FAILED)
            return
    with _scene(block, prepared) as scene:
        everything = list(canaries(scene))
        if prepared is None:
            yield _entry(diagnose, "none", Verdict.OPEN, _CLOSER)
            yield from (_unconfined(diagnose, each) for each in everything)
        else:
            yield from _try(diagnose, everything, prepared)


@contextmanager
def _scene(block: Block, prepared: Optional[Prepared]) -> Iterator[Scene]:
    real = tuple(real_paths(block.roots))
    masked = prepared.masked if prepared else block.never
    in_jail = prepared is not None and "jail" in layers_of(prepared.effective)
    with outside(real) as place:
        yield Scene(block.operation, block.roots, real, masked, in_jail, place)


def _try(
    diagnose: Diagnose, everything: list[Canary], prepared: Prepared
) -> Iterator[Diagnosis]:
    layers = layers_of(prepared.effective)
    tried = [each for each in everything if each.harmless or _holds(each, layers)]
    try:
        answers = ask(prepared.enter, [each.attempt for each in tried])
    finally:
        for each in tried:
            each.undo()
    if answers.refusal:
        yield _entry(diagnose, answers.refusal, Verdict.FAILED)
        return
    yield _entry(diagnose, prepared.effective, Verdict.PASSED)
    told = dict(zip((each.words for each in tried), answers.errors))
    for each in everything:
        code = told.get(each.words)
        why = answers.end if each.words in told else _NOT_TRIED
        yield judge(diagnose, each, layers, why if code is None else code)


def judge(
    diagnose: Diagnose, canary: Canary, layers: Mapping[str, int], answer: Union[int, str]
) -> Diagnosis:
    """Return what ANSWER to CANARY means where LAYERS are in force.

    It is the attempt's error, 0 for none, or says in words why there is none.
    """
    got = answer if isinstance(answer, str) else _name(answer)
    expected = _or([_name(code) for code in canary.errors or (0,)])
    verdict, lacks = Verdict.FAILED, ""
    if canary.errors and not _holds(canary, layers):
        verdict, lacks = Verdict.OPEN, _or(canary.layers) or _NOWHERE
    elif answer in (canary.errors or (0,)):
        verdict = Verdict.PASSED
    elif canary.errors and isinstance(answer, int) and answer != 0:
        verdict = Verdict.ODD
    return diagnose(canary.name, canary.words, expected, got, verdict, lacks)


def _unconfined(diagnose: Diagnose, canary: Canary) -> Diagnosis:
    expected = _or([_name(code) for code in canary.errors or (0,)])
    return diagnose(canary.name, canary.words, expected, _NOT_TRIED, Verdict.OPEN, _CLOSER)


def _entry(diagnose: Diagnose, got: str, verdict: str, lacks: str = "") -> Diagnosis:
    return diagnose("confine", "enter the confinement", _SUCCEEDS, got, verdict, lacks)


def layers_of(effective: str) -> Mapping[str, int]:
    """Return the layers that a record names, with the version or number that it gives or 1."""
    pairs = (name.partition(":") for name in effective.split(","))
    return {name: int(number or 1) for name, _, number in pairs}


def _holds(canary: Canary, layers: Mapping[str, int]) -> bool:
    wanted = layers_of(",".join(canary.layers)) if canary.layers else {}
    return any(layers.get(name, 0) >= least for name, least in wanted.items())


def _name(code: int) -> str:
    if code == 0:
        return _SUCCEEDS
    return "empty" if code == errno.ENODATA else errno.errorcode.get(code, f"error {code}")


def _or(names: Sequence[str]) -> str:
    *first, last = names or ("",)
    return f"{', '.join(first)} or {last}" if first else last
