#!/usr/bin/python
"""One key of a client's label, or one grant, brought to a state by the client's own guard."""
# ruff: noqa: E402  # Ansible's modules begin with their documentation

from __future__ import annotations

DOCUMENTATION = r"""
module: bpc_key
short_description: Replace the ssh keys of BackupPC on a client, one step at a time
version_added: 0.1.0
description:
  - Asks C(bpc-ssh-guardctl) on the client for what a rotation key may ask for, so the client
    composes every line of C(authorized_keys) from its own policy, and lets no key last and takes
    none out without a proof that the key, or its successor, has logged in.
  - A rotation is V(staged), a login with the new key without a command, V(confirmed), the switch of
    the backup server to the new key, and, after a good backup, V(retired) of the old one.
  - What is so already is left alone. Each look is in the client's command log, a dry run's too.
options:
  state:
    type: str
    choices: [listed, staged, confirmed, dropped, retired, granted, ungranted]
    default: listed
    description:
      - V(listed) changes nothing and tells the keys and grants of the labels.
      - V(staged) adds a key for 24 hours, or gives one whose time is over another day.
      - V(confirmed) lets a staged key last. It must have logged in without a command.
      - V(dropped) takes a staged key out again.
      - V(retired) takes a key out, once another one with a higher generation is confirmed and has
        logged in.
      - V(granted) lets a restore key restore from now on, for O(for). A grant that is open is left
        as it is, whenever it ends; close it first to have another one.
      - V(ungranted) closes the grant.
  rotation_label:
    type: str
    description:
      - The label of the rotation key, whose block in the policy says C(Rotate).
      - Required for every state but V(granted) and V(ungranted), which are the client's root's own.
  label:
    type: str
    description: The label that the key or the grant is for. Required but for V(listed).
  public_key:
    type: str
    description:
      - The key as its C(.pub) file has it.
      - Required for V(staged), which takes keys of type C(ssh-ed25519) alone.
  key_id:
    type: str
    description: In place of O(public_key), the first 32 hex digits of the SHA-256 of its blob.
  generation:
    type: int
    description:
      - With V(staged), the number of a new key, from 1 to 999999.
      - By default the one after the highest of the label. Name it where more than one server
        replaces keys, so that of two who stage at once one gets a conflict.
  for:
    type: str
    description: With V(granted), how long, a number and C(m), C(h) or C(d) such as V(2h).
  reason:
    type: str
    default: ''
    description: With V(granted), why, for the command log.
  guardctl:
    type: str
    default: /usr/sbin/bpc-ssh-guardctl
    description: The program on the client.
  policy:
    type: path
    default: /etc/bpc-ssh-guard/policy
    description: The policy on the client.
requirements:
  - bpc-ssh-guard on the client, and its root, by the login or by C(become)
attributes:
  check_mode:
    support: full
    description:
      Tells what would change. Where the client would refuse that as things are, warns and goes on,
      since an earlier task of the play may have been left out as well.
  diff_mode:
    support: none
    description: Tells no difference.
  platform:
    support: full
    platforms: linux
    description: The client runs Linux.
author:
  - The bpc_ssh_guard developers (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Stage the next key
  bpc.ssh_guard.bpc_key:
    rotation_label: web1-rotate
    label: web1-backup
    public_key: "{{ lookup('ansible.builtin.file', 'web1-backup.pub') }}"
    state: staged

- name: Let it last, after it has logged in
  bpc.ssh_guard.bpc_key:
    rotation_label: web1-rotate
    label: web1-backup
    public_key: "{{ lookup('ansible.builtin.file', 'web1-backup.pub') }}"
    state: confirmed

- name: Take the old key out
  bpc.ssh_guard.bpc_key:
    rotation_label: web1-rotate
    label: web1-backup
    key_id: 37c7507ba3612e690939d80e569a2f82
    state: retired

- name: Open a restore
  bpc.ssh_guard.bpc_key:
    label: web1-restore
    for: 2h
    reason: ticket 4711
    state: granted
"""

