"""What is no ratio, or measured once: lines below the table.
"""

import resource
import statistics
import subprocess

from candidates import (DATAGRAMS, E, PTRACE, ROUNDS, command, environment,
    pids, read, run, small, values)
from measures import dtls_rule
from rows import BESIDE, CONNECTS, ROWS, SENDTO, WANTED


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
