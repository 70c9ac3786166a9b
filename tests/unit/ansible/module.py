"""The module bpc_key as its Python runs it on a client, without the rest of Ansible."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.unit.keyagent.scenes import CHECKOUT, Client

if TYPE_CHECKING:
    from types import ModuleType

MODULE = Path(CHECKOUT) / "ansible" / "plugins" / "modules" / "bpc_key.py"
GUARDCTL = f"""\
#!/bin/sh
PYTHONPATH={CHECKOUT} exec {sys.executable} -m bpc_ssh_guard guardctl "$@"
"""


def bpc_key() -> ModuleType:
    """Return the module as Python imports it, which runs nothing."""
    spec = importlib.util.spec_from_file_location("bpc_key", MODULE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Task:
    """The module on CLIENT, run by its Python."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.program = Path(client.root) / "guardctl"
        self.program.write_text(GUARDCTL)
        self.program.chmod(0o755)

    def run(self, state: str, check: bool = False, **parameters: Any) -> dict[str, Any]:
        """Return what the module tells; a dry run has CHECK."""
        given = {"state": state, "rotation_label": "rotate", "guardctl": str(self.program),
                 "policy": self.client.policy_path, "_ansible_check_mode": check, **parameters}
        path = Path(self.client.root) / "arguments.json"
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": given}))
        done = subprocess.run([sys.executable, str(MODULE), str(path)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        told = json.loads(done.stdout)
        assert (done.returncode != 0) == told.get("failed", False), done
        told.pop("invocation", None)
        return dict(told)

    def bring(self, state: str, **parameters: Any) -> bool:
        """Return whether the module, which ended well, changed anything."""
        told = self.run(state, **parameters)
        assert "failed" not in told, told
        return bool(told["changed"])

    def refused(self, state: str, **parameters: Any) -> dict[str, Any]:
        """Return what the module, which failed, told; keys and grants are as they were."""
        before = self.client.read_keys()
        told = self.run(state, **parameters)
        assert told.pop("failed"), told
        assert self.client.read_keys() == before
        return told

    def would(self, state: str, **parameters: Any) -> tuple[bool, str]:
        """Return whether a dry run says that it would change anything, and why not after all.

        It leaves keys and grants as they are.
        """
        before = self.client.read_keys(), self._grants()
        told = self.run(state, check=True, **parameters)
        assert (self.client.read_keys(), self._grants()) == before
        assert "failed" not in told, told
        assert ("refusal" in told) == ("warnings" in told)
        return bool(told["changed"]), told.get("refusal", "")

    def _grants(self) -> dict[str, bytes]:
        """Return the files of the open grants."""
        folder = Path(self.client.state) / "grants"
        return {path.name: path.read_bytes() for path in folder.glob("*")}