RETURN = r"""
label:
  description: The label that it is about.
  returned: for every state but V(listed)
  type: str
key:
  description: The KEYID that it is about.
  returned: for the states of keys
  type: str
  sample: 37c7507ba3612e690939d80e569a2f82
gen:
  description: The generation of the key, null where it has no line.
  returned: for the states of keys
  type: int
until:
  description: When the key's line or the grant ends, in seconds since the epoch; null for never.
  returned: for the states of keys where there is a line, and for V(granted)
  type: int
refusal:
  description: Why the client would refuse the change as things are.
  returned: where a dry run has to warn of it
  type: str
  sample: the key has not logged in
id:
  description: The id of the grant.
  returned: for V(granted), but not where a dry run would open it
  type: str
listed_keys:
  description: The keys of the labels, each as bpc-ssh-keys-protocol(7) has it.
  returned: for V(listed)
  type: list
  elements: dict
authorities:
  description: The authorities of the labels, by the same members.
  returned: for V(listed)
  type: list
  elements: dict
grants:
  description: The open grants of the labels.
  returned: for V(listed)
  type: list
  elements: dict
duplicates:
  description: The KEYIDs that stand in more than one line.
  returned: for V(listed)
  type: list
  elements: str
foreign:
  description: How many lines are not the guard's.
  returned: for V(listed)
  type: int
mode:
  description: The mode of the file, four octal digits.
  returned: for V(listed)
  type: str
reason:
  description: The reason of the client's guard for a refusal, one word of bpc-ssh-guard-log(5).
  returned: where the client refused
  type: str
  sample: not-proven
error:
  description: The member C(error) of its answer, one word of bpc-ssh-keys-protocol(7).
  returned: where the client refused
  type: str
retry:
  description: Whether the same may succeed later.
  returned: where the client refused
  type: bool
"""

import base64
import binascii
import calendar
import hashlib
import json
import re
import time
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule

KEY_STATES = ("staged", "confirmed", "dropped", "retired")
# What a request is called whose result is the state.
VERBS = {"confirmed": "confirm", "dropped": "drop", "retired": "retire"}
ARGUMENTS = {
    "state": {
        "type": "str", "choices": ["listed", *KEY_STATES, "granted", "ungranted"],
        "default": "listed",
    },
    "rotation_label": {"type": "str"},
    "label": {"type": "str"},
    "public_key": {"type": "str"},
    "key_id": {"type": "str"},
    "generation": {"type": "int"},
    "for": {"type": "str"},
    "reason": {"type": "str", "default": ""},
    "guardctl": {"type": "str", "default": "/usr/sbin/bpc-ssh-guardctl"},
    "policy": {"type": "path", "default": "/etc/bpc-ssh-guard/policy"},
}
REQUIRED = [
    ("state", "listed", ("rotation_label",)),
    ("state", "staged", ("rotation_label", "label", "public_key")),
    *(("state", state, ("rotation_label", "label")) for state in VERBS),
    *(("state", state, ("public_key", "key_id"), True) for state in VERBS),
    ("state", "granted", ("label", "for")),
    ("state", "ungranted", ("label",)),
]

Key = dict[str, Any]


