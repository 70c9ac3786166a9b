"""The numbers of the system calls that the guard makes, allows once or forbids, by machine.

Source: Linux, arch/x86/entry/syscalls/syscall_64.tbl for x86_64 and
include/uapi/asm-generic/unistd.h for aarch64; from 424 on both are the same.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, Optional

MACHINES: Final = ("x86_64", "aarch64")  # as uname(2) names them; both little-endian, 64 bits

# Calls with a number above this one came later than the table was read and are unknown to it.
LAST: Final = 450

_BY_NAME: Final = """
accept 43 202
accept4 288 242
acct 163 89
add_key 248 217
adjtimex 159 171
bind 49 200
bpf 321 280
capget 125 90
capset 126 91
chmod 90 -
chown 92 -
chroot 161 51
clock_adjtime 305 266
clock_settime 227 112
clone 56 220
clone3 435 435
connect 42 203
copy_file_range 326 285
creat 85 -
delete_module 176 106
execve 59 221
execveat 322 281
fallocate 285 47
fanotify_init 300 262
fanotify_mark 301 263
fchmod 91 52
fchmodat 268 53
fchown 93 55
fchownat 260 54
finit_module 313 273
fremovexattr 199 16
fsconfig 431 431
fsetxattr 190 7
fsmount 432 432
fsopen 430 430
fspick 433 433
ftruncate 77 46
futimesat 261 -
init_module 175 105
inotify_add_watch 254 27
inotify_init 253 -
inotify_init1 294 26
io_uring_enter 426 426
io_uring_register 427 427
io_uring_setup 425 425
ioctl 16 29
ioperm 173 -
iopl 172 -
ioprio_set 251 30
kcmp 312 272
kexec_file_load 320 294
kexec_load 246 104
keyctl 250 219
landlock_add_rule 445 445
landlock_create_ruleset 444 444
landlock_restrict_self 446 446
lchown 94 -
link 86 -
linkat 265 37
listen 50 201
lookup_dcookie 212 18
lremovexattr 198 15
lsetxattr 189 6
memfd_create 319 279
memfd_secret 447 447
mkdir 83 -
mkdirat 258 34
mknod 133 -
mknodat 259 33
modify_ldt 154 -
mount 165 40
mount_setattr 442 442
move_mount 429 429
mq_open 240 180
mq_unlink 241 181
msgctl 71 187
msgget 68 186
nfsservctl 180 42
open_by_handle_at 304 265
open_tree 428 428
perf_event_open 298 241
personality 135 92
pidfd_getfd 438 438
pidfd_send_signal 424 424
pivot_root 155 41
prctl 157 167
prlimit64 302 261
process_madvise 440 440
process_vm_readv 310 270
process_vm_writev 311 271
ptrace 101 117
quotactl 179 60
quotactl_fd 443 443
reboot 169 142
removexattr 197 14
rename 82 -
renameat 264 38
renameat2 316 276
request_key 249 218
rmdir 84 -
sched_setaffinity 203 122
sched_setattr 314 274
sched_setparam 142 118
sched_setscheduler 144 119
seccomp 317 277
semctl 66 191
semget 64 190
setdomainname 171 162
setfsgid 123 152
setfsuid 122 151
setgid 106 144
setgroups 116 159
sethostname 170 161
setns 308 268
setpriority 141 140
setregid 114 143
setresgid 119 149
setresuid 117 147
setreuid 113 145
settimeofday 164 170
setuid 105 146
setxattr 188 5
shmat 30 196
shmctl 31 195
shmget 29 194
socket 41 198
swapoff 168 225
swapon 167 224
symlink 88 -
symlinkat 266 36
sync 162 81
syncfs 306 267
_sysctl 156 -
sysfs 139 -
syslog 103 116
truncate 76 45
umount2 166 39
unlink 87 -
unlinkat 263 35
unshare 272 97
uselib 134 -
userfaultfd 323 282
ustat 136 -
utime 132 -
utimensat 280 88
utimes 235 -
vhangup 153 58
"""


def numbers(machine: str) -> Mapping[str, Optional[int]]:
    """Return number by name on MACHINE, None for a call that it lacks; empty if unknown."""
    if machine not in MACHINES:
        return {}
    words = _BY_NAME.split()
    column = words[1 + MACHINES.index(machine) :: 3]
    return {
        name: None if number == "-" else int(number) for name, number in zip(words[::3], column)
    }
