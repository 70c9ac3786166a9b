"""Many clients at a time: a thread and one connection for each, whatever happens to the others."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Optional, Union

from .client import Client
from .lock import locked
from .record import Outcome, Record
from .trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from .config import Config, Host

    Tell = Callable[[Record], None]
    # Serves one label whose lock is held, tells of its steps, and returns how it ended.
    Work = Callable[[Client, str, Tell], Record]

JOBS: Final = 8
MOST_JOBS: Final = 32  # threads of one process: more only wait for each other; use --shard


def shard(hosts: Sequence[Host], number: int, count: int) -> list[Host]:
    """Return the hosts of shard NUMBER, from 1, of COUNT: the same ones in each run."""
    return [host for host in hosts if _hash(host.name) % count == number - 1]


def run(
    config: Config, wanted: Sequence[tuple[Host, Sequence[str]]], jobs: int, work: Work,
    *, exclusive: bool = True,
) -> Iterator[Record]:
    """Do WORK for the labels of each host of WANTED, JOBS hosts at a time; yield what is told.

    Work that only looks takes no lock: EXCLUSIVE is false.

    Trouble ends one label and is told; any other exception, as of a damaged store, ends the run
    and is raised here.
    """
    told: queue.SimpleQueue[Union[Record, Exception, None]] = queue.SimpleQueue()
    stop = threading.Event()

    def serve(host: Host, labels: Sequence[str]) -> None:
        try:
            with Client(config, host) as client:
                for label in labels:
                    if not stop.is_set():
                        told.put(_serve(client, label, work, told.put, exclusive))
        except Exception as problem:
            told.put(problem)
        finally:
            told.put(None)

    pool = ThreadPoolExecutor(jobs)
    try:
        for host, labels in wanted:
            pool.submit(serve, host, labels)
        left = len(wanted)
        while left:
            item = told.get()
            if item is None:
                left -= 1
            elif isinstance(item, Exception):
                raise item
            else:
                yield item
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _serve(
    client: Client, label: str, work: Work, tell: Tell, exclusive: bool
) -> Record:
    last: Optional[Record] = None

    def remember(record: Record) -> None:
        nonlocal last
        last = record
        tell(record)

    try:
        with _held(client, label) if exclusive else contextlib.nullcontext():
            return work(client, label, remember)
    except Trouble as trouble:
        step = last.step if last is not None else ""
        return Record(client.host.name, label, step, Outcome.FAILED, error=trouble.word,
                      text=str(trouble))


def _held(client: Client, label: str) -> AbstractContextManager[None]:
    return locked(client.config.locks, client.host.name, label)


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("ascii")).digest()[:8], "big")
