"""Whatever happens in whatever order, the key in use works, and the next run ends with one key.

The client is its own decisions (keyagent.ring) over lines in memory; the server is the real one
with its files and its store, which is killed at any commit and whose answers get lost.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.authorized_keys import ManagedLine, expiry, parse
from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.keyagent import agent, verbs
from bpc_ssh_guard.keyagent import answer as told
from bpc_ssh_guard.keyagent.authorities import AuthorityRing
from bpc_ssh_guard.keyagent.proofs import Proof
from bpc_ssh_guard.keyagent.ring import Ring
from bpc_ssh_guard.keys import answer
from bpc_ssh_guard.keys.certificates.drift import Known
from bpc_ssh_guard.keys.config import Config, Host
from bpc_ssh_guard.keys.files import Pairs
from bpc_ssh_guard.keys.journal import STATES, Entry, State
from bpc_ssh_guard.keys.rebuild import rebuild
from bpc_ssh_guard.keys.revoke import roll_back
from bpc_ssh_guard.keys.rotate import Rotation, Wish
from bpc_ssh_guard.keys.store import Store
from bpc_ssh_guard.keys.trouble import Trouble, Word
from bpc_ssh_guard.keys.verify import look
from bpc_ssh_guard.policy import load

from .effort import examples

if TYPE_CHECKING:
    from bpc_ssh_guard.keys.answer import Done, Listed
    from bpc_ssh_guard.keys.files import Pair

LABEL = "web1-backup"
POLICY = b"Key web1-backup\n    Backup /srv\nKey web1-rotate\n    Rotate web1-backup\n"
PROGRAM = b"/usr/sbin/bpc-ssh-guard"
ROTATION = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)
FOREIGN = b'ssh-ed25519 AAAA odd  spacing\t# and "'


class Killed(BaseException):
    """The server's process was killed."""


class Machine:
    """A client's lines and proofs; its decisions are the guard's own."""

    def __init__(self) -> None:
        self.policy = load.parse(POLICY, b"/etc/bpc-ssh-guard/policy")
        rotation = ManagedLine(PROGRAM, b"web1-rotate", (b"ssh-ed25519", ROTATION), 1, (), None)
        self.caller = (b"web1-rotate", rotation.mark.key_id)
        self.others = [FOREIGN, rotation.compose()]
        self.lines = list(self.others)
        self.proofs: dict[bytes, Proof] = {}

    def add(self, pair: Pair) -> None:
        """Add the line of PAIR, as an admin does."""
        key = (b"ssh-ed25519", blob(pair))
        self.lines.append(ManagedLine(PROGRAM, LABEL.encode(), key, pair.generation, (),
                                      None).compose())

    def managed(self) -> list[ManagedLine]:
        """Return the managed lines of the label."""
        found = [ManagedLine.from_line(parse(line)) for line in self.lines]
        return [line for line in found if line is not None and line.mark.label == LABEL.encode()]

    def accepts(self, pair: Pair) -> bool:
        """Tell whether sshd takes the key of PAIR now."""
        return any(
            line.mark.key_id.decode() == pair.key_id
            and (line.expiry is None or expiry.seconds_of(line.expiry) > time.time())
            for line in self.managed()
        )

    def ask(self, request: str) -> bytes:
        """Return the answer to REQUEST, as the agent gives it."""
        state = ([parse(line) for line in self.lines], self.policy, self.caller,
                 self.proofs.get, int(time.time()))
        ring = Ring(*state)
        if request == "list":
            return told.listed(ring, AuthorityRing(*state), 0o600, [])
        try:
            asked = verbs.parse(b"bpc-key/1 " + request.encode())
            change = agent._decide(ring, asked)
        except Refused as refused:
            return told.refusal(refused.reason, refused.detail)
        if change.added is not None:
            self.proofs.pop(asked.key_id, None)
        kept = [(change.lines[number].compose() if change.lines[number] else None)
                if number in change.lines else line for number, line in enumerate(self.lines, 1)]
        self.lines = [line for line in kept if line is not None]
        if change.added is not None:
            self.lines.append(change.added.compose())
        return agent._answer(asked, change, agent._code(asked, change))


class Connection:
    """The rotation key's connection; after LOST changes an answer is lost."""

    def __init__(self, machine: Machine, lost: int) -> None:
        self._machine = machine
        self._left = lost

    def __getattr__(self, verb: str) -> Any:
        def change(*words: object) -> Done:
            request = " ".join([verb, *map(str, words)])
            if verb == "stage":
                request = f"stage {words[0]} g{words[1]} {words[2]}"
            data = self._machine.ask(request)
            self._left -= 1
            if self._left == 0:
                raise Trouble(Word.NO_ANSWER, "lost")
            return answer.done(data)

        return change


class Visit:
    """A visit to MACHINE, in place of keys.client.Client."""

    def __init__(self, config: Config, machine: Machine, lost: int = 0) -> None:
        self.config, self.host = config, config.hosts["web1"]
        self._machine = machine
        self.rotation = Connection(machine, lost)

    def list(self) -> Listed:
        return answer.listed(self._machine.ask("list"))

    def prove(self, label: str, pair: Pair) -> None:
        if not self._machine.accepts(pair):
            raise Trouble(Word.NOT_ACCEPTED, "turned away")
        key_id = pair.key_id.encode()
        now = int(time.time())
        self._machine.proofs[key_id] = Proof(label.encode(), pair.generation, now, now)

    def require_replaced(self, label: str, old: Pair, new: Pair) -> None:
        if self._machine.accepts(old):
            raise Trouble(Word.STILL_ACCEPTED, "taken")
        self.prove(label, new)


