"""No change to a configuration file makes the reader believe what perl doesn't see."""

from __future__ import annotations

import random

import pytest

from bpc_ssh_guard.backuppc.undecided import Undecided
from tests.oracles.perl_config import PerlConfig
from tests.unit.backuppc import samples
from tests.unit.backuppc.comparison import differences, understood

from .effort import FACTOR, PROFILE

MUTATIONS = 2400 * FACTOR
_SMALL = rb"""# -*-perl-*-
$ENV{'PATH'} = '/bin';
$Conf{A} = `hostname`; chomp($Conf{A});
$Conf{B} = 027; $Conf{C} = -1; $Conf{D} = [1, 2..4, 7.5,];
$Conf{E} = 'it\'s' . "a\tb" . $Conf{B};
$Conf{F} = { a => 1, 'b' => [undef, {}], "c" => <<EOF, };
$Conf{F} = { a => 1, 'b' => [undef, {}] };
$Conf{F}{a} = 'x'; $Conf{F}{n}{m} = 0;
$Conf{G} = <<'EOF';
text = 'x'; \$y
EOF
$Conf{H} = '/bin/ls' if -x '/bin/ls';
# it's a "comment"
$Conf{I} = undef;
1;
""".replace(b"$Conf{F} = { a => 1, 'b' => [undef, {}], \"c\" => <<EOF, };\n", b"")
_PIECES = (
    b"$Conf{C} = 2;", b"$Conf{B}", b"$Conf", b"{", b"}", b"[", b"]", b"(", b")", b"'", b'"', b"`",
    b"\\", b"$", b"@", b"%", b"#", b";", b",", b".", b"..", b"=", b"=>", b"==", b"-", b"+", b"0",
    b"1", b"9", b"0x1", b"1_0", b"1e3", b"1.5", b"v1", b"undef", b"q", b"qq{", b"q'", b"y", b"x",
    b"-x", b"if", b"unless", b"do", b"my", b"our", b"use utf8;", b"\n", b" ", b"\t", b"\r", b"\0",
    b"\xe9", b"\xc3\xa9", b"\n=cut\n", b"\n=pod\n", b"__END__", b"__DATA__", b"<<EOF;", b"<<'EOF';",
    b"\nEOF\n", b"EOF", b"\n# line 7\n", b"=~", b"->", b"//", b"::", b"'a'", b'"b"', b"\\x{41}",
    b"\\n", b"\\1", b"return", b"exit", b"sub", b"&", b"*", b"<", b">", b"|", b"!", b"~", b"?",
    b":", b"a => ", b"{a}", b"{'a'}", b"$_", b"\x04", b"\x1a", b"\x0c", b"print", b"package X;",
)  # fmt: skip


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return DATA after a few changes: pieces put in, cut, doubled, moved, bytes replaced."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        first, second = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        second = min(second, first + chance.choice((1, 2, 5, 30)))
        piece = data[first:second]
        kind = chance.randrange(5)
        if kind == 0:
            data = data[:first] + chance.choice(_PIECES) + data[first:]
        elif kind == 1:
            data = data[:first] + data[second:]
        elif kind == 2:
            data = data[:first] + chance.choice(_PIECES) + data[second:]
        elif kind == 3:
            place = chance.randrange(len(data) + 1)
            data = data[:place] + piece + data[place:]
        else:
            data = data[:first] + bytes((chance.randrange(256),)) + data[second:]
    return data


@pytest.fixture(scope="module")
def perl():
    """Return perl, which lives as long as the module's tests."""
    oracle = PerlConfig()
    yield oracle
    oracle.close()


def test_believes_nothing_of_a_changed_file_that_perl_does_not_see(perl):
    chance = random.Random(6 if PROFILE == "quick" else None)
    sources = (_SMALL, _SMALL, samples.V2, samples.HOST, samples.V3)
    read = 0
    for _ in range(MUTATIONS):
        data = mutated(chance.choice(sources), chance)
        try:
            conf = understood(data)
        except Undecided:
            continue
        read += 1
        assert differences(conf, perl.read(data)) == [], data
    # Else the property would hold for a reader that refuses everything.
    assert read > MUTATIONS // 8
