"""What is no ratio, or measured once: lines below the table.
"""

import resource
import ssl
import statistics
import subprocess

from candidates import (DATAGRAMS, E, PTRACE, ROUNDS, command, end_relay,
    environment, pids, read, run, small, values)
from measures import dtls_rule
from rows import BESIDE, CONNECTS, SENDTO, WANTED, wanted


def line(name, value, missed=""):
    return "%-48s %s%s" % (name, value,
                           "   MISSES: target " + missed if missed else "")


# Without standard error: for a file there, the relay would keep a descriptor for
# each connection.
def idle_memory(count, begin, env):
    """Resident bytes for each of so many idle connections, of a relay that has
    had no others."""
    end_relay()
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
    return sum(int(one.split()[1]) * 1024 for pid in pids("xsock", 1)
               for one in read("/proc/%d/status" % pid).splitlines()
               if one.startswith("VmRSS"))


def tell_memory(name, count, target, begin, env):
    kilobytes = idle_memory(count, begin, env) / 1024
    yield line("%s, at %d" % (name, count), "%.1f KB" % kilobytes,
               "%g KB" % target if kilobytes > target else "")


def idle_connections(name):
    """OpenSSL 3.5 has larger objects than 3.0."""
    target = 12.5 if ssl.OPENSSL_VERSION_INFO < (3, 1) else 14
    return tell_memory(name, idle_limit(), target, *command("xsock", 1))


def idle_associations(reuse):
    return lambda name: tell_memory(
        name, min(idle_limit(), 2000), 16, [DATAGRAMS, E["BENCH_DTLS"]],
        environment(dtls_rule(reuse)))


def first_connects(name):
    """A process's first connection, its start excluded, in turns."""
    begin, env = command("xsock", 1)
    cold, warm = [], []
    for _ in range(small(20, 5)):
        end_relay()
        for found in cold, warm:
            found.append(values(run(begin + ["new", "1"], env))["us"])
    more = statistics.median(cold) - statistics.median(warm)
    yield line(name, "%+.1f ms more than %.1f ms with one" % (
        more / 1e3, statistics.median(warm) / 1e3),
               "5 ms" if more > 5000 else "")


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
        yield line("%s: 100 busy of %d, %s" % (who, count, name),
                   "%.0f µs, %.0f µs with 100 open: %.2f" % (
                       many, few, many / few),
                   "%.1f" % target if many / few > target else "")


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
            missed = missed_by_supervised(row) if (
                row is BESIDE[0] and who == "supervised") else ()
            yield line("%s: %s" % (row.name, who), "%+.2f µs" % row.more(who),
                       ", ".join(missed))


def tell_sendto():
    for row in SENDTO:
        if row in WANTED:
            yield line(row.name, "%+.2f µs" % row.more(),
                       "0.3 µs" if row.more() > 0.3 else "")


def tell_connects():
    for (rule, number), row in CONNECTS.items():
        if row not in WANTED or CONNECTS[rule, 1] not in WANTED:
            continue
        one = max(CONNECTS[rule, 1].more(), 0.05)
        missed = (["1 µs"] * (row.more() > 1) +
                  ["2 × one rule"] * (row.more() > 2 * one))
        yield line(row.name, "%+.2f µs" % row.more(), ", ".join(missed))


def busy_among(who, target):
    return lambda name: crowds(who, idle_limit(), min(ROUNDS, 3), target)


ONCE = {
    "first connect, no relay running": first_connects,
    "relay's memory for an idle connection": idle_connections,
    "relay's memory for an idle association, resumed": idle_associations(1),
    "relay's memory for an idle association, full": idle_associations(0),
    "xsock: 100 busy of many": busy_among("xsock", 1.2),
    "native: 100 busy of many": busy_among("native", float("inf")),
}


def measure_extra():
    """Yields lines about what is no ratio, or measured once."""
    yield from tell_beside()
    yield from tell_sendto()
    yield from tell_connects()
    for name, measure in ONCE.items():
        if wanted(name):
            yield from measure(name)
