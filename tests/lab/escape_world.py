"""The world of the corpus' confine entries, run for real in a private mount namespace.

Started by /usr/bin/python3 as root inside `unshare --mount`: it lays empty file systems over /srv,
/home, /root, /tmp and /mnt, installs the guard on /mnt, and serves entries from standard input, one
JSON object a line; for each it writes one with the escapes that it saw. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from typing import Any

from tests import command_log

SENTINEL = b"TOPSECRET-SENTINEL"
COVERED = ("/srv", "/home", "/root", "/tmp")
GUARD = "/mnt/guard/sbin/bpc-ssh-guard"
POLICY = """\
Log /mnt/log
Key corpus-backup
    Backup /srv/data /home
Key corpus-restore
    Restore /srv/restore
    Accept {accept}
    Window always
    Delete no
"""
ALICE = 1234  # any uid that is not root's
Entry = dict[str, Any]


def main(checkout: str) -> None:
    """Install the guard from CHECKOUT, then run the entries of standard input."""
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt")
    command_log.begin("/mnt/log")
    install = ["/usr/bin/python3", "-m", "bpc_ssh_guard", "guardctl", "install"]
    subprocess.run([*install, "--prefix", "/mnt/guard"], cwd=checkout, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    entries = [json.loads(line) for line in sys.stdin]
    os.chdir("/")
    for folder in COVERED:
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    for entry in entries:
        make_world()
        print(json.dumps({"id": entry["id"], **serve(entry)}), flush=True)


def run(*words: str) -> None:
    subprocess.run(words, check=True)


def write(path: str, text: bytes = b"x\n", owner: int = 0) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text)
    os.chown(path, owner, owner)


def make_world() -> None:
    """Lay the world that the corpus' README describes, and what single notes add to it."""
    subprocess.run(["umount", "/srv/data/bind"], stderr=subprocess.DEVNULL, check=False)
    for folder in (*COVERED, "/mnt/out", "/mnt/src"):
        run("sh", "-c", f"rm -rf {folder}/* {folder}/.[!.]*; mkdir -p {folder}")
    os.chmod("/tmp", 0o1777)
    for path in ("/srv/data/f1", "/srv/data/sub/f2", "/srv/data/My Docs/d", "/srv/restore/sub/old",
                 "/srv/victim", "/root/.ssh/authorized_keys"):
        write(path)
    for path in ("/root/secret.txt", "/srv/dataX/secretx", "/root/secretx"):
        write(path, SENTINEL)
    write("/srv/s.txt", b"f1\n")
    write("/home/alice/.ssh/authorized_keys", owner=ALICE)
    os.chown("/home/alice", ALICE, ALICE)
    os.symlink("/root", "/home/alice/link")
    os.lchown("/home/alice/link", ALICE, ALICE)
    os.symlink("/root", "/srv/data/dlink")
    os.symlink("/root/secret.txt", "/srv/data/flink")
    os.symlink("/root", "/srv/restore/dlink")
    os.mkdir("/srv/data/bind")
    make_hostile_source()


def make_hostile_source() -> None:
    """Lay what a hostile server sends in a restore."""
    write("/mnt/src/evil")
    write("/mnt/src/dlink/evil")
    write("/mnt/src/suid")
    os.chmod("/mnt/src/suid", 0o4755)
    os.symlink("/root", "/mnt/src/absolute")
    write("/mnt/src/capable")
    os.setxattr("/mnt/src/capable", "security.capability",
                bytes.fromhex("0100000200040000000000000000000000000000"))
    os.mknod("/mnt/src/device", 0o600 | stat.S_IFBLK, os.makedev(7, 0))


def serve(entry: Entry) -> dict[str, Any]:
    """Run one entry as its client would, and return what came of it."""
    adapt(entry["id"])
    restore = entry["policy_hint"]["operation"] == "restore"
    write("/mnt/policy", POLICY.format(
        accept=" ".join(entry["policy_hint"]["accept"] or ["nice"])).encode())
    before = outside(), os.stat("/srv/restore")
    mark = len(command_log.records("/mnt/log"))
    output = drive(entry, "corpus-restore" if restore else "corpus-backup")
    escapes = list(find_escapes(entry["id"], before, output))
    records = settled_records(mark)
    started = [r for r in records if r["event.action"] == "command-started"]
    return {
        "escapes": escapes,
        "allowed": bool(started),
        "layers": started[0].get("bpc.confine.layers") if started else None,
        "ended": [
            r.get("process.exit_code", -r.get("bpc.signal", 0)) for r in records
            if r["event.action"] == "command-ended"
        ],
    }


def settled_records(mark: int) -> list[dict[str, Any]]:
    """Return the guard's records after the first MARK, the end of what started with them."""
    for _ in range(200):
        records = command_log.records("/mnt/log")[mark:]
        actions = [record["event.action"] for record in records]
        if actions.count("command-started") == actions.count("command-ended"):
            return records
        time.sleep(0.05)
    raise RuntimeError("a started command has no end record")


