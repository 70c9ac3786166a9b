"""Keys are staged, proved, confirmed and retired by the real guard, and nobody is locked out."""

from __future__ import annotations

import os
import time

import pytest

from bpc_ssh_guard.authorized_keys import expiry

from .scenes import BACKUP, NEW, NEXT, OTHER, RESTORE, ROTATE, Client, keyid, public

DAY = 24 * 60 * 60


def stage(client: Client, number: int = NEW, generation: int = 2, label: str = "backup") -> str:
    return client.done(f"stage {label} g{generation} {public(number)}")


def rotate(client: Client, label: str = "backup", old: int = BACKUP) -> None:
    """Replace the key OLD of LABEL by NEW."""
    assert stage(client, label=label) == "staged"
    assert client.greet(label, NEW) == "2"
    assert client.done(f"confirm {label} {keyid(NEW)}") == "confirmed"
    assert client.done(f"retire {label} {keyid(old)}") == "retired"


def test_a_rotation_leaves_the_new_key_alone_and_every_other_line_as_it_was(client) -> None:
    before = client.others("backup")
    rotate(client)
    assert client.lines_of("backup")[0].compose() == client.line("backup", NEW, 2)
    assert len(client.lines_of("backup")) == 1
    assert client.others("backup") == before


def test_a_staged_line_is_composed_from_the_policy_and_ends_after_a_day(client) -> None:
    begin = int(time.time())
    answer = client.ask(f"stage backup g2 {public(NEW)}")
    assert begin + DAY <= answer["until"] <= time.time() + DAY
    _, line = client.lines_of("backup")
    end = expiry.at(answer["until"])
    assert line.compose() == client.line("backup", NEW, 2, staged=True, expiry=end)
    assert (answer["label"], answer["key"], answer["gen"]) == ("backup", keyid(NEW), 2)


def test_every_verb_can_be_repeated(client) -> None:
    assert stage(client) == "staged"
    assert stage(client) == "refreshed"
    client.greet("backup", NEW)
    for request, first in (
        (f"confirm backup {keyid(NEW)}", "confirmed"),
        (f"retire backup {keyid(BACKUP)}", "retired"),
    ):
        assert client.done(request) == first
        content = client.read_keys()
        assert client.done(request) == "already"
        assert client.read_keys() == content
    assert stage(client) == "already"  # it is confirmed
    stage(client, NEXT, 3)
    assert client.done(f"drop backup {keyid(NEXT)}") == "dropped"
    assert client.done(f"drop backup {keyid(NEXT)}") == "already"


def test_staging_again_gives_the_key_another_day(client) -> None:
    stage(client)
    raw = client.read_keys()
    (_, line) = client.lines_of("backup")
    soon = expiry.at(int(time.time()) + 60)
    client.write_keys(*raw.replace(line.expiry or b"", soon).split(b"\n")[:-1])
    assert stage(client) == "refreshed"
    assert client.lines_of("backup")[1].expiry > soon


def test_a_key_is_confirmed_only_after_its_login(client) -> None:
    stage(client)
    assert client.refused(f"confirm backup {keyid(NEW)}") == "refused"
    assert client.greet("backup", BACKUP) == "1"  # another key's login proves nothing of it
    assert client.refused(f"confirm backup {keyid(NEW)}") == "refused"
    assert client.greet("backup", NEW) == "2"
    assert client.done(f"confirm backup {keyid(NEW)}") == "confirmed"


def test_a_key_that_was_staged_too_long_is_not_confirmed(client) -> None:
    stage(client)
    client.greet("backup", NEW)
    (_, line) = client.lines_of("backup")
    over = client.read_keys().replace(line.expiry or b"", expiry.at(int(time.time()) - 1))
    client.write_keys(*over.split(b"\n")[:-1])
    assert client.refused(f"confirm backup {keyid(NEW)}") == "refused"
    assert stage(client) == "refreshed"
    assert client.done(f"confirm backup {keyid(NEW)}") == "confirmed"


def test_a_key_is_retired_only_after_a_later_one_is_confirmed_and_has_logged_in(client) -> None:
    old = f"retire backup {keyid(BACKUP)}"
    client.greet("backup", BACKUP)
    assert client.refused(old) == "refused"
    stage(client)
    assert client.refused(old) == "refused"
    client.greet("backup", NEW)
    assert client.refused(old) == "refused"
    client.done(f"confirm backup {keyid(NEW)}")
    os.unlink(f"{client.state}/proofs/{keyid(NEW)}")
    assert client.refused(old) == "refused"
    client.greet("backup", NEW)
    assert client.refused(f"retire backup {keyid(NEW)}") == "refused"  # the older one is no later
    assert client.done(old) == "retired"
    assert client.refused(f"retire backup {keyid(NEW)}") == "refused"


