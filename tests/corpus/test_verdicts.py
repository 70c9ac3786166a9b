"""Every entry of the corpus gets its verdict from the grammar and the decision."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.command import words
from tests.oracles import corpus
from tests.oracles.answers import Answer, answer, policy_of
from tests.oracles.corpus import Entry

FILES = pytest.mark.parametrize("origin", [corpus.BACKUPPC, corpus.ATTACKS])
PROTOCOL = b"\x1f\0\0\0 bytes for the program \0\0"


def answers(entry: Entry, stdin: bytes, piece: int | None = None) -> dict[str, Answer]:
    """Return the answer to ENTRY, with STDIN in place of its own, under each of its keys."""
    policy = policy_of(corpus.policy_text(entry))
    command = entry.command or b""
    return {label: answer(command, stdin, policy, label, piece) for label in entry.labels}


def verdict(entry: Entry, piece: int | None = None) -> str:
    """Return "allow" when any key of ENTRY may run it."""
    found = {each.verdict for each in answers(entry, entry.stdin, piece).values()}
    return "allow" if "allow" in found else "refuse"


def wrong(origin: str, expected: str, piece: int | None = None) -> list[str]:
    """Return the ids of the entries of ORIGIN that should be EXPECTED and are not."""
    return [
        entry.id
        for entry in corpus.entries(origin)
        if entry.expect == expected and verdict(entry, piece) != expected
    ]


def test_corpus_is_whole() -> None:
    counts = {
        origin: [
            sum(entry.expect == expect for entry in corpus.entries(origin))
            for expect in ("allow", "refuse", "confine")
        ]
        for origin in (corpus.BACKUPPC, corpus.ATTACKS)
    }
    assert counts == {corpus.BACKUPPC: [158, 52, 0], corpus.ATTACKS: [52, 420, 40]}
    assert len({entry.id for entry in corpus.all_entries()}) == 722


@FILES
@pytest.mark.parametrize("piece", [None, 1])
def test_no_false_refusal(origin: str, piece: int | None) -> None:
    assert wrong(origin, "allow", piece) == []


@FILES
@pytest.mark.parametrize("piece", [None, 1])
def test_no_false_permission(origin: str, piece: int | None) -> None:
    assert wrong(origin, "refuse", piece) == []


@FILES
def test_confine_entries_get_an_answer(origin: str) -> None:
    for entry in corpus.entries(origin):
        if entry.expect == "confine":
            assert verdict(entry) in ("allow", "refuse")


@FILES
def test_stdin_in_pieces_changes_no_answer(origin: str) -> None:
    for entry in corpus.entries(origin):
        whole = answers(entry, entry.stdin)
        for label, bytewise in answers(entry, entry.stdin, 1).items():
            one, other = bytewise.plan, whole[label].plan
            assert (one is None) == (other is None)
            if one is not None and other is not None:
                assert one.argv == other.argv
                assert bytewise.rest == whole[label].rest


@FILES
@pytest.mark.parametrize("piece", [None, 1, 3])
def test_bytes_behind_the_list_are_left_to_the_program(origin: str, piece: int | None) -> None:
    for entry in corpus.entries(origin):
        for each in answers(entry, entry.stdin + PROTOCOL, piece).values():
            if each.plan is None or each.command is None:
                continue
            secluded = each.command.secluded or b""
            assert entry.stdin.startswith(secluded)
            assert secluded + each.rest == entry.stdin + PROTOCOL


@FILES
def test_commands_without_a_list_leave_standard_input_alone(origin: str) -> None:
    for entry in corpus.entries(origin):
        for each in answers(entry, PROTOCOL).values():
            if each.command is not None and each.command.secluded is None:
                assert each.rest == PROTOCOL


def test_words_are_those_that_dash_makes() -> None:
    compared = 0
    for entry in corpus.entries(corpus.ATTACKS):
        if entry.sh_argv is None or entry.command is None or verdict(entry) != "allow":
            continue
        assert words.split(entry.command).items[1:] == entry.sh_argv[1:], entry.id
        compared += 1
    assert compared >= 52


def test_needed_features_are_those_that_the_entry_names() -> None:
    for entry in corpus.entries(corpus.BACKUPPC):
        for each in answers(entry, entry.stdin).values():
            if each.plan is not None and each.command is not None:
                assert sorted(each.command.features) == sorted(entry.accept), entry.id


@FILES
def test_each_needed_feature_is_refused_without_its_accept(origin: str) -> None:
    for entry in corpus.entries(origin):
        if entry.expect != "allow":
            continue
        for label, each in answers(entry, entry.stdin).items():
            for missing in each.command.features if each.command else ():
                text = corpus.policy_text(entry).decode().replace(f" {missing}", "")
                text = "\n".join(line for line in text.split("\n") if line.strip() != "Accept")
                policy = policy_of(text.encode())
                refused = answer(entry.command or b"", entry.stdin, policy, label)
                assert refused.refusal is not None
                assert refused.refusal.reason == "feature-not-accepted"


@FILES
def test_a_key_of_the_other_right_is_refused(origin: str) -> None:
    for entry in corpus.entries(origin):
        if entry.expect != "allow":
            continue
        policy = policy_of(corpus.policy_text(entry))
        for operation in {"backup", "restore"} - set(entry.operations):
            label = corpus.LABEL_OF[operation]
            refused = answer(entry.command or b"", entry.stdin, policy, label)
            assert refused.refusal is not None
            assert refused.refusal.reason == "wrong-operation"


@FILES
def test_refusals_point_into_what_was_sent(origin: str) -> None:
    for entry in corpus.entries(origin):
        for each in answers(entry, entry.stdin).values():
            if each.refusal is None or each.refusal.offset is None:
                continue
            text = entry.stdin if each.refusal.in_list else entry.command or b""
            assert 0 <= each.refusal.offset <= len(text), entry.id
