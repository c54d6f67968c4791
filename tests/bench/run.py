#!/usr/bin/python3
"""Measures everybody in turns and prints ratios to the native client.

    run.py [--quick | --check]

run.sh has started the servers and says where in the environment (BENCH_…).
BENCH_ROWS is a regular expression: only rows whose names have it are measured.
Writes BUILD/bench.txt, .md and .svg (report.py).  A round is every row, and in a
row everybody once, so that whatever else the machine does meets all of them.

Before that it makes sure that all do the same work.  --check does nothing else,
and makes sure that it would notice if one did not.
"""

import glob
import os
import re
import resource
import statistics
import subprocess
import sys
import time

import report

E = os.environ
QUICK = "--quick" in sys.argv
CHECK = "--check" in sys.argv
ROUNDS = 2 if QUICK else 5
GIGA = 1 << 30
CLIENT = E["BENCH_BUILD"] + "/tests/bench/client"
DATAGRAMS = E["BENCH_BUILD"] + "/tests/bench/datagrams"
OTHERS = ("nginx", "haproxy", "stunnel", "socat")
ALL = ("native", "xsock") + OTHERS
SUPERVISED = ALL + ("supervised",)


def small(full, quick):
    return quick if QUICK else full


# --- who is who ---------------------------------------------------------------

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
    if who == "native":
        words = [CLIENT, "--native", E["BENCH_CA"]]
        return words + (["--reuse"] if reuse else []) + [port], E
    if who == "xsock":
        return [CLIENT, port], environment(rules(reuse, port))
    if who == "supervised":
        return supervise(rules(reuse, port)) + [CLIENT, port], E
    return [CLIENT, proxy(who, reuse)[KINDS.index(kind)]], E


def pids(who, reuse):
    """The processes that work for it beside the client."""
    if who == "native":
        return []
    if who == "xsock":
        found = [int(exe.split("/")[2])
                 for exe in glob.glob("/proc/[0-9]*/exe")
                 if link(exe) == E["BENCH_RELAY"]]
        if not found:
            sys.exit("the relay is not to be seen in /proc: only root may")
        return found
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


# --- rows -------------------------------------------------------------------------

class Row:
    """One line of the table.  measure(who) gives a number; lower is better, or
    higher; target is the worst allowed ratio of xsock to native."""

    def __init__(self, name, unit, measure, who=ALL, higher=False, target=None,
                 ahead=False, base="native"):
        self.name, self.unit, self.measure = name, unit, measure
        self.who, self.higher, self.target = who, higher, target
        self.ahead, self.base = ahead, base
        self.numbers = {one: [] for one in who}

    def round(self, order):
        for who in order:
            self.numbers[who].append(self.measure(who))

    def median(self, who):
        return statistics.median(self.numbers[who])

    def ratio(self, who):
        return self.median(who) / self.median(self.base)

    def spread(self, who):
        base = self.median(self.base)
        return (min(self.numbers[who]) / base, max(self.numbers[who]) / base)

    def verdict(self):
        """"", or what is missed."""
        mine = self.ratio("xsock")
        missed = []
        if self.target is not None and (mine < self.target if self.higher
                                        else mine > self.target):
            missed.append("target %s %.2f" % (
                "≥" if self.higher else "≤", self.target))
        if self.ahead:
            for other in self.who:
                if other in OTHERS and (self.ratio(other) > mine if self.higher
                                        else self.ratio(other) < mine):
                    missed.append("behind " + other)
        return ", ".join(missed)


class Turns(Row):
    """A row in which measure(everybody) gives all numbers at once."""

    def round(self, order):
        for who, number in self.measure(order).items():
            self.numbers[who].append(number)

    def more(self, who="xsock"):
        """What it takes more, in the row's unit."""
        return statistics.median(
            mine - plain for mine, plain in zip(self.numbers[who],
                                                self.numbers[self.base]))


def simple(words, value, kind="RSA"):
    def measure(who):
        begin, env = command(who, 0, kind)
        return values(run(begin + [str(word) for word in words], env))[value]
    return measure