class Client:
    """The guard of this machine, asked by its own program."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._program = module.get_bin_path(module.params["guardctl"], required=True)

    def ask(self, *request: str) -> dict[str, Any]:
        """Return the answer to REQUEST, which is done; what is refused ends the module."""
        status, output, complaint = self._run("key", self._module.params["rotation_label"],
                                              *request)
        if not output:
            self._module.fail_json(msg=complaint.strip() or f"exit status {status}")
        answer: dict[str, Any] = json.loads(output)
        if not answer["ok"]:
            reason = re.search(r": (?:refused|failed) \(([a-z-]+)\)", complaint)
            word = reason[1] if reason else answer["error"]
            self._module.fail_json(msg=f"{request[0]}: {word}: {answer['message']}", reason=word,
                                   error=answer["error"], retry=answer["retry"])
        return answer

    def grants(self) -> dict[str, dict[str, Any]]:
        """Return the open grants by their labels."""
        status, output, complaint = self._run("grant", "--list", "--json")
        if status not in (0, 1):  # 1: none is open
            self._module.fail_json(msg=complaint.strip())
        return {grant["key"]: grant for grant in json.loads(output)}

    def grant(self, label: str) -> dict[str, Any]:
        """Open a grant for LABEL and return it."""
        params = self._module.params
        status, output, complaint = self._run(
            "grant", label, "--for", params["for"], "--reason", params["reason"], "--json"
        )
        if status != 0:
            self._module.fail_json(msg=complaint.strip())
        (opened,) = json.loads(output)
        return dict(opened)

    def revoke(self, label: str) -> bool:
        """Close the grant of LABEL; return whether there still was one."""
        status, _, complaint = self._run("grant", label, "--revoke")
        if status not in (0, 1):
            self._module.fail_json(msg=complaint.strip())
        return status == 0

    def _run(self, command: str, *words: str) -> tuple[int, str, str]:
        policy = ("--policy", self._module.params["policy"])
        found: tuple[int, str, str] = self._module.run_command(
            [self._program, command, *policy, *words]
        )
        return found


def key_id(public_key: str) -> str:
    """Return the KEYID of PUBLIC_KEY, the text of a .pub file; raises ValueError."""
    words = public_key.split()
    if "PRIVATE" in public_key or len(public_key.strip().splitlines()) != 1 or len(words) < 2:
        raise ValueError("is not one line TYPE BASE64 COMMENT; name the .pub file")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        raise ValueError("has no key behind its first word; name the .pub file") from None
    if not blob[4:].startswith(words[0].encode("utf-8")):  # behind its length, sshd(8)
        raise ValueError("names another type than its key has; name the .pub file")
    return hashlib.sha256(blob).hexdigest()[:32]


def named_key(module: AnsibleModule) -> str:
    """Return the KEYID that the parameters name."""
    found = module.params["key_id"]
    if found is not None:
        if not re.fullmatch(r"[0-9a-f]{32}", found):
            module.fail_json(msg="key_id: is not 32 hex digits of lower case")
        return str(found)
    try:
        return key_id(module.params["public_key"])
    except ValueError as error:
        # It may be a private key: nothing of it is told.
        module.no_log_values.add(module.params["public_key"])
        return str(module.fail_json(msg=f"public_key: {error}"))


def find(keys: list[Key], label: str, name: str) -> Optional[Key]:
    """Return the key NAME of LABEL among KEYS, by its managed line if it has one."""
    found = [key for key in keys if (key["label"], key["key"]) == (label, name)]
    return min(found, key=lambda key: key["gen"] is None, default=None)


def is_so(state: str, key: Optional[Key], generation: Optional[int]) -> bool:
    """Tell whether KEY is in STATE already, for staged with GENERATION where one is asked for."""
    if state in ("dropped", "retired"):
        return key is None
    if key is None or key["gen"] is None:  # none, or one whose line the guard did not write
        return False
    if state == "confirmed":
        return not key["staged"]
    if generation not in (None, key["gen"]):
        return False
    return not key["staged"] or key["until"] > time.time()


def refusal(state: str, key: Optional[Key], others: list[Key]) -> str:
    """Return why the client would refuse to bring KEY to STATE beside OTHERS; empty if not.

    A foretelling for a dry run: the client alone decides.
    """
    if state == "confirmed" and (key is None or not key["proven"]):
        return "the key has not logged in" if key else "the label has no such key"
    if state == "dropped" and key is not None and not key["staged"]:
        return "the key is confirmed"
    if state == "retired" and key is not None:
        later = [other for other in others if (other["gen"] or 0) > (key["gen"] or 0)]
        if not any(other["proven"] and not other["staged"] for other in later):
            return "no later key is confirmed and has logged in"
    return ""


def set_key(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Bring the key to its state; return what became of it."""
    label, state = module.params["label"], module.params["state"]
    name, generation = named_key(module), module.params["generation"]
    keys: list[Key] = client.ask("list")["keys"]
    key, others = find(keys, label, name), [each for each in keys if each["label"] == label]
    told = {"label": label, "key": name, "gen": key and key["gen"], "until": key and key["until"]}
    if is_so(state, key, generation):
        return {"changed": False, **told}
    if module.check_mode:
        why_not = refusal(state, key, others)
        if why_not:
            module.warn(f"{label} {name}: as things are, it would be refused: {why_not}")
            told["refusal"] = why_not
        return {"changed": True, **told}
    if state == "staged":
        highest = max((each["gen"] or 0 for each in others), default=0)
        number = generation or (key and key["gen"]) or highest + 1
        answer = client.ask("stage", label, f"g{number}", *module.params["public_key"].split()[:2])
    else:
        answer = client.ask(VERBS[state], label, name)
    changed = answer["result"] != "already"
    return {"changed": changed, **told, "gen": answer["gen"], "until": answer["until"]}


def set_grant(module: AnsibleModule, client: Client) -> dict[str, Any]:
    """Open or close the grant; return what became of it."""
    label, wanted = module.params["label"], module.params["state"] == "granted"
    grant = client.grants().get(label)
    changed = (grant is not None) != wanted
    if changed and not module.check_mode:
        if wanted:
            grant = client.grant(label)
        else:
            changed = client.revoke(label)
    told = {"id": grant["id"], "until": seconds(grant["until"])} if wanted and grant else {}
    return {"changed": changed, "label": label, **told}


def seconds(moment: str) -> int:
    """Return MOMENT, a time in UTC, as seconds since the epoch."""
    return calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))


def list_keys(client: Client) -> dict[str, Any]:
    """Return what the client tells of its keys."""
    told = client.ask("list")
    names = ("authorities", "grants", "duplicates", "foreign", "mode")
    # Not `keys`: in a template that would be the method of the result.
    return {"changed": False, "listed_keys": told["keys"], **{name: told[name] for name in names}}


def main() -> None:
    """Serve one task."""
    # The system's log is told nothing: the guard's own has it, and a private key that is named by
    # mistake is to stand nowhere.
    module = AnsibleModule(
        argument_spec=ARGUMENTS, required_if=REQUIRED, supports_check_mode=True, no_log=True,
        mutually_exclusive=[("public_key", "key_id")],
    )
    client = Client(module)
    state = module.params["state"]
    if state == "listed":
        module.exit_json(**list_keys(client))
    work = set_key if state in KEY_STATES else set_grant
    module.exit_json(**work(module, client))


if __name__ == "__main__":
    main()
