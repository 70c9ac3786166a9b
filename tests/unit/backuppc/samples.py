"""Configuration files in the manner of BackupPC's versions, made for the tests."""

from __future__ import annotations

V3 = rb"""#============================================================= -*-perl-*-
# A server of version 3, as an admin has edited it over the years.
$ENV{'PATH'} = '/bin:/usr/bin';
delete @ENV{'IFS', 'CDPATH', 'ENV', 'BASH_ENV'};

$Conf{ServerHost} = 'backup.example.org';
$Conf{ServerPort} = -1;
$Conf{ServerMesgSecret} = '';
$Conf{MyPath} = '/bin';
$Conf{UmaskMode} = 027;
$Conf{WakeupSchedule} = [1..3, 5, 22..23];
$Conf{MaxBackups} = 4; $Conf{MaxUserBackups} = 4;
$Conf{TrashCleanSleepSec} = 300;
$Conf{BlackoutPeriods} = [
    {
        hourBegin =>  7.0,
        hourEnd   => 19.5,      # in the evening
        weekDays  => [1, 2, 3, 4, 5],
    },
];
$Conf{BackupFilesExclude} = {
    '*' => ['/proc', "/sys", ],
    'C$' => ['/pagefile.sys'],
    '*' => ['/proc', '/tmp/it\'s'],
};
$Conf{SmbShareName} = 'C$';
$Conf{SmbClientFullCmd} = '$smbClientPath \\\\$host\\$shareName'
    . ' $I_option -U $userName -E -N -d 1'
            . ' -c tarmode\\ full -Tc$X_option - $fileList';
$Conf{TarClientCmd} = '$sshPath -q -x -n -l root $host'
                    . ' env LC_ALL=C $tarPath -c -v -f - -C $shareName+'
                    . ' --totals';
$Conf{RsyncArgs} = [
            '--numeric-ids',
            '--perms',
            # '--checksum-seed=32761',
            '--recursive',
];
$Conf{PartialAgeMax}	= 3;
$Conf{EMailNoBackupEverMesg} = <<'EOF';
To: $user$domain
Subject: "$subj" \@ never \\
EOF
$Conf{EMailHeaders} = <<"EOT"; # until EOT
A\tB: \"1\" \\ \x{e9}
EOT
$Conf{CgiAdminUsers}     = 'mary';
$Conf{CgiURL} = 'http://'.$Conf{ServerHost}.'/cgi-bin/BackupPC_Admin';
$Conf{CgiUserConfigEdit} = {
        FullPeriod                => 1,
        RsyncArgs                 => 0,
};
$Conf{CgiUserConfigEdit}{RsyncArgs} = 1;
$Conf{CgiUserConfigEdit}{'TarIncrArgs'} = 0;
$Conf{XferLogLevel} = 1e0;
1;
"""

V2 = rb"""# A server of version 2.1.
$Conf{ServerHost} = `hostname`;
chomp($Conf{ServerHost});
$Conf{ServerPort} = 5001;
$Conf{ServerMesgSecret} = 'not a secret';
$Conf{UmaskMode} = 0;
$Conf{WakeupSchedule} = [1 .. 23];
$Conf{BlackoutHourBegin} = 7.0;
$Conf{BlackoutHourEnd} = 19.5;
$Conf{BlackoutWeekDays} = [1, 2, 3, 4, 5];
$Conf{XferMethod} = 'smb';
$Conf{SmbClientPath} = '/usr/bin/smbclient' if -x '/usr/bin/smbclient';
$Conf{SshPath} = undef;
$Conf{PingArgs} = '-c 1 $host';
$Conf{CgiAdminUserGroup} = ''; $Conf{CgiAdminUsers} = '*';
$Conf{Language} = "en"
"""

HOST = "".join((
    "use utf8;\n",
    "$Conf{ClientNameAlias} = [ '192.0.2.7', \"web.example.org\" ];\n",
    "$Conf{RsyncShareName} = ['/Gr\u00f6\u00dfe', \"\\x{263a}\\t\\x{e9}\"];\n",
    "$Conf{RsyncArgsExtra} = [];\n",
    "$Conf{XferLogLevel} = '0 but true';\n",
)).encode()  # fmt: skip

