"""What code running inside a confined program may try: one function per way out.

Run by a Python interpreter inside the confinement, with the standard library alone. An attempt that
returns has worked; one that raises OSError was stopped. Everything that it could change belongs to
the test, and no call could harm the machine if it were let through.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import sys

ATTEMPTS = {}
LIBC = ctypes.CDLL(None, use_errno=True)
SIZE = ctypes.c_long
AT_FDCWD = -100
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
FOLLOWED = "secret of outside"
MASKED = "secret below a mask"


class Scene:
    """Where things are: paths and processes that the test made; numbers of system calls."""

    root = outside = masked = masked_file = unix_socket = abstract = program = loader = ""
    parent = bystander = port = 0

    def __init__(self, facts):
        self.numbers = {}
        for name, value in facts.items():
            setattr(self, name, value)

    def at(self, name):
        return os.path.join(self.root, name)

    def out(self, name):
        return os.path.join(self.outside, name)

    def call(self, name, *arguments):
        words = [SIZE(each) if isinstance(each, int) else each for each in arguments]
        result = LIBC.syscall(SIZE(self.numbers[name]), *words)
        if result < 0:
            raise OSError(ctypes.get_errno(), name)
        return result


def attempt(function):
    ATTEMPTS[function.__name__] = function
    return function


def read(path, flags=os.O_RDONLY):
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def expect(text, data):
    if text.encode() not in data:
        raise OSError(errno.ENODATA, "nothing of the secret")


def in_child(action):
    """Run ACTION in a child, which a success may replace; raises OSError if it failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.set_inheritable(writing, False)
            action()
            os.write(writing, b"0")
        except OSError as error:
            os.write(writing, b"%d" % (error.errno or errno.EIO))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        answer = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise OSError(errno.EPERM, "killed")
    if answer not in (b"", b"0"):  # empty: an execve closed the pipe
        raise OSError(int(answer), "in a child")


# -- taking the mask away; first, since without confinement these uncover it for the rest -----


@attempt
def move_mask_away(scene):
    masked, aside = scene.masked.encode(), scene.at("aside").encode()
    scene.call("move_mount", AT_FDCWD, masked, AT_FDCWD, aside, 0)
    expect(MASKED, read(scene.masked_file))
    scene.call("move_mount", AT_FDCWD, aside, AT_FDCWD, masked, 0)


@attempt
def unmount_mask(scene):
    scene.call("umount2", scene.masked.encode(), 2)
    expect(MASKED, read(scene.masked_file))


# -- reading outside -------------------------------------------------------------------------


@attempt
def read_file_outside(scene):
    expect(FOLLOWED, read(scene.out("secret")))


@attempt
def read_private_file_outside(scene):
    expect(FOLLOWED, read(scene.out("private")))


@attempt
def read_through_symlink_to_file(scene):
    expect(FOLLOWED, read(scene.at("link-to-secret")))


@attempt
def read_through_symlink_to_folder(scene):
    expect(FOLLOWED, read(scene.at("link-to-outside/secret")))


@attempt
def read_with_dots(scene):
    expect(FOLLOWED, read(scene.at("../outside/secret")))


@attempt
def read_through_own_proc_root(scene):
    expect(FOLLOWED, read("/proc/self/root" + scene.out("secret")))


@attempt
def read_through_parents_proc_root(scene):
    expect(FOLLOWED, read(f"/proc/{scene.parent}/root" + scene.out("secret")))


@attempt
def read_through_parents_proc_cwd(scene):
    expect(FOLLOWED, read(f"/proc/{scene.parent}/cwd" + "/.." * 40 + scene.out("secret")))


@attempt
def read_through_bystanders_proc_root(scene):
    expect(FOLLOWED, read(f"/proc/{scene.bystander}/root" + scene.out("secret")))


@attempt
def read_mask_through_bystanders_proc_root(scene):
    expect(MASKED, read(f"/proc/{scene.bystander}/root" + scene.masked_file))


@attempt
def read_by_reopened_path_descriptor(scene):
    held = os.open(scene.out("secret"), os.O_PATH)
    expect(FOLLOWED, read(f"/proc/self/fd/{held}"))


