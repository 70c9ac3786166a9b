"""bpc-ssh-keys-protocol(7) has every request, answer and limit of the code, and no other."""

from __future__ import annotations

import json
import re

from bpc_ssh_guard.keyagent import answer, granting, proofs, ring, verbs
from bpc_ssh_guard.keyagent.answer import TROUBLES
from bpc_ssh_guard.policy import window
from bpc_ssh_guard.record.keys import Unusual
from bpc_ssh_guard.vocabulary import FAILURES, REASONS
from tests.unit.keyagent.scenes import Client, public

from .pages import PROTOCOL, items, literal_blocks, rendered, section


def test_page_explains_every_request_in_the_order_of_the_code() -> None:
    assert items(section(PROTOCOL, "REQUESTS"), "Cm") == list(verbs.VERBS)


def test_page_explains_every_error_in_the_order_of_the_code() -> None:
    assert items(section(PROTOCOL, "ANSWERS"), "Cm") == list(TROUBLES)


def test_page_gives_each_error_its_exit_status() -> None:
    shown = re.findall(
        r"^\.It Cm (\S+)\n(12[56]):((?:(?!\.It).*\n)*)", section(PROTOCOL, "ANSWERS"), re.MULTILINE
    )
    statuses: dict[str, set[str]] = {name: set() for name in TROUBLES}
    for reason in REASONS:
        statuses[answer.trouble_of(reason)].add("125" if reason in FAILURES else "126")
    found = {name: {first, *re.findall(r"\b12[56]\b", rest)} for name, first, rest in shown}
    assert found == statuses


def test_page_gives_every_limit_its_number() -> None:
    page = rendered(PROTOCOL)
    for number, unit in (
        (verbs.MAX_REQUEST, "bytes"), (window.SHORTEST, "to 86400 seconds"),
        (granting.LONGEST, "seconds"), (ring.STAGED_SECONDS // 3600, "hours"),
        (ring.HIGHEST_JUMP, "higher"),
    ):
        assert f"{number} {unit}" in page
    assert proofs.FOLDER.decode() in page
    assert ring.KEYS_PER_LABEL == 2
    assert "A label has two keys at most" in page


def test_the_request_on_the_page_is_one() -> None:
    (shown,) = [block for block in literal_blocks(PROTOCOL) if block.startswith("bpc-key/1")]
    request = verbs.parse(re.sub(r"\\\n +", "", shown).rstrip("\n").encode())
    assert (request.verb, request.label, request.generation) == ("stage", b"web1-backup", 2)


def test_the_answers_on_the_page_have_the_members_of_real_ones(tmp_path) -> None:
    client = Client(str(tmp_path))
    stage = f"stage backup g2 {public(5)}"
    real = [client.ask(stage), client.ask(stage.replace(public(5), public(6)))]
    (block,) = [each for each in literal_blocks(PROTOCOL) if each.startswith("{")]
    shown = [json.loads(line) for line in block.replace("\n ", "").splitlines()]
    assert [list(each) for each in shown] == [list(each) for each in real]
    assert shown[1]["message"] == real[1]["message"].replace("backup", "web1-backup")


def test_page_explains_every_member_of_the_list(tmp_path) -> None:
    listed = Client(str(tmp_path)).ask("list")
    source = section(PROTOCOL, "ANSWERS")
    members = set(re.findall(r"\bVa ([a-z]+)", source.replace(" , Va ", "\n.Va ")))
    known = {*listed, *listed["keys"][0], "label", "id", "until", "error", "message", "retry"}
    assert members == known | {"result"}


def test_page_names_every_result() -> None:
    source = section(PROTOCOL, "ANSWERS")
    for word in ("staged", "confirmed", "dropped", "retired", "granted", "ungranted",
                 Unusual.ALREADY, Unusual.REFRESHED):
        assert re.search(rf"\b{word}\b", source)
