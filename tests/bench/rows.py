"""The rows, in the order of the table.
"""

import re

from candidates import (DATAGRAMS, E, GIGA, OTHERS, PTRACE, SUPERVISED,
    WITH_BARE, environment, small)
from measures import (LEFT_ALONE, any_port, beside, between, commands, curls,
    datagrams, in_turns, other_port, processes, processor, processor_of_rounds,
    reusing, simple, starts, together, unmatched, while_busy, writes)
from row import Row, Turns


RESUMING = ("native", "xsock", "bare", "nginx", "haproxy", "stunnel")


def new_connections(kind):
    return [
        Row("new connection, %s, reuse" % kind, "µs",
            reusing(["new", small(500, 100)], "us", kind),
            who=("native", "full") + RESUMING[1:], target=1.10,
            ahead=("nginx", "haproxy", "stunnel")),
        Row("new connection, %s, full handshake" % kind, "µs",
            simple(["new", small(500, 100)], "us", kind),
            who=SUPERVISED,
            target=1.05),
    ]


def start(name, *program):
    return Turns("start of %s, with a rule" % name, "µs",
                 starts(small(80, 20), *program),
                 who=("plain", "empty", "preload", "xsock"), target=1.05,
                 base="plain")


MOVED = small(2 * GIGA, GIGA // 4)
EIGHT = small(200, 50)
ROWS = [
    Row("64-byte round trip, blocking", "µs",
        simple(["rtt", small(20000, 4000)], "us"),
        who=SUPERVISED, target=1.20,
        ahead=OTHERS),
    Row("the same by epoll", "/s",
        simple(["epoll", 1, small(20000, 4000)], "per_second"), higher=True,
        ahead=OTHERS),
    Row("the same, a processor kept busy", "µs",
        while_busy(simple(["rtt", small(5000, 1000)], "us")),
        who=WITH_BARE, target=1.30,
        ahead=OTHERS),
    Row("processor time of that, client's side", "µs",
        while_busy(processor_of_rounds(small(5000, 1000))),
        who=WITH_BARE, target=1.50),
    Row("64 connections at once", "/s",
        simple(["epoll", 64, small(1000, 200)], "per_second"), higher=True,
        ahead=OTHERS),
    Row("upload, 1 connection", "MB/s",
        simple(["upload", MOVED, 1], "mb_per_second"),
        who=SUPERVISED, higher=True, target=1.0, ahead=OTHERS),
    Row("download, 1 connection", "MB/s",
        simple(["download", MOVED, 1], "mb_per_second"),
        who=SUPERVISED, higher=True, target=1.0, ahead=OTHERS),
    Row("upload, 16 connections", "MB/s",
        simple(["upload", MOVED, 16], "mb_per_second"), who=WITH_BARE,
        higher=True, target=1.10, ahead=OTHERS),
    Row("download, 16 connections", "MB/s",
        simple(["download", MOVED, 16], "mb_per_second"), who=WITH_BARE,
        higher=True, target=0.95, ahead=OTHERS),
    *new_connections("RSA"),
    *new_connections("ECDSA"),
    Row("new connections of 8 processes, ECDSA, reuse", "/s",
        together(8, ["new", EIGHT], EIGHT), who=RESUMING, higher=True,
        target=1.0, ahead=("nginx",), by=1.3),
    Row("a process for each request, C client", "µs",
        processes(small(100, 20)), who=("native", "xsock"), target=1.0),
    Row("a process for each request, curl", "µs",
        curls(small(40, 10)), who=("native", "xsock"), target=1.0),
    Row("processor time for a GB, client's side", "s",
        processor(small(GIGA, GIGA // 8)), who=WITH_BARE, target=1.15),
    start("true", "true"),
    start("sh -c :", "sh", "-c", ":"),
]
ROWS.append(
    Turns("start of true by a command (xsock: xsock run)", "µs",
          commands(small(80, 20), "true"),
          who=("plain", "env", "xsock", "supervised", "proxychains") + PTRACE,
          target=1.5, base="plain"))
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
DATAGRAM = ("native", "xsock", "plain", "bare")
ROWS += [row for size in (100, 1200) for row in (
    Row("round trip of a datagram of %d bytes" % size, "µs",
        datagrams(["rtt", small(20000, 4000), size], "us"),
        who=DATAGRAM, target=1.15),
    Row("datagrams of %d bytes, 32 at once" % size, "/s",
        datagrams(["echoes", small(100000, 20000), size], "per_second"),
        who=DATAGRAM, higher=True, target=0.80))]
SENDTO = [Turns(
    "unmatched sendto, a rule of %s port" % what, "µs",
    in_turns(small(100, 40), [1, "sendto", 200],
             lambda who, rule=rule: environment(rule) if who == "xsock" else E,
             client=DATAGRAMS),
    who=("plain", "xsock"), base="plain")
    for what, rule in (("another", "udp://10.0.0.0/8:7=dtls://"),
                       ("any", "udp://10.0.0.0/8=dtls://"))]
ROWS += SENDTO


def wanted(name):
    return re.search(E.get("BENCH_ROWS", ""), name)


WANTED = [row for row in ROWS if wanted(row.name)]
