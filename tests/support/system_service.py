#!/usr/bin/python3
"""Runs a command as systemd runs a service with SystemCallFilter=.

    system_service.py SET… -- COMMAND…     SET as @system-service or ~@resources

What is not allowed ends the process, as it does there."""

import ctypes
import os
import subprocess
import sys

KILL_PROCESS = 0x80000000
ALLOW = 0x7FFF0000


def expand(name):
    """The system calls of a set, with those of the sets in it."""
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "syscall-filter", name],
                          check=True, capture_output=True, text=True).stdout
    calls = set()
    for line in text.splitlines()[1:]:
        line = line.strip()
        if line and not line.startswith("#"):
            calls |= expand(line)
    return calls


def confine(allowed):
    """Loads the filter, and no_new_privs with it."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
        ctypes.c_void_p]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    context = library.seccomp_init(KILL_PROCESS)
    for name in allowed:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            library.seccomp_rule_add_array(context, ALLOW, number, 0, None)
    failed = library.seccomp_load(context)
    if failed:
        sys.exit(f"system_service.py: {os.strerror(-failed)}")


def main():
    at = sys.argv.index("--")
    # systemd allows these whatever the sets are.
    allowed = expand("@default") | {"execve"}
    for name in sys.argv[1:at]:
        if name.startswith("~"):
            allowed -= expand(name[1:])
        else:
            allowed |= expand(name)
    confine(allowed)
    os.execvp(sys.argv[at + 1], sys.argv[at + 1:])


main()
