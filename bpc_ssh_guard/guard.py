"""The forced command on one page: bytes from sshd, a decision, a record, and then the program.

`bpc-ssh-guard [--policy FILE] LABEL KEYID` in authorized_keys. Nothing runs that was not recorded,
nothing is recorded that was not decided, and the peer learns one word of why not.
"""

from __future__ import annotations

import os
import sys

from . import exits
from .command.parse import understand
from .command.secluded import read_from
from .confine import launch, programs
from .confine.launch import Ended
from .errors import GuardFailure, Refused, tell
from .lean import SIG_SETMASK, pthread_sigmask
from .policy import addresses, arguments, limits, load
from .policy.decide import decide
from .policy.model import Confine
from .record import witness
from .record.event import Session
from .record.sink import Kind, Sink
from .record.syslog_copy import send_copy
from .vocabulary import Operation, Program, Reason, is_authority_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final, Optional

    from .command.parse import Command
    from .policy.decide import Plan
    from .policy.model import Block, Policy
    from .policy.window import Grant
    from .record.event import Known

ORIGINAL_COMMAND: Final = b"SSH_ORIGINAL_COMMAND"
USER_AUTH: Final = b"SSH_USER_AUTH"
STDIN: Final = 0


def main(argv: Sequence[str]) -> int:
    """Serve one login with the arguments of the forced command; return the exit status."""
    try:
        return _serve(argv)
    except Exception:  # not even the refusal could be recorded; the peer sees no traceback
        return tell(Reason.INTERNAL)


def _serve(argv: Sequence[str]) -> int:
    try:
        policy_path, label, key_id = arguments.parse([os.fsencode(word) for word in argv])
    except GuardFailure as failure:
        nobody = Session.from_environment(os.environb, b"", b"")
        send_copy(nobody.denied(reason=failure.reason, detail=failure.detail))
        return tell(failure.reason)
    # A mask inherited from the login's parents could hold back every deadline below.
    pthread_sigmask(SIG_SETMASK, ())
    login = _Login(label, key_id, os.environb)
    try:
        return login.serve(policy_path)
    except Refused as refusal:
        return login.answer_no(refusal.reason, refusal.detail, refusal)
    except GuardFailure as failure:
        return login.answer_no(failure.reason, failure.detail)
    except Exception as fault:  # a fault of the guard: nothing runs, and the log says what it was
        return login.answer_no(Reason.INTERNAL, f"{type(fault).__name__}: {fault}")


