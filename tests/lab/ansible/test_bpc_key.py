"""The module bpc_key replaces keys on a client with a real sshd, by the real ansible-core."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.lab.keys import Key
from tests.lab.process import require, said
from tests.lab.rotation import RotatedSite, open_rotated_site
from tests.lab.sshd import ADDRESS
from tests.unit.ansible.module import bpc_key

from .tools import ansible, install_collection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.lab.process import Done

pytestmark = pytest.mark.lab

MODULE = "bpc.ssh_guard.bpc_key"
# Root gets in by forced commands alone: this one is the login shell's part.
ANYTHING = 'command="exec /bin/sh -c \\"$SSH_ORIGINAL_COMMAND\\""'
CLIENT = "web1"
ENV = {
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_SSH_ARGS": "-C",  # no connection that outlives its run
}


class Controller:
    """Where Ansible runs, below FOLDER, with an admin's key to the client of SITE."""

    def __init__(self, folder: Path, site: RotatedSite) -> None:
        self.folder, self.site = folder, site
        self.admin = Key.generate(f"{folder}/admin")
        install_collection(folder)
        known = folder / "known_hosts"
        known.write_text(f"[{ADDRESS}]:{site.sshd.port} {site.sshd.host_key.public}\n")
        host = {
            "ansible_host": ADDRESS, "ansible_port": site.sshd.port,
            "ansible_user": site.sshd.login.name, "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": self.admin.path,
            "ansible_remote_tmp": f"{folder}/remote",
            "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={known}"
                                       " -o IdentitiesOnly=yes -o IdentityAgent=none",
        }
        self._write("inventory.json", {"all": {"hosts": {CLIENT: host}}})

    def begin_again(self) -> None:
        """Bring the client back to where its admin has left it."""
        self.site.begin_again()
        self.site.host.forget_refusals()
        self.site.sshd.authorize([*self.site.lines(), f"{ANYTHING} {self.admin.public} admin"])

    @property
    def where(self) -> dict[str, str]:
        """What each task says of this client, which has nothing where it is by default."""
        host = self.site.host
        return {"guardctl": f"{host.launcher}ctl", "policy": host.policy}

    def run(self, state: str, *words: str, **parameters: Any) -> Done[bytes]:
        """Run the module once, for the rotation key."""
        given = {"state": state, "rotation_label": "rotate", **self.where, **parameters}
        return ansible("ansible", CLIENT, "-i", "inventory.json", "-m", MODULE,
                       "-a", json.dumps(given), *words, folder=self.folder, env=ENV)

    def play(self, tasks: Iterable[dict[str, Any]], *words: str) -> str:
        """Play TASKS to their end; return what is said of it, with single blanks."""
        play = {"hosts": "all", "gather_facts": False, "tasks": list(tasks)}
        self._write("play.json", [play])
        done = ansible("ansible-playbook", "-i", "inventory.json", "play.json", *words,
                       folder=self.folder, env=ENV)
        return " ".join(said(require(done)).split())

    def _write(self, name: str, content: object) -> None:
        (self.folder / name).write_text(json.dumps(content))


def result(done: Done[bytes]) -> dict[str, Any]:
    """Return what the module told."""
    text = done.stdout.decode().partition(" => ")[2]
    assert text, said(done)
    found, _ = json.JSONDecoder().raw_decode(text)
    return dict(found)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with open_rotated_site() as site:
        yield Controller(tmp_path_factory.mktemp("controller"), site)


@pytest.fixture
def controller(opened: Controller) -> Controller:
    """Return a controller whose client is as its admin has left it."""
    opened.begin_again()
    return opened