def open_by_handle(scene, path):
    handle = ctypes.create_string_buffer(136)
    handle[0:4] = (128).to_bytes(4, sys.byteorder)
    mount = ctypes.c_int()
    scene.call("name_to_handle_at", AT_FDCWD, path.encode(), handle, ctypes.byref(mount), 0)
    top = os.open(scene.root, os.O_RDONLY | os.O_DIRECTORY)
    return scene.call("open_by_handle_at", top, handle, os.O_RDONLY)


@attempt
def read_by_handle(scene):
    expect(FOLLOWED, os.read(open_by_handle(scene, scene.out("secret")), 100))


@attempt
def walk_by_guessed_handle_below_mask(scene):
    # A handle of ext4 is inode and generation; that of the root's parent is always inode 2.
    handle = ctypes.create_string_buffer(16)
    handle[0:4], handle[4:8] = (8).to_bytes(4, sys.byteorder), (1).to_bytes(4, sys.byteorder)
    handle[8:12] = (2).to_bytes(4, sys.byteorder)
    top = os.open(scene.root, os.O_RDONLY | os.O_DIRECTORY)
    scene.call("open_by_handle_at", top, handle, os.O_RDONLY | os.O_DIRECTORY)


@attempt
def list_folder_outside(scene):
    os.listdir(scene.outside)


@attempt
def list_system_folder(_scene):
    expect("shadow", " ".join(os.listdir("/etc")).encode())


@attempt
def read_account_database(_scene):
    read("/etc/shadow")


@attempt
def read_masked_file(scene):
    expect(MASKED, read(scene.masked_file))


@attempt
def list_masked_folder(scene):
    if not os.listdir(scene.masked):
        raise OSError(errno.ENODATA, "empty")


@attempt
def read_parents_environment(scene):
    read(f"/proc/{scene.parent}/environ")


@attempt
def read_parents_memory(scene):
    os.close(os.open(f"/proc/{scene.parent}/mem", os.O_RDONLY))


@attempt
def read_kernel_log(_scene):
    os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))


@attempt
def open_device_node_in_root(scene):
    read(scene.at("zero-device"))


@attempt
def watch_folder_outside(scene):
    watching = LIBC.inotify_init1(0)
    if watching < 0 or LIBC.inotify_add_watch(watching, scene.outside.encode(), 0x100) < 0:
        raise OSError(ctypes.get_errno(), "inotify")


@attempt
def stat_outside(scene):
    os.stat(scene.out("secret"))


@attempt
def read_link_outside(scene):
    os.readlink(scene.out("link"))


@attempt
def read_attribute_outside(scene):
    os.getxattr(scene.out("secret"), "user.test")


@attempt
def hold_path_outside(scene):
    os.close(os.open(scene.out("secret"), os.O_PATH))


# -- changing things -------------------------------------------------------------------------


@attempt
def create_outside(scene):
    os.close(os.open(scene.out("new"), os.O_WRONLY | os.O_CREAT, 0o600))


@attempt
def create_through_symlink(scene):
    os.close(os.open(scene.at("link-to-outside/new"), os.O_WRONLY | os.O_CREAT, 0o600))


@attempt
def write_outside(scene):
    os.close(os.open(scene.out("open-to-all"), os.O_WRONLY))


@attempt
def truncate_outside(scene):
    os.truncate(scene.out("open-to-all"), 3)


@attempt
def unlink_outside(scene):
    os.unlink(scene.out("open-folder/victim"))


@attempt
def rename_outside(scene):
    os.rename(scene.out("open-folder/other"), scene.out("open-folder/moved"))


@attempt
def make_folder_outside(scene):
    os.mkdir(scene.out("open-folder/made"))


@attempt
def make_symlink_outside(scene):
    os.symlink("x", scene.out("open-folder/made-link"))


@attempt
def hard_link_outside_into_root(scene):
    os.link(scene.out("secret"), scene.at("stolen"))
    expect(FOLLOWED, read(scene.at("stolen")))


@attempt
def hard_link_root_to_outside(scene):
    os.link(scene.at("file"), scene.out("open-folder/given"))


@attempt
def change_mode_outside(scene):
    os.chmod(scene.out("open-to-all"), 0o777)