class _Login:
    """One login by one key, from its command to its last record."""

    def __init__(self, label: bytes, key_id: bytes, environ: Mapping[bytes, bytes]) -> None:
        self.label = label
        self.named = key_id  # in the forced command: of a certificate, its authority's
        self.key_id = key_id
        self.original = environ.get(ORIGINAL_COMMAND) or None  # some clients send "" for no command
        self.shown = environ.get(USER_AUTH)
        self.session = Session.from_environment(environ, label, key_id)
        # What is known so far; a record of refusal shows it.
        self.policy: Optional[Policy] = None
        self.sink: Optional[Sink] = None
        self.block: Optional[Block] = None
        self.secluded: Optional[bytes] = None
        self.command: Optional[Command] = None
        self.grant: Optional[str] = None

    def serve(self, policy_path: bytes) -> int:
        """Decide, record, run, record; return the child's status. Raises Refused, GuardFailure."""
        policy = self.policy = load.load(policy_path)
        self.sink = Sink.open(policy.log, policy.state)
        self.sink.policy = policy.path, policy.sha256
        if self.shown is not None or is_authority_id(self.named):
            self._identify()
        block = self.block = self._block(policy)
        if self.original is None:
            return self._greet(policy)
        if block.operation == Operation.AUDIT:
            from .logagent.agent import Auditor

            return Auditor(self.session, self.sink, policy, block, self._run).serve(self.original)
        if block.operation == Operation.ROTATE:
            from .keyagent.agent import Rotator

            rotator = Rotator(self.session, policy, block, self.key_id, self._record)
            return rotator.serve(self.original)
        command = self.command = understand(self.original, self._read_list)
        grant = self._find_grant(policy, block)
        rsync = command.server.program == Program.RSYNC  # tar has no use for what rsync knows
        known = programs.protections(policy.rsync) if rsync else frozenset()
        plan = decide(policy, block, command, known, grant)
        if rsync:
            programs.require_no_popt_alias()
        if command.prefixes.sudo and os.geteuid() != 0:
            raise Refused(Reason.NOT_ROOT, "log in as root, or take sudo out of the command")
        limits.require_space(plan.roots, block.keep_free)
        from .keyagent import proofs

        slot = limits.take_slot(policy.state, self.label, block.max_sessions)
        try:
            return self._launch(plan, policy, block)
        finally:
            os.close(slot)
            proofs.touch(policy.state, proofs.name_of(self.label, self.named))

    def _find_grant(self, policy: Policy, block: Block) -> Optional[Grant]:
        """Return the grant under which a restore runs now, None where none is open or needed."""
        if block.operation != Operation.RESTORE:
            return None
        from .policy import window  # a backup's way does without it

        grant = window.find_usable(policy.state, block)
        self.grant = grant.identity.decode("ascii") if grant else None
        return grant

    def _identify(self) -> None:
        """Know the key that logged in as sshd shows it; raises Refused(key-mismatch)."""
        from .record import authinfo

        identity = authinfo.identify(self.shown, self.named)
        self.key_id = identity.key_id
        self.session = self.session.of_key(self.label, self.key_id, identity.members)
        if identity.complaint:
            raise Refused(Reason.KEY_MISMATCH, identity.complaint)

    def _block(self, policy: Policy) -> Block:
        block = policy.blocks.get(self.label)
        if block is None:
            raise Refused(Reason.UNKNOWN_KEY, f"the policy has no Key {self.label.decode()}")
        if block.networks and not addresses.admits(block.networks, self.session.peer):
            raise Refused(Reason.WRONG_ADDRESS, f"From does not list {self.session.peer}")
        return block

    def _read_list(self) -> bytes:
        self.secluded = read_from(STDIN)
        return self.secluded

    def _greet(self, policy: Policy) -> int:
        """Tell who this is: the proof that the key of this line logged in."""
        from .keyagent import greeting

        self._record(self.session.greeted(**self._known()))
        greeting.greet(policy, self.label, self.named, self.key_id)
        return exits.REFUSED

    def _launch(self, plan: Plan, policy: Policy, block: Block) -> int:
        server = plan.command.server
        confinement = None
        if policy.confine != Confine.OFF:
            from . import profiles  # and ctypes with it: 3 ms that Confine off does not pay

            confinement = profiles.prepare(policy, block, plan)
        start = self.session.started(
            executable=plan.executable, argv=plan.argv, rule=server.rule,
            confine=policy.confine, layers=confinement.effective if confinement else None,
            **self._known(),
        )

        def run() -> Ended:
            if self.sink is not None and server.program == Program.RSYNC:
                witness.tell(self.sink)
            how = launch.Launch(plan.executable, plan.argv, plan.nice, plan.io, confinement)
            return launch.run(how)

        return self._run(start, run)

    def _run(self, start: bytes, work: Callable[[], Ended]) -> int:
        """Record START, do the WORK and record how it ended; return the status."""
        self._record(start, Kind.START)
        try:
            ended = work()
        except (GuardFailure, Refused) as failure:
            self._record_end(Ended(), failure.reason, failure.detail)
            return self._say_no(failure.reason)
        self._record_end(ended)
        return ended.status if ended.status is not None else exits.SIGNALLED + (ended.signal or 0)

    def _record_end(self, ended: Ended, code: Optional[str] = None, detail: str = "") -> None:
        line = self.session.ended(
            exit_status=ended.status, signal=ended.signal, duration_ns=ended.duration_ns,
            read_bytes=ended.read_bytes, write_bytes=ended.write_bytes, rusage=ended.rusage,
            code=code, detail=detail,
        )
        try:
            self._record(line, Kind.END)
        except GuardFailure as failure:  # too late to refuse: what ran has its start record
            send_copy(line)
            self._tell_syslog(failure)
            self._owe_end()

    def answer_no(self, reason: str, detail: str, refusal: Optional[Refused] = None) -> int:
        """Record why nothing runs, tell the peer one word, return the status."""
        line = self.session.denied(
            reason=reason, detail=detail,
            offset=refusal.offset if refusal else None,
            where="secluded-list" if refusal and refusal.in_list else "command",
            rule=self.command.server.rule if self.command else None,
            **self._known(),
        )
        if self.sink is None:  # no policy, no log: syslog is the only witness
            send_copy(line)
            return tell(reason)
        try:
            self._record(line, Kind.REFUSAL)
        except GuardFailure as failure:
            send_copy(line)
            self._tell_syslog(failure)
            reason = failure.reason
        return self._say_no(reason, detail)

    def _say_no(self, reason: str, detail: str = "") -> int:
        """Tell the peer why not, a program that speaks a protocol in its language too."""
        purpose = self.block.operation if self.original and self.block else None
        if purpose == Operation.AUDIT:
            from .logagent import answer as of_log

            of_log.send(of_log.refusal(reason))
        elif purpose == Operation.ROTATE:
            from .keyagent import answer as of_keys

            of_keys.send(of_keys.refusal(reason, detail))
        return tell(reason)

    def _owe_end(self) -> None:
        """Leave a note that the end is missing, if that can be left."""
        try:
            if self.sink is not None:
                self.sink.owe_end(self.session.entity_id)
        except GuardFailure:
            return

    def _tell_syslog(self, failure: GuardFailure) -> None:
        """Send what the log could not take: why it could not."""
        send_copy(self.session.denied(reason=failure.reason, detail=failure.detail))

    def _known(self) -> Known:
        """Return what is known so far, for a record."""
        server = self.command.server if self.command else None
        return {
            "command": self.original,
            "secluded": self.secluded,
            "purpose": self.block.operation if self.block else None,
            "operation": server.operation if server else None,
            "program": server.program if server else None,
            "paths": server.paths if server else None,
            "features": self.command.features if self.command else None,
            "grant": self.grant,
            "policy_sha256": self.policy.sha256 if self.policy else None,
        }

    def _record(self, line: bytes, kind: str = Kind.OTHER) -> None:
        """Write LINE to the log and a copy to syslog; raises GuardFailure(cannot-record)."""
        if self.sink is None:
            raise GuardFailure(Reason.CANNOT_RECORD, "the policy that names the log is not read")
        for each in self.sink.append(line, kind, (self.label.decode(), self.key_id.decode())):
            send_copy(each)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