class Server:
    """A server with its folder; its store can kill it."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        host = Host("web1", "192.0.2.1", {"backup": LABEL}, "")
        self.config = Config("", folder, folder, {"web1": host}, reader="")
        self.machine = machine
        self.store = Store(self.config.database)
        self.pairs = Pairs(self.config.pairs("web1", LABEL))

    def enrol(self) -> None:
        pair = self.pairs.generate(1)
        self.pairs.switch(1)
        self.machine.add(pair)
        self.store.write(Entry("web1", LABEL, State.IDLE, 1, pair.key_id, since=1), "enrolled")

    def rotate(self, soak: int = 0, kill: str = "", lost: int = 0) -> str:
        """Rotate; KILL is before or after and a state. Return the outcome, or how it was killed."""
        visit: Any = Visit(self.config, self.machine, lost)
        store: Any = Killing(self.store, *kill.split(":")) if kill else self.store
        try:
            rotation = Rotation(visit, LABEL, store, None, lambda record: None)
            record = rotation.run(Wish(begin=True, soak=soak))
        except Killed:
            return "killed"
        return record.error or record.outcome

    def roll_back(self) -> None:
        visit: Any = Visit(self.config, self.machine)
        try:
            roll_back(visit, LABEL, self.store, None)
        except Trouble as trouble:
            assert trouble.word == Word.REFUSED

    def lose_store(self) -> None:
        """Lose the store and make it anew."""
        self.store.close()
        for path in self.config.var.glob("state.db*"):
            path.unlink()
        self.store = Store(self.config.database)
        visit: Any = Visit(self.config, self.machine)
        rebuild(visit, LABEL, self.store)


class Killing:
    """A store whose process is killed before or after it writes a state."""

    def __init__(self, store: Store, when: str, state: str) -> None:
        self._store, self._when, self._state = store, when, state
        self.read = store.read

    def write(self, entry: Entry, what: str) -> None:
        if entry.state == self._state and self._when == "before":
            raise Killed
        self._store.write(entry, what)
        if entry.state == self._state:
            raise Killed


def blob(pair: Pair) -> bytes:
    from binascii import a2b_base64

    return a2b_base64(pair.public.split()[1])


def expire(server: Server) -> None:
    """Let the day of staged keys be over, but for the key in use."""
    for number, line in enumerate(server.machine.lines):
        managed = ManagedLine.from_line(parse(line))
        if managed is not None and managed.mark.staged and not _is_used(server, managed):
            server.machine.lines[number] = managed.until(expiry.PAST, True).compose()


def take_out(server: Server, which: int) -> None:
    """Take a line of the label out that is not of the key in use."""
    found = [line for line in server.machine.managed() if not _is_used(server, line)]
    if found:
        gone = found[which % len(found)].mark.key_id
        server.machine.lines = [line for line in server.machine.lines if gone not in line]


def _is_used(server: Server, line: ManagedLine) -> bool:
    current = server.pairs.current()
    return current is not None and current.key_id == line.mark.key_id.decode()


KILLS = st.builds("{}:{}".format, st.sampled_from(["before", "after"]), st.sampled_from(STATES))
ACTIONS = st.one_of(
    st.tuples(st.just("rotate"), st.sampled_from([0, 3600]), KILLS | st.just(""),
              st.integers(0, 4)),
    st.tuples(st.just("expire")), st.tuples(st.just("roll_back")), st.tuples(st.just("lose_store")),
    st.tuples(st.just("take_out"), st.integers(0, 1)),
)


@examples(60)
@given(st.lists(ACTIONS, max_size=12))
def test_the_key_in_use_works_all_the_time_and_two_more_runs_end_with_it_alone(
    actions: list[tuple[Any, ...]],
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bpc-rotation-"))
    try:
        server = Server(folder, Machine())
        server.enrol()
        for name, *values in actions:
            if name in ("expire", "take_out"):
                globals()[name](server, *values)
            else:
                getattr(server, name)(*values)
            current = server.pairs.current()
            assert current is not None
            assert server.machine.accepts(current), name
            assert server.machine.lines[: len(server.machine.others)] == server.machine.others
        # A journal that was rebuilt may have to go back to the older key first.
        outcomes = [server.rotate(), server.rotate()]
        assert outcomes[-1] == "rotated", outcomes
        (line,) = server.machine.managed()
        assert _is_used(server, line)
        (pair,) = server.pairs.all().values()
        assert pair == server.pairs.current()
        visit: Any = Visit(server.config, server.machine)
        assert list(look(visit, LABEL, server.store, Known(server.config))) == []
        server.store.check()
        server.store.close()
    finally:
        shutil.rmtree(folder)


@examples(40)
@given(st.lists(st.tuples(st.integers(0, 1), KILLS | st.just(""), st.integers(0, 4)), max_size=10))
def test_two_servers_of_one_client_never_take_each_others_key_away(
    turns: list[tuple[int, str, int]],
) -> None:
    """The second has no key of the first; each has handed out its own."""
    folder = Path(tempfile.mkdtemp(prefix="bpc-rotation-"))
    try:
        machine = Machine()
        servers = []
        for number in range(2):
            (folder / str(number)).mkdir(mode=0o700)
            servers.append(Server(folder / str(number), machine))
        servers[0].enrol()
        servers[1].store.write(Entry("web1", LABEL), "a host of its own")
        for number, kill, lost in turns:
            server = servers[number]
            outcome = server.rotate(0, kill, lost)
            assert outcome in ("rotated", "killed", "conflict", "unknown-key", "no-answer")
            for each in servers:
                current = each.pairs.current()
                assert current is None or machine.accepts(current), json.dumps(outcome)
        for each in servers:
            each.store.close()
    finally:
        shutil.rmtree(folder)