@attempt
def change_owner_outside(scene):
    os.chown(scene.out("open-to-all"), 12345, 12345)


@attempt
def change_times_outside(scene):
    os.utime(scene.out("open-to-all"), (1, 1))


@attempt
def set_attribute_outside(scene):
    os.setxattr(scene.out("open-to-all"), "user.test", b"changed")


@attempt
def change_mode_of_null_device(_scene):
    os.chmod("/dev/null", 0o666)


@attempt
def create_in_root(scene):
    os.close(os.open(scene.at("new"), os.O_WRONLY | os.O_CREAT, 0o600))


@attempt
def write_in_root(scene):
    os.close(os.open(scene.at("file"), os.O_WRONLY))


@attempt
def change_mode_in_root(scene):
    os.chmod(scene.at("file"), 0o644)


@attempt
def set_user_id_bit_in_root(scene):
    os.chmod(scene.at("file"), 0o4755)


@attempt
def give_file_capability_in_root(scene):
    # cap_setuid+ep, revision 2 (vfs_cap_data)
    data = b"".join(word.to_bytes(4, "little") for word in (0x02000001, 0x80, 0, 0, 0))
    os.setxattr(scene.at("file"), "security.capability", data)


@attempt
def make_device_in_root(scene):
    os.mknod(scene.at("made-device"), 0o20600, os.makedev(1, 5))


@attempt
def unlink_in_root(scene):
    os.unlink(scene.at("spare"))


@attempt
def write_below_mask(scene):
    os.close(os.open(scene.masked_file, os.O_WRONLY))


@attempt
def create_below_mask(scene):
    os.close(os.open(scene.masked + "/new", os.O_WRONLY | os.O_CREAT, 0o600))


@attempt
def rename_mask(scene):
    os.rename(scene.masked, scene.masked + "-moved")
    os.rename(scene.masked + "-moved", scene.masked)


# -- running other programs --------------------------------------------------------------------


@attempt
def execute_shell(_scene):
    in_child(lambda: os.execv("/bin/sh", ["sh", "-c", "exit 0"]))


@attempt
def execute_itself_again(scene):
    in_child(lambda: os.execv(scene.program, ["python", "-c", "0"]))


@attempt
def execute_shell_through_loader(scene):
    in_child(lambda: os.execv(scene.loader, ["ld.so", "/bin/sh", "-c", "exit 0"]))


@attempt
def execute_file_in_root(scene):
    in_child(lambda: os.execv(scene.at("true"), ["true"]))


@attempt
def execute_by_descriptor(scene):
    held = os.open("/bin/sh", os.O_PATH)
    empty = (ctypes.c_char_p * 2)(b"sh", None)
    in_child(lambda: scene.call("execveat", held, b"", empty, None, 0x1000))


@attempt
def execute_from_memory(scene):
    held = scene.call("memfd_create", b"x", 0)
    with open(scene.at("true"), "rb") as file:
        os.write(held, file.read())
    in_child(lambda: os.execv(f"/proc/self/fd/{held}", ["true"]))


@attempt
def map_writable_and_executable(_scene):
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


# -- other processes ---------------------------------------------------------------------------


@attempt
def signal_parent(scene):
    os.kill(scene.parent, 0)


@attempt
def signal_process_of_same_uid(scene):
    os.kill(scene.bystander, signal.SIGCONT)


@attempt
def trace_process_of_same_uid(scene):
    scene.call("ptrace", 16, scene.bystander, 0, 0)


@attempt
def read_memory_of_process_of_same_uid(scene):
    vector = (ctypes.c_size_t * 2)(0, 0)
    scene.call("process_vm_readv", scene.bystander, vector, 1, vector, 1, 0)


@attempt
def take_descriptor_of_process_of_same_uid(scene):
    held = os.pidfd_open(scene.bystander)
    scene.call("pidfd_getfd", held, 0, 0)


@attempt
def signal_by_descriptor(scene):
    scene.call("pidfd_send_signal", os.pidfd_open(scene.bystander), 0, None, 0)


@attempt
def compare_with_process_of_same_uid(scene):
    scene.call("kcmp", os.getpid(), scene.bystander, 1, 0, 0)