def reusing(words, value, kind):
    """With sessions reused by all but "native", which shakes hands in full;
    "resuming" is native with reuse."""
    def measure(who):
        reuse = who != "native"
        begin, env = command("native" if who == "resuming" else who, reuse,
                             kind)
        return values(run(begin + [str(word) for word in words], env))[value]
    return measure


def processor(size):
    """Seconds for a gigabyte up and one down, application and all others."""
    def measure(who):
        begin, env = command(who, 0)
        run(begin + ["rtt", "10"], env)  # so that the relay is there
        before = work(who, 0)
        used = sum(values(run(begin + [way, str(size), "1"], env))["cpu"]
                   for way in ("upload", "download"))
        return (used + work(who, 0) - before) / (2 * size / 1e9)
    return measure


def processes(count):
    def measure(who):
        begin, env = command(who, 1)
        script = "i=0; while [ $i -lt %d ]; do \"$@\" >/dev/null || exit 1; " \
            "i=$((i+1)); done" % count
        start = time.monotonic()
        run(["sh", "-c", script, "sh"] + begin + ["new", "1"], env)
        return (time.monotonic() - start) / count * 1e6
    return measure


def curls(count):
    def measure(who):
        port = E["BENCH_WEB"]
        words = ["curl", "-sSf", "http://127.0.0.1:%s/file" % port]
        env = environment(rules(1, port))
        if who == "native":
            words = ["curl", "-sSf", "--cacert", E["BENCH_CA"],
                     "https://127.0.0.1:%s/file" % port]
            env = E
        script = "i=0; while [ $i -lt %d ]; do \"$@\" >/dev/null || exit 1; " \
            "i=$((i+1)); done" % count
        start = time.monotonic()
        run(["sh", "-c", script, "sh"] + words, env)
        return (time.monotonic() - start) / count * 1e6
    return measure


def dtls_rule():
    return "udp://127.0.0.1:%s=dtls://?cafile=%s" % (E["BENCH_DTLS"],
                                                     E["BENCH_CA"])


def datagrams(words, value):
    """"plain" has a plain server; all others DTLS."""
    def measure(who):
        begin = [DATAGRAMS, E["BENCH_UDP" if who == "plain" else "BENCH_DTLS"]]
        if who == "native":
            begin[1:1] = ["--native", E["BENCH_CA"]]
        env = environment(dtls_rule()) if who == "xsock" else E
        return values(run(begin + [str(word) for word in words], env))[value]
    return measure


def on_one_core():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def begin_turns(words, env, begin, client):
    return subprocess.Popen(begin + [client] + [str(word) for word in words],
                            env=env, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, preexec_fn=on_one_core)


def take_turn(client):
    client.stdin.write(b"\n")
    client.stdin.flush()
    return values(client.stdout.readline().decode())["us"]