def test_a_play_replaces_a_key_and_changes_nothing_when_it_is_run_again(
    controller: Controller,
) -> None:
    site, old, new = controller.site, controller.site.keys["backup"], controller.site.new_key()
    others = site.others()
    key = {**controller.where, "rotation_label": "rotate", "label": "backup"}
    login = {"ansible.builtin.command": {"argv": site.login(new).argv()}, "register": "login",
             "delegate_to": "localhost", "changed_when": False, "failed_when": "login.rc != 126"}
    rotation = (
        {MODULE: {**key, "state": "staged", "public_key": f"{new.public} backuppc@server\n"}},
        login,
        {MODULE: {**key, "state": "confirmed", "public_key": new.public}},
        {MODULE: {**key, "state": "retired", "key_id": old.keyid}},
    )
    before = site.lines()
    foretold = controller.play(rotation, "--check")
    assert " ok=3 changed=3 " in foretold
    assert "as things are, it would be refused: no later key is confirmed" in foretold
    assert site.lines() == before

    assert " ok=4 changed=3 " in controller.play(rotation)
    assert " ok=4 changed=0 " in controller.play(rotation)

    assert b"Permission denied" in site.login(old).run().stderr
    assert site.login(new).run("tar -c -f - -C", site.host.data, ".").returncode == 0
    (line,) = site.lines_of("backup")
    assert line.endswith(f" bpc-ssh-guard:backup:{new.keyid}:g2")
    assert site.others() == others


def test_a_key_that_has_not_logged_in_is_refused_by_its_reason_alone(
    controller: Controller,
) -> None:
    site, new = controller.site, controller.site.new_key()
    assert site.ask(f"stage backup g2 {new.public}")["ok"]
    before = site.lines()
    done = controller.run("confirmed", label="backup", public_key=new.public)
    assert (done.returncode, site.lines()) == (2, before)
    told = result(done)
    assert told.pop("msg").startswith("confirm: not-proven: ")
    assert told == {"changed": False, "error": "refused", "reason": "not-proven", "retry": False}
    assert site.folder not in said(done)


def test_a_private_key_that_is_named_by_mistake_is_told_nowhere(controller: Controller) -> None:
    with open(controller.site.keys["backup"].path, encoding="ascii") as file:
        private = file.read()
    done = controller.run("staged", "-vvvv", label="backup", public_key=private)
    assert done.returncode != 0
    assert "name the .pub file" in said(done)
    assert [line for line in private.splitlines()[1:-1] if line in said(done)] == []


def test_a_restore_works_from_the_grant_to_its_end(controller: Controller) -> None:
    site = controller.site
    data = site.site.client("backup").tar_create(site.host.data)
    restore = site.site.client("local-restore")
    assert restore.tar_extract(site.host.restored, data).returncode == 126
    grant = {"label": "local-restore", "for": "2h", "reason": "ticket 4711"}
    assert result(require(controller.run("granted", **grant)))["changed"]
    assert restore.tar_extract(site.host.restored, data).returncode == 0
    assert result(require(controller.run("ungranted", label="local-restore")))["changed"]
    assert b"Permission denied" in restore.tar_extract(site.host.restored, data).stderr


# The page


@pytest.fixture(scope="module")
def page(opened: Controller) -> dict[str, Any]:
    """Return the module's page as ansible-doc reads it."""
    done = require(ansible("ansible-doc", "-t", "module", "--json", MODULE, folder=opened.folder))
    assert b"WARNING" not in done.stderr
    return dict(json.loads(done.stdout)[MODULE])


def test_ansible_doc_reads_of_every_parameter_what_the_module_takes(page: dict[str, Any]) -> None:
    facts = ("type", "default", "choices")
    assert {name: {fact: each[fact] for fact in facts if fact in each}
            for name, each in page["doc"]["options"].items()} == bpc_key().ARGUMENTS


def test_the_examples_of_the_page_are_taken(page: dict[str, Any], controller: Controller) -> None:
    """Play them in a dry run, under the labels of this client."""
    public = controller.folder / "web1-backup.pub"
    public.write_text(f"{controller.site.new_key().public}\n")
    labels = {"web1-backup": "backup", "web1-rotate": "rotate", "web1-restore": "local-restore"}
    tasks = yaml.safe_load(page["examples"])
    for task in tasks:
        for name in {"label", "rotation_label"} & set(task[MODULE]):
            task[MODULE][name] = labels[task[MODULE][name]]
        task[MODULE].update(controller.where)
    assert f" ok={len(tasks)} " in controller.play(tasks, "--check")