# What the reader must not take for data: each could leave a wrong value standing as known.
STRANGE = (
    rb'$Conf{"Server" . "Port"} = 5001;',
    rb"my $r = \%Conf; $r->{ServerPort} = 5001;",
    rb"$main::Conf{ServerPort} = 5001;",
    rb"$Conf{ServerPort} = do { 5001 };",
    rb'$Conf{Language} = "@{[ $Conf{ServerPort} = 5001 ]}";',
    rb"$Conf{Language} = 'en', $Conf{ServerPort} = 5001;",
    rb"$Conf{Language} = $Conf{ServerPort} = 5001;",
    rb"$Conf{Language} = q{it's}; $Conf{ServerPort} = 5001; #'",
    rb"return 1;",
    rb"package Other;",
    rb"$Conf{Language} = $';",
    rb"*Conf = {ServerPort => 5001};",
    rb"%Conf = (ServerPort => 5001);",
    b"=cut\n$Conf{ServerPort} = 5001;",
    b"\n=pod\n\n$Conf{Language} = 'de';\n\n=cut\n",
    b"$Conf{Language} =\n=begin\n'en';",
    b"$Conf{Language} = 'en';\r$Conf{ServerPort} = 5001;\r\n",
    b"$Conf{Language} = 'en';\x04$Conf{ServerPort} = 5001;",
    b"__END__\n$Conf{ServerPort} = 5001;",
    rb"$Conf{CompressLevel} = 1_000;",
    rb"$Conf{CompressLevel} = 0x10;",
    rb"$Conf{CompressLevel} = 0b1;",
    rb"$Conf{CompressLevel} = v1.2;",
    rb"$Conf{CompressLevel} = 1.2.3;",
    rb"$Conf{CompressLevel} = 089;",
    rb"$Conf{CompressLevel} = 1..23;",
    rb"$Conf{CompressLevel} = 99999999999999999999;",
    rb"$Conf{CompressLevel} = -0.0;",
    rb'$Conf{Language} = "$ 1";',
    rb'$Conf{Language} = "a@b";',
    rb'$Conf{Language} = "\0";',
    rb'$Conf{Language} = "\U a";',
    rb'$Conf{Language} = "\x41";',
    rb'$Conf{Language} = "\x{D800}";',
    b"$Conf{Language} = <<EOF . 'x';\nen\nEOF\n",
    b"$Conf{Language} = <<~EOF;\nen\nEOF\n",
    b"$Conf{Language} = <<EOF;\n$Conf{ServerPort}\nEOF\n",
    b"$Conf{Language} = <<EOF;\nno end\n",
    rb"$Conf{SshPath} = '/x' if $Conf{ServerPort};",
    rb"$Conf{SshPath} = '/x' if -x '/a' . '/b';",
    rb"$Conf{BackupFilesOnly} = ('/etc');",
    rb"$Conf{BackupFilesOnly} = [qw(/etc)];",
    rb"$Conf{BackupFilesOnly} = ['a',,'b'];",
    rb"$Conf{BackupFilesOnly} = {'a', 1};",
    rb"push @{$Conf{BackupFilesOnly}}, '/etc';",
    rb"$Conf{BackupFilesOnly}[0] = '/etc';",
    rb"$Conf{MaxBackups}{x} = 1;",
    rb"$Conf{Language} = $Conf{A}{B};",
    rb"use strict;",
    b"$Conf{Language} = 'en';\nuse utf8;",
    rb"require '/etc/backuppc/other.pl';",
    b"#!/usr/bin/perl -w\n$Conf{Language} = 'en';",
    b"\xef\xbb\xbf$Conf{Language} = 'en';",
    rb"$Conf{Language} = 'en",
    rb"$Conf{Language} = ['en';",
)