def in_turns(blocks, words, env_of, begin_of=lambda who: [],
             words_of=lambda who: [], client=CLIENT):
    """A client for each, all on one core, and in each block of a few milliseconds
    everybody has a turn: a microsecond is more than what the machine does
    meanwhile.  Clients are started again and again, for what is a matter of
    luck in each, such as where its pages are."""
    def measure(order):
        numbers = {who: [] for who in order}
        for _ in range(10):
            clients = {who: begin_turns(words + words_of(who), env_of(who),
                                        begin_of(who), client)
                       for who in order}
            for block in range(blocks // 10):
                for who in order if block % 2 else reversed(order):
                    numbers[who].append(take_turn(clients[who]))
            for one in clients.values():
                one.communicate()
        return {who: statistics.median(numbers[who]) for who in order}
    return measure


def starts(blocks, *program):
    """With the library and a rule, with it alone, and without ("plain")."""
    def env_of(who):
        env = dict(E)
        if who != "plain":
            env["BENCH_PRELOAD"] = E["BENCH_LIBRARY"]
        if who == "xsock":
            env["BENCH_RULES"] = rules(0, E["BENCH_RSA"])
        return env
    return in_turns(blocks, [0, "spawn", 5, *program], env_of)


LEFT_ALONE = "10.0.0.0/8:443=tls://"


def commands(blocks, *program):
    """What a command in front of the program costs, until the program has
    ended; xsock is "xsock run", and "env" is another such command."""
    begin = {"plain": [], "env": ["env"],
             "xsock": xsock_run("--supervise=never", LEFT_ALONE),
             "supervised": xsock_run("--supervise=always", LEFT_ALONE),
             "proxychains": proxychains(E["BENCH_SOCKS"]), "strace": STRACE}
    if GRAFTCP:
        begin["graftcp"] = graftcp()
    return in_turns(blocks, [0, "spawn", 5], lambda who: E,
                    words_of=lambda who: begin[who] + list(program))


def between(rule, exempt):
    """The commands in front of a client that connects to 127.0.0.1, as the rule
    says, or the same to others; and for xsock the environment."""
    begin = {"plain": [], "xsock": [], "supervised": supervise(rule),
             "proxychains": proxychains(E["BENCH_SOCKS"], *exempt),
             "strace": STRACE}
    if GRAFTCP:
        begin["graftcp"] = graftcp()
    return begin, lambda who: environment(rule) if who == "xsock" else E


def beside(blocks, begin, env_of):
    measure = in_turns(blocks, [0, "connect", 50], env_of, begin.get)

    def with_relay(order):
        # It would be on one core as well, if that client started it.
        for who in ("xsock", "supervised"):
            run_once(begin[who], env_of(who))
        return measure(order)
    return with_relay


def run_once(begin, env):
    """Connects once.  Returns whether that was possible."""
    done = subprocess.run(begin + [CLIENT, "0", "connect", "1"], env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, timeout=60)
    return done.returncode == 0


def writes(blocks):
    """strace without a filter stops the program at each system call."""
    begin = {"supervised": supervise(LEFT_ALONE),
             "strace": [word for word in STRACE if word != "--seccomp-bpf"]}
    return in_turns(
        blocks, [0, "write", 50],
        lambda who: environment(rules(0, E["BENCH_RSA"])) if who == "xsock"
        else E, lambda who: begin.get(who, []))


def other_port(i):
    return "host%d.example.test:443=tls://" % i


def any_port(i):
    if i % 2:
        return "*.host%d.example.test=tls://" % i
    return "10.%d.%d.0/24=tls://" % (i >> 8 & 255, i & 255)


def unmatched(blocks, number, rule):
    path = "%s/rules.%s.%d" % (E["BENCH_FOLDER"], rule.__name__, number)
    with open(path, "w") as file:
        for i in range(number):
            print(rule(i), file=file)
    return in_turns(
        blocks, [0, "connect", 50],
        lambda who: environment("@" + path) if who == "xsock" else E,
        lambda who: supervise("@" + path) if who == "supervised" else [])


def new_connections(kind):
    return [
        Row("new connection, %s, reuse (native: full)" % kind, "µs",
            reusing(["new", small(500, 100)], "us", kind),
            who=("native", "resuming", "xsock", "nginx", "haproxy", "stunnel"),
            target=0.30, ahead=True),
        Row("new connection, %s, full handshake" % kind, "µs",
            simple(["new", small(500, 100)], "us", kind), who=SUPERVISED,
            target=1.10),
    ]


MOVED = small(2 * GIGA, GIGA // 4)
ROWS = [
    Row("64-byte round trip, blocking", "µs",
        simple(["rtt", small(20000, 4000)], "us"), who=SUPERVISED, target=1.20,
        ahead=True),
    Row("the same by epoll", "/s",
        simple(["epoll", 1, small(20000, 4000)], "per_second"), higher=True,
        ahead=True),
    Row("64 connections at once", "/s",
        simple(["epoll", 64, small(1000, 200)], "per_second"), higher=True,
        ahead=True),
    Row("upload, 1 connection", "MB/s",
        simple(["upload", MOVED, 1], "mb_per_second"), who=SUPERVISED,
        higher=True, target=1.0, ahead=True),
    Row("download, 1 connection", "MB/s",
        simple(["download", MOVED, 1], "mb_per_second"), who=SUPERVISED,
        higher=True, target=1.0, ahead=True),
    Row("upload, 16 connections", "MB/s",
        simple(["upload", MOVED, 16], "mb_per_second"), higher=True,
        target=0.95, ahead=True),
    Row("download, 16 connections", "MB/s",
        simple(["download", MOVED, 16], "mb_per_second"), higher=True,
        target=0.95, ahead=True),
    *new_connections("RSA"),
    *new_connections("ECDSA"),
    Row("a process for each request, C client", "µs",
        processes(small(100, 20)), who=("native", "xsock"), target=1.0),
    Row("a process for each request, curl", "µs",
        curls(small(40, 10)), who=("native", "xsock"), target=1.0),
    Row("processor time for a GB, client's side", "s",
        processor(small(GIGA, GIGA // 8)), target=1.25),
    Turns("start of true, with a rule", "µs", starts(small(80, 20), "true"),
        who=("plain", "preload", "xsock"), target=1.10, base="plain"),
    Turns("start of sh -c :, with a rule", "µs",
        starts(small(80, 20), "sh", "-c", ":"),
        who=("plain", "preload", "xsock"), target=1.10, base="plain"),
]
ROWS.append(
    Turns("start of true by a command (xsock: xsock run)", "µs",
          commands(small(80, 20), "true"),
          who=("plain", "env", "xsock", "supervised", "proxychains") + PTRACE,
          base="plain"))
ROWS.append(
    Turns("unwrapped write, 64 bytes to /dev/null", "µs", writes(small(50, 20)),
          who=("plain", "xsock", "supervised", "strace"), base="plain"))
# Nobody adds TLS to the matched one: xsock leads it through the relay,
# proxychains through a SOCKS proxy.  graftcp is not in that row: a connect by it
# returns before its other half has begun to connect.
UNMATCHED = between(LEFT_ALONE, ["127.0.0.0/255.0.0.0"])
MATCHED = between("127.0.0.1=tcp://?relay=yes", [])
BESIDE = [
    Turns("unmatched connect, beside others", "µs",
          beside(small(100, 40), *UNMATCHED),
          who=("plain", "xsock", "supervised", "proxychains") + PTRACE,
          base="plain"),
    Turns("matched connect without TLS, beside others", "µs",
          beside(small(100, 40), *MATCHED),
          who=("plain", "xsock", "supervised", "proxychains"),
          base="plain")]
ROWS += BESIDE
CONNECTS = {(rule, number): Turns(
    "unmatched connect, %d rules of %s" % (number,
                                           rule.__name__.replace("_", " ")),
    "µs", unmatched(small(100, 40), number, rule),
    who=("plain", "xsock", "supervised"), base="plain")
    for rule in (other_port, any_port) for number in (1, 100, 10000)}
ROWS += CONNECTS.values()
ROWS += [row for size in (100, 1200) for row in (
    Row("round trip of a datagram of %d bytes" % size, "µs",
        datagrams(["rtt", small(20000, 4000), size], "us"),
        who=("native", "xsock", "plain"), target=1.15),
    Row("datagrams of %d bytes, 32 at once" % size, "/s",
        datagrams(["echoes", small(100000, 20000), size], "per_second"),
        who=("native", "xsock", "plain"), higher=True, target=0.80))]
SENDTO = [Turns(
    "unmatched sendto, a rule of %s port" % what, "µs",
    in_turns(small(100, 40), [1, "sendto", 200],
             lambda who, rule=rule: environment(rule) if who == "xsock" else E,
             client=DATAGRAMS),
    who=("plain", "xsock"), base="plain")
    for what, rule in (("another", "udp://10.0.0.0/8:7=dtls://"),
                       ("any", "udp://10.0.0.0/8=dtls://"))]
ROWS += SENDTO
WANTED = [row for row in ROWS if re.search(E.get("BENCH_ROWS", ""), row.name)]


# --- what is measured once ----------------------------------------------------------
# Without standard error: for a file there, the relay would keep a descriptor for
# each connection.

def idle_memory(count, begin, env):
    """Resident bytes of the relay for each of so many idle connections."""
    run(begin + ["rtt", "10", "64"], env)
    before = resident()
    with subprocess.Popen(begin + ["idle", str(count)], env=env,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as client:
        client.stdout.readline()
        after = resident()
        client.stdin.close()
    return (after - before) / count


def resident():
    return sum(int(line.split()[1]) * 1024 for pid in pids("xsock", 1)
               for line in read("/proc/%d/status" % pid).splitlines()
               if line.startswith("VmRSS"))


def crowd(who, open_lines):
    """Median and 99th percentile of 100 busy connections among so many."""
    begin, env = command(who, 1)
    found = values(run(begin + ["busy", str(open_lines), "100",
                                str(small(1000, 50))], env, subprocess.DEVNULL))
    return found["median_us"], found["p99_us"]


def crowds(who, count, pairs, target):
    """Yields lines: what many more connections, which are idle, do to them."""
    found = [(crowd(who, 100), crowd(who, count)) for _ in range(pairs)]
    for i, name in enumerate(("median", "99th percentile")):
        few = statistics.median(pair[0][i] for pair in found)
        many = statistics.median(pair[1][i] for pair in found)
        yield "%-48s %.0f µs, %.0f µs with 100 open: %.2f%s" % (
            "%s: 100 busy of %d, %s" % (who, count, name), many, few,
            many / few,
            "   MISSES: target %.1f" % target if many / few > target else "")


# --- honesty -------------------------------------------------------------------------

SPOKEN = ["TLSv1.3", "TLS_AES_256_GCM_SHA384"]


def spoken(begin, env):
    """Version, cipher, and "full" or "resumed", as the server has them."""
    return run(begin + ["tell"], env).split()


def moves(begin, env, way, *digest):
    """What a transfer says; "" when client and server have different bytes."""
    done = subprocess.run(begin + [way, str(1 << 23), "1", *digest], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL, timeout=60)
    return done.stdout.decode().strip() if done.returncode == 0 else ""


def digest(begin, env, way):
    """SHA-256 of what was moved; "" as above."""
    return moves(begin, env, way, "digest").partition("sha256=")[2]


def check_one(who, reuse, kind, expected):
    """Yields what is to be so, and whether it is."""
    begin, env = command(who, reuse, kind)
    name = "%s, %s, reuse %s: " % (who, kind, "on" if reuse else "off")
    for _ in range(3 if reuse else 1):
        said = spoken(begin, env)
    yield name + " ".join(said), said[:2] == SPOKEN
    # A client that is started for each connection has nothing to resume.
    if who != "native":
        yield name + "resumes or not", (said[2] == "resumed") == bool(reuse)
    for way in ("upload", "download"):
        found = digest(begin, env, way)
        yield name + "SHA-256, " + way, \
            found and found == expected.setdefault(way, found)


def check_between():
    """Yields whether those that get between do so, and leave alone what they
    are to leave alone: where there is nothing to lead to, nothing connects."""
    nowhere = between("127.0.0.1=deny://", [])
    nowhere[0]["proxychains"] = proxychains("1")
    for row, (begin, env_of) in zip(BESIDE, (UNMATCHED, MATCHED)):
        for who in row.who:
            yield "%s: %s connects" % (row.name, who), \
                run_once(begin[who], env_of(who))
    for who in ("xsock", "supervised", "proxychains"):
        yield "nowhere to lead to: %s does not connect" % who, \
            not run_once(nowhere[0][who], nowhere[1](who))


def check_datagrams():
    """Yields whether everybody has DTLS, or has not, as the servers have them:
    each began as many associations as were to be."""
    for who in ("native", "xsock", "plain"):
        before = read(E["BENCH_DTLS_LOG"]).count("handshake DTLSv1.2")
        good = datagrams(["rtt", 10, 100], "us")(who) > 0
        begun = read(E["BENCH_DTLS_LOG"]).count("handshake DTLSv1.2") - before
        yield "datagrams, %s: %d associations" % (who, begun), \
            good and begun == (who != "plain")


def check_all():
    expected = {}
    for who in ALL:
        for reuse in (0, 1):
            if who in OTHERS and not proxy(who, reuse):
                continue
            for kind in KINDS:
                yield from check_one(who, reuse, kind, expected)
    yield from check_between()
    yield from check_datagrams()
    if not CHECK:
        return
    liar = [CLIENT, E["BENCH_LIAR"]]
    for way in ("upload", "download"):
        yield "a changed byte of a timed %s is found" % way, \
            not moves(liar, E, way)
        yield "a changed byte of a hashed %s is found" % way, \
            not digest(liar, E, way)
    other = [CLIENT, "--native", E["BENCH_CA"], E["BENCH_OTHER"]]
    yield "another cipher is found", spoken(other, E)[:2] != SPOKEN


def check_honesty():
    """Everybody speaks the same version and cipher, and moves the same bytes.
    Returns whether all of it is so."""
    passed = failed = 0
    for name, good in check_all():
        passed, failed = passed + bool(good), failed + (not good)
        if CHECK or not good:
            print("ok   " if good else "FAIL ", name, flush=True)
    if CHECK or failed:
        print("%d passed, %d failed" % (passed, failed))
    return not failed


# --- the whole ------------------------------------------------------------------------

def write(extra):
    for name, text in (("txt", report.text(WANTED, extra, ROUNDS)),
                       ("md", report.markdown(WANTED, extra)),
                       ("svg", report.picture(WANTED))):
        with open("%s/bench.%s" % (E["BENCH_BUILD"], name), "w") as file:
            file.write(text)


def idle_limit():
    """How many connections there can be: two descriptors for each in the relay,
    and some."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(small(10000, 2000), limit // 2 - 100)


def missed_by_supervised(row):
    """15 µs, and a tenth of what each tracer takes."""
    more = row.more("supervised")
    yield from ["15 µs"] * (more > 15)
    yield from ("a tenth of %s's" % who for who in PTRACE
                if more > row.more(who) / 10)


def tell_beside():
    """Yields what everybody takes more than plain."""
    for row in BESIDE:
        for who in row.who[1:] if row in WANTED else ():
            missed = list(missed_by_supervised(row)) if (
                row is BESIDE[0] and who == "supervised") else []
            yield "%-48s %+.2f µs%s" % (
                "%s: %s" % (row.name, who), row.more(who),
                "   MISSES: target " + ", ".join(missed) if missed else "")


def measure_extra():
    """Yields lines about what is no ratio, or measured once."""
    yield from tell_beside()
    for row in SENDTO:
        if row in WANTED:
            yield "%-48s %+.2f µs%s" % (
                row.name, row.more(),
                "   MISSES: target 0.3 µs" if row.more() > 0.3 else "")
    if WANTED != ROWS:
        return
    for (rule, number), row in CONNECTS.items():
        more = row.more()
        one = max(CONNECTS[rule, 1].more(), 0.05)
        missed = ["1 µs"] * (more > 1) + ["2 × one rule"] * (more > 2 * one)
        yield "%-48s %+.2f µs%s" % (
            row.name, more,
            "   MISSES: target " + ", ".join(missed) if missed else "")
    count = idle_limit()
    memory = idle_memory(count, *command("xsock", 1))
    yield "%-48s %.1f KB%s" % (
        "relay's memory for an idle connection, at %d" % count, memory / 1024,
        "   MISSES: target 10 KB" if memory > 10240 else "")
    count = min(count, 2000)
    memory = idle_memory(count, [DATAGRAMS, E["BENCH_DTLS"]],
                         environment(dtls_rule()))
    yield "%-48s %.1f KB%s" % (
        "relay's memory for an idle association, at %d" % count, memory / 1024,
        "   MISSES: target 16 KB" if memory > 16384 else "")
    yield from crowds("xsock", count, min(ROUNDS, 3), 1.2)
    yield from crowds("native", count, min(ROUNDS, 3), float("inf"))


def main():
    if not WANTED:
        sys.exit("no row's name has " + E["BENCH_ROWS"])
    if not check_honesty():
        sys.exit(1)
    if CHECK:
        return
    for number in range(ROUNDS):
        print("round %d of %d" % (number + 1, ROUNDS), flush=True)
        for row in WANTED:
            # Not always the same one behind the same other.
            row.round(row.who[number % len(row.who):] +
                      row.who[:number % len(row.who)])
    extra = []
    write(extra)
    for line in measure_extra():
        extra.append(line)
        write(extra)
    print(report.text(WANTED, extra, ROUNDS), end="")


main()
