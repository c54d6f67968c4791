"""Who is compared, and how each is begun: "native" is the client with OpenSSL of its
own, "plain" has no TLS, "bare" is native through a process that only moves bytes, and
everybody else stands between a plaintext client and the server.  run.sh says in the environment (BENCH_…) where they are.
"""

import glob
import os
import signal
import subprocess
import sys
import time

E = os.environ
QUICK = "--quick" in sys.argv
CHECK = "--check" in sys.argv
ROUNDS = 2 if QUICK else 5
GIGA = 1 << 30
CLIENT = E["BENCH_BUILD"] + "/tests/bench/client"
DATAGRAMS = E["BENCH_BUILD"] + "/tests/bench/datagrams"
MIDDLE = E["BENCH_BUILD"] + "/tests/bench/middle"
OTHERS = ("nginx", "haproxy", "stunnel", "socat")
ALL = ("native", "xsock") + OTHERS
WITH_BARE = ALL + ("bare",)
SUPERVISED = WITH_BARE + ("supervised",)


def small(full, quick):
    return quick if QUICK else full

# The server has a port for each kind of certificate.
KINDS = ("RSA", "ECDSA")


def rules(reuse, port):
    return "127.0.0.1:%s=tls://?cafile=%s&session_reuse=%d" % (
        port, E["BENCH_CA"], reuse)


def environment(rule):
    """For a program under the library."""
    return dict(E, LD_PRELOAD=E["BENCH_LIBRARY"], XSOCK_RULES=rule,
                XSOCK_RELAY=E["BENCH_RELAY"], XSOCK_RELAY_IDLE="60")


def supervise(rule):
    """The command in front of a program that has a supervisor as well."""
    return ["env", "XSOCK_RELAY=" + E["BENCH_RELAY"], "XSOCK_RELAY_IDLE=60",
            *xsock_run("--supervise=always", rule)]


def xsock_run(option, rule):
    return [E["BENCH_BUILD"] + "/xsock", "run", option, "-r", rule, "--"]


# Who else gets between a program and its connects, and leads them to a proxy.
# strace leads nowhere: it is what ptrace(2) costs at least, with a filter that
# stops the program at connect(2) only.  graftcp is not in Debian.
STRACE = ["strace", "-f", "--seccomp-bpf", "-e", "trace=connect", "-o",
          "/dev/null"]
GRAFTCP = ("graftcp",) if E.get("BENCH_GRAFTCP") else ()
PTRACE = ("strace",) + GRAFTCP


def proxychains(proxy, *exempt):
    """The command in front of a program, and what it must find in a file."""
    path = "%s/proxychains.%s.%d" % (E["BENCH_FOLDER"], proxy, len(exempt))
    with open(path, "w") as file:
        print("strict_chain", *("localnet " + net for net in exempt),
              "[ProxyList]", "socks5 127.0.0.1 " + proxy, sep="\n", file=file)
    return ["proxychains4", "-q", "-f", path]


def graftcp():
    """It leaves addresses of this machine alone."""
    pipe, port = E["BENCH_GRAFTCP_LOCAL"].split()
    return [E["BENCH_GRAFTCP"], "-f", pipe, "-p", port]


def proxy(who, reuse):
    """Its ports, by kind, and its process; None where it does not have that."""
    where = E.get("BENCH_%s_%s" % (who, "on" if reuse else "off"))
    return where.split() if where else None


def command(who, reuse, kind="RSA"):
    """What to begin a client's command with, and its environment."""
    port = E["BENCH_" + kind]
    if who in ("native", "bare"):
        words = [CLIENT, "--native", E["BENCH_CA"]]
        if who == "bare":
            port = E["BENCH_BARE"].split()[KINDS.index(kind)]
        return words + (["--reuse"] if reuse else []) + [port], E
    if who == "xsock":
        return [CLIENT, port], environment(rules(reuse, port))
    if who == "supervised":
        return supervise(rules(reuse, port)) + [CLIENT, port], E
    return [CLIENT, proxy(who, reuse)[KINDS.index(kind)]], E


def pids(who, reuse, needed=True):
    """The processes that work for it beside the client."""
    if who == "native":
        return []
    if who == "xsock":
        found = [int(exe.split("/")[2])
                 for exe in glob.glob("/proc/[0-9]*/exe")
                 if link(exe) == E["BENCH_RELAY"]]
        if needed and not found:
            sys.exit("the relay is not to be seen in /proc: only root may")
        return found
    if who == "bare":
        return [int(E["BENCH_BARE"].split()[-1])]
    first = int(proxy(who, reuse)[-1])
    return [first] + [int(child) for child in read(
        "/proc/%d/task/%d/children" % (first, first)).split()]


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def end_relay():
    """The next one to connect begins a new one."""
    for pid in pids("xsock", 0, needed=False):
        os.kill(pid, signal.SIGTERM)
    for _ in range(500):
        if not pids("xsock", 0, needed=False):
            return
        time.sleep(0.01)
    sys.exit("the relay does not end")


TICKS = os.sysconf("SC_CLK_TCK")


def work(who, reuse):
    """Seconds of processor time, children that have ended included."""
    total = 0
    for pid in pids(who, reuse):
        fields = read("/proc/%d/stat" % pid).rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) if fields else 0
    return total / TICKS


def run(words, env=E, stderr=None):
    done = subprocess.run(words, env=env, stdout=subprocess.PIPE, stderr=stderr,
                          stdin=subprocess.DEVNULL, timeout=600, check=True)
    return done.stdout.decode()


def values(text):
    return {name: float(value) for name, value in (
        word.split("=") for word in text.split()) if name != "sha256"}
