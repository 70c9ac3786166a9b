"""One request of an auditor: understood, recorded, answered."""

from __future__ import annotations

import os
import time

from .. import exits
from ..confine.launch import Ended
from ..errors import GuardFailure, Refused
from ..lean import SIGPIPE
from ..policy import limits
from ..record.logs import checkpoint_served
from ..record.syslog_copy import send_copy
from ..vocabulary import Reason
from . import answer, events, segments, verbs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ..policy.model import Block, Policy
    from ..record.event import Session
    from ..record.sink import Sink
    from .verbs import ExportRequest

    # Records a start, does the work and records its end, as the guard does for a program.
    Run = Callable[[bytes, Callable[[], Ended]], int]


class Auditor:
    """A login by an audit key, SESSION, whose POLICY and BLOCK were found; RUN is the guard's."""

    __slots__ = ("_block", "_policy", "_run", "_session", "_sink")

    def __init__(
        self, session: Session, sink: Sink, policy: Policy, block: Block, run: Run
    ) -> None:
        self._session: Final = session
        self._sink: Final = sink
        self._policy: Final = policy
        self._block: Final = block
        self._run: Final = run

    def serve(self, command: bytes) -> int:
        """Answer COMMAND; return the exit status. Raises Refused and GuardFailure."""
        request = verbs.parse(command)
        slot = limits.take_slot(self._policy.state, self._block.label, self._block.max_sessions)
        try:
            if isinstance(request, verbs.CheckpointRequest):
                return self._checkpoint(request.nonce)
            start = events.export_started(self._session, command, self._policy.sha256)
            return self._run(start, lambda: self._export(request))
        finally:
            os.close(slot)

    def _checkpoint(self, nonce: bytes) -> int:
        point = self._sink.checkpoint(checkpoint_served(nonce, self._session), nonce)
        for line in point.lines:
            send_copy(line)
        sent = answer.send(answer.checkpoint(point))
        return exits.YES if sent else exits.SIGNALLED + SIGPIPE

    def _export(self, request: ExportRequest) -> Ended:
        """Send the lines that REQUEST asks for. Raises GuardFailure where they can't be read.

        Raises Refused for what lies behind the end: who asks for it knows of more records than
        there are. The log is locked while its state is read and no longer: nobody's reading stops
        a backup.
        """
        begin, count, status = time.monotonic_ns(), 0, 0
        end = self._sink.inspect()  # behind the start's own record, so that no crash makes it older
        if request.first >= end.sequence:
            detail = f"there were {end.sequence - 1} records before this command's own"
            raise Refused(Reason.BAD_OPERAND, detail, request.offset)
        try:
            for piece in segments.pieces(self._policy.log, request.first, end):
                if not answer.send(piece):
                    status = SIGPIPE  # as a program would end
                    break
                count += len(piece)
        except OSError as error:
            detail = f"the log can't be read: {error.strerror or 'unknown error'}"
            raise GuardFailure(Reason.INTERNAL, detail) from None
        return Ended(status, time.monotonic_ns() - begin, (count, count))