@attempt
def limit_process_of_same_uid(scene):
    scene.call("prlimit64", scene.bystander, 7, (ctypes.c_uint64 * 2)(64, 64), None)


@attempt
def bind_process_of_same_uid_to_processor(scene):
    os.sched_setaffinity(scene.bystander, [0])


@attempt
def lower_priority_of_process_of_same_uid(scene):
    os.setpriority(os.PRIO_PROCESS, scene.bystander, 5)


# -- network and local communication -----------------------------------------------------------


@attempt
def connect_by_tcp(scene):
    socket.create_connection(("127.0.0.1", scene.port), 5).close()


@attempt
def listen_on_tcp(_scene):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()


@attempt
def send_by_udp(scene):
    with socket.socket(type=socket.SOCK_DGRAM) as sending:
        sending.sendto(b"x", ("127.0.0.1", scene.port))


@attempt
def connect_to_unix_socket(scene):
    with socket.socket(socket.AF_UNIX) as connecting:
        connecting.connect(scene.unix_socket)


@attempt
def connect_to_abstract_socket(scene):
    with socket.socket(socket.AF_UNIX) as connecting:
        connecting.connect("\0" + scene.abstract)


@attempt
def open_netlink(_scene):
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()


@attempt
def open_raw_socket(_scene):
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


@attempt
def make_shared_memory(scene):
    scene.call("shmget", 0, 4096, 0o1600)


@attempt
def make_semaphore(scene):
    scene.call("semget", 0, 1, 0o1600)


@attempt
def make_message_queue(scene):
    scene.call("msgget", 0, 0o1600)


@attempt
def open_posix_queue(scene):
    scene.call("mq_open", b"bpc-ssh-guard-test", os.O_RDWR | os.O_CREAT, 0o600, None)
    LIBC.mq_unlink(b"/bpc-ssh-guard-test")


@attempt
def write_to_shared_memory_folder(_scene):
    path = f"/dev/shm/bpc-ssh-guard-test-{os.getpid()}"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    os.unlink(path)


# -- namespaces and mounts ---------------------------------------------------------------------


@attempt
def make_user_namespace(scene):
    in_child(lambda: scene.call("unshare", CLONE_NEWUSER))


@attempt
def make_mount_namespace(scene):
    in_child(lambda: scene.call("unshare", CLONE_NEWNS))


@attempt
def clone_into_user_namespace(scene):
    if scene.call("clone", CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0)
    os.wait()


@attempt
def clone3_into_user_namespace(scene):
    arguments = (ctypes.c_uint64 * 8)(CLONE_NEWUSER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    if scene.call("clone3", arguments, 64) == 0:
        os._exit(0)
    os.wait()


@attempt
def enter_namespace_of_parent(scene):
    held = os.open(f"/proc/{scene.parent}/ns/mnt", os.O_RDONLY)
    in_child(lambda: scene.call("setns", held, CLONE_NEWNS))


@attempt
def enter_namespace_by_process(scene):
    held = os.pidfd_open(scene.bystander)
    in_child(lambda: scene.call("setns", held, CLONE_NEWNS))


@attempt
def mount_something(scene):
    scene.call("mount", b"t", scene.masked.encode(), b"tmpfs", 0, None)
    scene.call("umount2", scene.masked.encode(), 2)


@attempt
def bind_outside_into_root(scene):
    scene.call("mount", scene.outside.encode(), scene.masked.encode(), None, 4096, None)
    scene.call("umount2", scene.masked.encode(), 2)


@attempt
def remount_writable(_scene):
    in_child(lambda: _scene.call("mount", None, b"/", None, 32 | 4096, None))


@attempt
def set_mount_writable(scene):
    attributes = (ctypes.c_uint64 * 4)(0, 1, 0, 0)
    scene.call("mount_setattr", AT_FDCWD, b"/", 0, attributes, 32)


@attempt
def clone_tree_without_masks(scene):
    scene.call("open_tree", AT_FDCWD, scene.root.encode(), 1)


@attempt
def open_new_file_system(scene):
    scene.call("fsopen", b"tmpfs", 0)


@attempt
def pick_file_system(scene):
    scene.call("fspick", AT_FDCWD, b"/", 0)


@attempt
def change_root(scene):
    in_child(lambda: os.chroot(scene.root))


@attempt
def pivot_root(scene):
    root = scene.root.encode()

    def pivot():
        # Where mounting is forbidden this fails before the call that is meant.
        LIBC.syscall(SIZE(scene.numbers["unshare"]), SIZE(CLONE_NEWNS))
        LIBC.syscall(SIZE(scene.numbers["mount"]), root, root, None, SIZE(4096), None)
        os.chdir(root)
        scene.call("pivot_root", b".", b".")

    in_child(pivot)


# -- powers and the kernel ----------------------------------------------------------------------


@attempt
def become_root(_scene):
    os.setresuid(0, 0, 0)


@attempt
def become_other_account(_scene):
    in_child(lambda: os.setresuid(12345, 12345, 12345))


@attempt
def change_groups(_scene):
    os.setgroups([0])


@attempt
def regain_capabilities(scene):
    wanted = 1 << 21 | 1 << 2  # SYS_ADMIN and DAC_READ_SEARCH
    data = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)
    in_child(lambda: scene.call("capset", (ctypes.c_uint32 * 2)(0x20080522, 0), data))


