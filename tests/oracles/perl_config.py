"""What perl itself makes of a configuration file: run apart, where the file can harm nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from .confined import ENVIRONMENT, NOBODY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpc_ssh_guard.backuppc.perl.values import Value

# Each line of input names files that are read one after the other, as BackupPC reads a host's own
# after config.pl. A child reads them, so that no file changes how the next one is read.
_SCRIPT = r"""
use strict; use JSON::PP; use POSIX (); our %Conf; $| = 1;
sub norm { my $x = shift; return undef if !defined $x;
    return [map norm($_), @$x] if ref $x eq 'ARRAY';
    return {map { $_ => norm($x->{$_}) } keys %$x} if ref $x eq 'HASH'; return "$x"; }
while (defined(my $names = <STDIN>)) {
    chomp $names;
    pipe(my $out, my $in) or die;
    my $child = fork() // die;
    if (!$child) {
        close $out; alarm 60;
        open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
        my $failed = 0;
        for my $file (split /\t/, $names) { -r $file or die; do $file; $failed = 1 if $@; }
        print $in JSON::PP->new->canonical->ascii->encode($failed ? {} : {conf => norm(\%Conf)}), "\n";
        close $in; POSIX::_exit(0);
    }
    close $in;
    my $answer = <$out>;
    waitpid($child, 0);
    print $answer // "null\n";
}
"""  # noqa: E501
_APART = (
    "unshare", "--mount", "--net", "--ipc", "--",
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs",
    "--bounding-set=-all", "--",
)  # fmt: skip


class PerlConfig:
    """A perl that lives as long as the object and reads files written to a folder of its own."""

    def __init__(self) -> None:
        # Not below pytest's own folder, which each new run closes to the account nobody.
        self._folder = tempfile.mkdtemp(prefix="perl-config-")
        os.chmod(self._folder, 0o755)
        before = _APART if os.geteuid() == 0 else ("setpriv", "--no-new-privs", "--")
        self._process = subprocess.Popen(
            [*before, "/usr/bin/perl", "-e", _SCRIPT], cwd="/", text=True, encoding="ascii",
            env={key.decode(): value.decode() for key, value in ENVIRONMENT.items()},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def read(self, *contents: bytes) -> dict[str, Value] | None:
        """Return %Conf after the files with CONTENTS; None where perl fails on one."""
        paths = [self._written(number, data) for number, data in enumerate(contents)]
        return self._asked(paths)

    def _written(self, number: int, data: bytes) -> str:
        path = os.path.join(self._folder, f"{number}.pl")
        with open(path, "wb") as file:
            file.write(data)
        return path

    def _asked(self, paths: Sequence[str]) -> dict[str, Value] | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\t".join(paths) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"perl ended with {self._process.poll()}")
        answer: dict[str, Any] | None = json.loads(line)
        if answer is None:  # says nothing about the files: none of them ends perl
            raise AssertionError("the child that read them was killed")
        return answer.get("conf")

    def close(self) -> None:
        """End perl, by the end of its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        shutil.rmtree(self._folder)
