"""The reader's view of configuration files is perl's, wherever the reader claims to know."""

from __future__ import annotations

import glob
import subprocess

import pytest

from bpc_ssh_guard.backuppc.perl.reader import read
from bpc_ssh_guard.backuppc.perl.values import is_true, number, text
from bpc_ssh_guard.backuppc.undecided import Undecided

from . import samples
from .comparison import differences, understood

INSTALLED = (
    "/usr/share/backuppc/conf/config.pl",
    *sorted(glob.glob("/usr/share/doc/backuppc/examples/*.pl")),
)  # fmt: skip
_SAVE = r"""
use lib '/usr/share/backuppc/lib'; use BackupPC::Storage::Text; our %Conf;
my ($file) = @ARGV;
my $storage = bless {}, 'BackupPC::Storage::Text';
do $file or die; my %new = %Conf;
$new{SmbSharePasswd} = "it's \\ odd"; $new{ClientComment} = "\x{263a} caf\x{e9}";
$new{UmaskMode} = '23'; $new{RsyncArgsExtra} = ['a', undef, 'b']; $new{Added} = {'a b' => []};
my ($error, $contents) = $storage->ConfigFileMerge($file, \%new);
die $error if $error; print $contents;
"""


def saved_by_the_cgi() -> bytes:
    """Return Debian's configuration as BackupPC itself writes it at a save in the browser."""
    argv = ["/usr/bin/perl", "-e", _SAVE, INSTALLED[0]]
    return subprocess.run(argv, capture_output=True, check=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin"}).stdout


@pytest.mark.parametrize("path", INSTALLED)
def test_reads_installed_files_as_perl_does(perl, path):
    with open(path, "rb") as file:
        data = file.read()
    assert differences(understood(data), perl.read(data)) == []


def test_knows_all_but_four_settings_of_debians_configuration():
    with open(INSTALLED[0], "rb") as file:
        conf = understood(file.read())
    assert set(conf.unknown) == {"ServerHost", "ParPath", "SshPath", "CgiURL"}
    assert len(conf.known) == 157


def test_reads_what_the_cgi_saved_as_perl_does(perl):
    data = saved_by_the_cgi()
    conf = understood(data)
    assert differences(conf, perl.read(data)) == []
    assert conf.known["SmbSharePasswd"] == "it's \\ odd"
    assert conf.known["ClientComment"] == "\u263a caf\u00e9"
    assert conf.known["Added"] == {"a b": []}


@pytest.mark.parametrize("data", [samples.V3, samples.V2, samples.HOST], ids=["v3", "v2", "host"])
def test_reads_older_manners_as_perl_does(perl, data):
    conf = understood(data)
    assert differences(conf, perl.read(data)) == []
    assert len(conf.known) >= 4


@pytest.mark.parametrize("statement", samples.STRANGE)
def test_knows_nothing_of_a_file_with_a_strange_statement(statement):
    before = b"$Conf{ServerPort} = -1;\n$Conf{MaxBackups} = 4;\n"
    at_once = statement.startswith((b"#!", b"\xef"))
    data = statement + b"\n" + before if at_once else before + statement + b"\n"
    with pytest.raises(Undecided) as undecided:
        understood(data)
    first = 1 if at_once else 3
    assert undecided.value.line in range(first, data.count(b"\n") + 2)


def test_says_where_each_statement_stands():
    data = samples.V3
    statements = read("x", data)
    assert len(statements) == 27
    for each in statements:
        assert data[each.begin:each.end].endswith((b";", b"EOF", b"EOT"))
        assert data[:each.begin].count(b"\n") + 1 == each.line
        if each.assigned is not None:
            name = each.assigned.keys[0].encode()
            assert data[each.begin:].startswith(b"$Conf{" + name + b"}")
    kept = b"".join(data[each.begin:each.end] + b"\n" for each in statements)
    assert understood(kept).known == understood(data).known


def test_leaves_out_the_text_of_a_file_from_what_it_says():
    with pytest.raises(Undecided) as undecided:
        understood(b"$Conf{SmbSharePasswd} = 'hunter2' x 'hunter3';\n")
    assert "hunter" not in f"{undecided.value} {undecided.value.__cause__}"


@pytest.mark.parametrize("data", [
    b"[" * 2_000_000,
    b"$Conf{A} = " + b"[" * 100_000 + b"]" * 100_000 + b";",
    b"$Conf{A} = '" + b"\\" * 2_000_001,
    b"1;" * 1_000_000,
    b"# " * 1_000_000 + b"\n$",
    b" \n\t" * 600_000 + b"$",
    b"$Conf{A} = <<EOF;\n" * 100_000,
    b"$Conf{A} = 'a';\n" + b"$Conf{A} = $Conf{A}.$Conf{A};\n" * 64,
    b"$Conf{A} = [" + b"0..9999," * 10_000 + b"];",
    b"$Conf{A} = [0..999999999];",
    b"{" + b"a => {" * 100_000,
    b"$Conf{'" + b"a" * 1_000_000,
    b"$Conf" + b"{a}" * 500_000 + b"[0]",
    b"\0" * 2_000_000,
    b"use utf8;\n$Conf{A} = '\xff';",
], ids=range(15))  # fmt: skip
def test_ends_undecided_on_hostile_files(data):
    with pytest.raises(Undecided) as undecided:
        understood(data)
    assert undecided.value.line is not None


@pytest.mark.parametrize("value", [
    None, "", "0", "00", "0.0", "0 but true", " ", "5001abc", "1e3", "0x10", "-1", " 12", "+3",
    ".5", "1.", "abc", "1_000", "\n7", "-.5e1x", "--1", "1e", "9007199254740993",
])  # fmt: skip
def test_judges_values_as_perl_does(value):
    given = "@ARGV" if value is not None else "undef"
    script = f"my ($v) = {given}; no warnings; print $v ? 1 : 0, ' ', $v + 0, ' ', $v"
    argv = ["/usr/bin/perl", "-e", script, "--", value or ""]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    truth, amount, words = done.stdout.decode().split(" ", 2)
    assert is_true(value) == (truth == "1")
    assert float(number(value)) == float(amount)
    assert text(value) == words