def adapt(identity: str) -> None:
    """Set up what the entry's note asks for beyond the world."""
    if identity == "rsync-stream-005":
        run("mount", "--bind", "/root", "/srv/data/bind")
    if identity == "tar-stream-006":
        os.unlink("/srv/restore/dlink")
        os.symlink("/srv", "/srv/restore/dlink")


def drive(entry: Entry, label: str) -> bytes:
    """Let the right client talk to the guard; return what reached it outside files."""
    environment = {
        "PATH": "/usr/bin:/bin", "SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 2",
        "SSH_ORIGINAL_COMMAND": entry["command"], **(entry.get("env") or {}),
    }
    raw = {os.fsencode(k): v.encode("utf-8", "surrogateescape") for k, v in environment.items()}
    command = [GUARD, "--policy", "/mnt/policy", label, "0" * 32]
    if "--server" not in entry["command"] or "--files-from" in entry["command"]:
        stdin = bytes.fromhex(entry["stdin_hex"] or "")
        return subprocess.run(command, input=stdin, env=raw, capture_output=True,
                              timeout=60, check=False).stdout
    # The client's own idea of the command is dropped: its flags match the recorded one. What is
    # inherited from sshd reaches the guard, not the client.
    words = [b"/usr/bin/env", b"-i", *(k + b"=" + v for k, v in raw.items()),
             *map(os.fsencode, command)]
    with open("/mnt/rsh", "wb") as shell:
        quoted = [b"'" + word.replace(b"'", b"'\\''") + b"'" for word in words]
        shell.write(b"#!/bin/sh\nexec " + b" ".join(quoted) + b"\n")
    os.chmod("/mnt/rsh", 0o755)
    client = subprocess.run(client_of(entry), cwd="/mnt/src", capture_output=True, timeout=60,
                            env={"PATH": "/usr/bin:/bin", "RSYNC_RSH": "/mnt/rsh"}, check=False)
    return client.stdout + client.stderr


def client_of(entry: Entry) -> list[bytes]:
    """Return the rsync client whose server command ENTRY holds."""
    words = entry["command"].encode("utf-8", "surrogateescape").replace(b"\\ ", b"\0").split(b" ")
    cluster = next(word for word in words if word[:1] == b"-" and word[1:2] != b"-")
    flags = b"-" + cluster[1:].partition(b"e")[0]
    secluded = b"s" in flags
    if secluded:
        path = bytes.fromhex(entry["stdin_hex"]).rstrip(b"\0").split(b"\0")[-1]
    else:
        path = words[-1].replace(b"\0", b" ").replace(b"\\", b"")
    options = [b"--numeric-ids"] if b"--numeric-ids" in words else []
    if b"--sender" in words:
        rule = [b"-f", b":- /srv/s.txt"] if entry["id"] == "rsync-stream-008" else []
        return [b"/usr/bin/rsync", flags, *options, *rule, b"host:" + path, b"/mnt/out/"]
    return [b"/usr/bin/rsync", flags, *options, b"./", b"host:" + path]


def outside() -> dict[str, tuple[object, ...]]:
    """Return what stands outside the restore root: type, mode, owner, links, content."""
    found: dict[str, tuple[object, ...]] = {}
    for top in COVERED:
        for folder, folders, files in os.walk(top):
            if folder == "/srv" and "restore" in folders:
                folders.remove("restore")
            for name in (*folders, *files, "."):
                path = os.path.join(folder, name)
                status = os.lstat(path)
                content = b""
                if stat.S_ISREG(status.st_mode):
                    with open(path, "rb") as file:
                        content = hashlib.sha256(file.read()).digest()
                links = status.st_nlink if stat.S_ISREG(status.st_mode) else 0
                found[path] = (status.st_mode, status.st_uid, status.st_gid, links, content)
    return found


def find_escapes(identity: str, before: tuple[Any, os.stat_result], output: bytes) -> Any:
    """Yield what is outside that should not be: content, changes, and powers below the root."""
    if SENTINEL in output or any(SENTINEL in content for content in contents("/mnt/out")):
        yield "the sentinel came out"
    after = outside()
    for path in sorted(set(before[0]) | set(after)):
        if before[0].get(path) != after.get(path):
            yield f"{path} changed"
    now = os.stat("/srv/restore")
    if (now.st_mode, now.st_uid) != (before[1].st_mode, before[1].st_uid):
        yield "mode or owner of the restore root changed"
    yield from powers("/srv/restore")
    came = set(os.listdir("/mnt/out"))
    if identity == "rsync-stream-008" and "sub" in came and "f1" not in came:
        yield "the merge file outside the root was read"
    if identity == "rsync-inband-018" and came:
        yield "the star was expanded"


def contents(top: str) -> Any:
    for folder, _, files in os.walk(top):
        for name in files:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as file:
                    yield file.read()


def powers(top: str) -> Any:
    """Yield what below TOP would make somebody root."""
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                yield f"{path} has a set-id bit"
            if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
                yield f"{path} is a device"
            if stat.S_ISREG(mode) and "security.capability" in os.listxattr(path):
                yield f"{path} has capabilities"


if __name__ == "__main__":
    main(sys.argv[1])