def test_a_confirmed_key_is_not_dropped(client) -> None:
    assert client.refused(f"drop backup {keyid(BACKUP)}") == "conflict"


@pytest.mark.parametrize("generation", [1, 102, 999999])
def test_a_generation_is_higher_than_all_others_and_not_out_of_reach(client, generation) -> None:
    assert client.refused(f"stage backup g{generation} {public(NEW)}") == "conflict"


def test_a_generation_may_leave_out_a_hundred(client) -> None:
    assert stage(client, generation=101) == "staged"


def test_a_label_has_two_keys_at_most(client) -> None:
    stage(client)
    assert client.refused(f"stage backup g3 {public(NEXT)}") == "conflict"


def test_a_second_server_with_the_same_generation_is_told_the_higher_one(client) -> None:
    stage(client)
    answer = client.ask(f"stage backup g2 {public(NEXT)}")
    assert (answer["error"], answer["retry"]) == ("conflict", False)
    assert answer["message"] == "backup is at g2; g2 is not higher"


def test_what_was_staged_too_long_makes_room(client) -> None:
    stage(client)
    (_, line) = client.lines_of("backup")
    over = client.read_keys().replace(line.expiry or b"", expiry.PAST)
    client.write_keys(*over.split(b"\n")[:-1])
    assert stage(client, NEXT, 3) == "staged"
    assert [line.mark.generation for line in client.lines_of("backup")] == [1, 3]
    dropped = [r for r in client.records() if r["event.action"] == "key-dropped"]
    assert [(r["bpc.key.id"], r["event.code"]) for r in dropped] == [
        (keyid(NEW), "staged-too-long")
    ]


def test_a_key_that_has_another_line_is_not_staged(client) -> None:
    for number in (OTHER, RESTORE, ROTATE, BACKUP):
        assert client.refused(f"stage backup g2 {public(number)}") == "conflict"


@pytest.mark.parametrize(
    "request_",
    ["stage {} g2 " + public(NEW), "confirm {} " + keyid(OTHER), "drop {} " + keyid(OTHER),
     "retire {} " + keyid(OTHER), "grant {} 60", "ungrant {}"],
)
@pytest.mark.parametrize("label", ["other", "rotate", "nobody"])
def test_only_labels_of_rotate_are_served(client, request_, label) -> None:
    assert client.refused(request_.format(label)) == "refused"


def test_what_is_no_key_of_the_label_is_not_confirmed(client) -> None:
    assert client.refused(f"confirm backup {keyid(NEW)}") == "no-such-key"
    assert client.refused(f"confirm backup {keyid(RESTORE)}") == "no-such-key"