@attempt
def raise_ambient_capability(scene):
    wanted = 1 << 21
    data = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)

    def raise_it():
        LIBC.syscall(SIZE(scene.numbers["capset"]), (ctypes.c_uint32 * 2)(0x20080522, 0), data)
        if LIBC.prctl(47, 2, SIZE(21), SIZE(0), SIZE(0)) < 0:
            raise OSError(ctypes.get_errno(), "ambient")

    in_child(raise_it)


@attempt
def set_securebits(_scene):
    if LIBC.prctl(28, SIZE(0), SIZE(0), SIZE(0), SIZE(0)) < 0:
        raise OSError(ctypes.get_errno(), "securebits")


@attempt
def install_own_filter(scene):
    instruction = (ctypes.c_uint64 * 1)(0x06 | 0x7FFF0000 << 32)
    program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(instruction))
    in_child(lambda: scene.call("seccomp", 1, 0, program))


@attempt
def make_own_ruleset(scene):
    scene.call("landlock_create_ruleset", None, 0, 1)


@attempt
def set_up_io_uring(scene):
    scene.call("io_uring_setup", 1, (ctypes.c_char * 120)())


@attempt
def load_bpf(scene):
    scene.call("bpf", 0, (ctypes.c_uint32 * 18)(2, 4, 4, 1), 72)


@attempt
def count_events_of_kernel(scene):
    attributes = (ctypes.c_uint32 * 32)(1, 128)
    scene.call("perf_event_open", attributes, 0, -1, -1, 0)


@attempt
def use_keyring(scene):
    scene.call("keyctl", 0, -3, 1)


@attempt
def handle_faults_in_user_space(scene):
    scene.call("userfaultfd", 1)


@attempt
def change_personality(scene):
    in_child(lambda: scene.call("personality", 0x0040000))


@attempt
def rename_host(scene):
    name = os.uname().nodename.encode()
    scene.call("sethostname", name, len(name))


@attempt
def read_quota(scene):
    scene.call("quotactl", 0x800001 << 8, None, 0, None)


@attempt
def use_secret_memory(scene):
    scene.call("memfd_secret", 0)


@attempt
def use_unknown_call(_scene):
    # fchmodat2, younger than the tables: a list of what is denied would let it through
    path = _scene.out("open-to-all").encode()
    if LIBC.syscall(SIZE(452), SIZE(AT_FDCWD), path, SIZE(0o777), SIZE(0)) < 0:
        raise OSError(ctypes.get_errno(), "fchmodat2")


@attempt
def remove_mask(scene):
    for name in os.listdir(scene.masked):
        os.unlink(os.path.join(scene.masked, name))
    os.rmdir(scene.masked)


def main(argv):
    """Print a JSON object: the errno of each attempt, 0 for one that worked."""
    scene = Scene(json.loads(argv[1]))
    told = {}
    for name, function in ATTEMPTS.items():
        try:
            function(scene)
            told[name] = 0
        except OSError as error:
            told[name] = error.errno or -1
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv)