def test_what_was_proved_in_an_earlier_life_proves_nothing(client) -> None:
    rotate(client)
    proof = f"{client.state}/proofs/{keyid(NEW)}"
    with open(proof, "rb") as file:
        content = file.read()
    client.begin_again()
    os.makedirs(os.path.dirname(proof), exist_ok=True)
    with open(proof, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
    stage(client)
    assert client.refused(f"confirm backup {keyid(NEW)}") == "refused"


def test_a_line_without_its_end_is_no_replacement(client) -> None:
    """A restore key confirmed under Window granted is dead between grants, and counts there."""
    rotate(client, "restore", RESTORE)
    assert client.lines_of("restore")[0].expiry is not None
    client.begin_again()
    stage(client)
    client.greet("backup", NEW)
    client.done(f"confirm backup {keyid(NEW)}")
    lines = client.read_keys().split(b"\n")[:-1]
    lines[-1] = client.line("backup", NEW, 2, expiry=expiry.PAST)
    client.write_keys(*lines)
    assert client.refused(f"retire backup {keyid(BACKUP)}") == "refused"


def test_the_list_tells_what_a_server_needs_to_go_on(client) -> None:
    stage(client)
    client.greet("backup", NEW)
    answer = client.ask("list")
    first, second = (key for key in answer["keys"] if key["label"] == "backup")
    assert first == {
        "label": "backup", "key": keyid(BACKUP), "gen": 1, "staged": False, "until": None,
        "proven": None, "used": None, "consistent": True,
    }
    assert (second["key"], second["gen"], second["staged"]) == (keyid(NEW), 2, True)
    assert abs(second["proven"] - time.time()) < DAY
    assert second["until"] - time.time() > DAY - 3600
    assert {key["label"] for key in answer["keys"]} == {"backup", "restore"}
    others = {name: answer[name] for name in ("foreign", "mode", "duplicates", "grants")}
    assert others == {"foreign": 1, "mode": "0600", "duplicates": [], "grants": []}


def test_the_list_reports_a_key_with_two_lines(client) -> None:
    lines = client.read_keys().split(b"\n")[:-1]
    client.write_keys(public(BACKUP).encode(), *lines)
    assert client.ask("list")["duplicates"] == [keyid(BACKUP)]


def test_the_list_tells_a_line_that_the_policy_would_write_otherwise(client) -> None:
    client.write_keys(
        client.line("backup", BACKUP, networks=()), client.line("rotate", ROTATE),
        client.line("restore", RESTORE).replace(b"restrict,", b"restrict,pty,"),
    )
    answer = client.ask("list")
    found = {key["label"]: (key["consistent"], key["gen"]) for key in answer["keys"]}
    assert found == {"backup": (False, 1), "restore": (False, None)}
    assert answer["foreign"] == 1


def test_a_line_changed_by_hand_is_never_touched_and_takes_a_place(client) -> None:
    by_hand = client.line("backup", BACKUP).replace(b"restrict,", b"restrict,pty,")
    client.write_keys(by_hand, client.line("backup", NEXT, 4), client.line("rotate", ROTATE))
    assert client.refused(f"stage backup g5 {public(NEW)}") == "conflict"
    assert client.refused(f"retire backup {keyid(BACKUP)}") == "conflict"


def test_another_files_rotation_key_is_told_to_name_the_file(client) -> None:
    client.write_keys(client.line("backup", BACKUP))
    assert client.refused("list") == "unsafe-file"
    assert client.refused(f"stage backup g2 {public(NEW)}") == "unsafe-file"
    denied = client.records()[-1]
    assert denied["event.code"] == "unsafe-keys"
    assert "AuthorizedKeys in the policy" in denied["event.reason"]


def test_a_run_under_a_command_notes_the_last_use_of_a_proved_key(client) -> None:
    client.greet("free-restore", NEXT)
    assert not os.path.exists(f"{client.state}/proofs/{keyid(NEXT)}")  # it has no line
    client.greet("backup", BACKUP)
    proof = f"{client.state}/proofs/{keyid(BACKUP)}"
    os.utime(proof, (1, 1))
    done = client.run("backup", BACKUP, f"tar -c -f - -C {client.root}/data .")
    assert done.returncode == 0, done.stderr
    assert client.listed("backup")[0]["used"] > 1


def test_each_request_is_recorded_about_its_key(client) -> None:
    rotate(client)
    client.ask("list")
    records = client.records()
    actions = [record["event.action"] for record in records]
    assert actions == [
        "key-staged", "key-greeted", "key-confirmed", "key-retired", "keys-listed",
    ]
    staged, _, confirmed, retired, listed = records
    for record in (staged, confirmed, retired):
        by = (record["bpc.rotation.label"], record["bpc.rotation.id"])
        assert by == ("rotate", keyid(ROTATE))
        assert record["bpc.key.label"] == "backup"
        assert record["source.ip"] == "192.0.2.7"
        assert record["bpc.purpose"] == "rotate"
    assert [r["bpc.key.id"] for r in (staged, confirmed, retired)] == [
        keyid(NEW), keyid(NEW), keyid(BACKUP),
    ]
    assert [r["bpc.key.generation"] for r in (staged, confirmed, retired)] == [2, 2, 1]
    assert "bpc.key.expires" in staged
    assert "bpc.key.expires" not in confirmed
    assert staged["process.command_line"] == f"bpc-key/1 stage backup g2 {public(NEW)}"
    assert (listed["bpc.key.label"], listed["event.category"]) == ("rotate", ["configuration"])


def test_what_was_so_already_is_recorded_as_that(client) -> None:
    stage(client)
    stage(client)
    client.done(f"drop backup {keyid(NEW)}")
    client.done(f"drop backup {keyid(NEW)}")
    codes = [(r["event.action"], r.get("event.code")) for r in client.records()]
    assert codes == [
        ("key-staged", None), ("key-staged", "refreshed"), ("key-dropped", None),
        ("key-dropped", "already"),
    ]
