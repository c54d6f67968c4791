"""Ways to measure one or all of those who are compared.  Each function here makes
a measure for a row (row.py).
"""

import os
import resource
import statistics
import subprocess
import sys
import time

from candidates import (CLIENT, DATAGRAMS, E, GRAFTCP, MIDDLE, STRACE, command,
    environment, graftcp, proxychains, rules, run, supervise, values, work,
    xsock_run)


def simple(words, value, kind="RSA"):
    def measure(who):
        begin, env = command(who, 0, kind)
        return values(run(begin + [str(word) for word in words], env))[value]
    return measure


def reusing(words, value, kind):
    """With sessions reused by all; "full" is native without."""
    def measure(who):
        begin, env = command("native" if who == "full" else who, who != "full",
                             kind)
        return values(run(begin + [str(word) for word in words], env))[value]
    return measure


def together(number, words, per_process):
    """So many clients at once, sessions reused: what they do in a second."""
    def measure(who):
        begin, env = command(who, 1, "ECDSA")
        begin += [str(word) for word in words]
        run(begin, env)
        start = time.monotonic()
        clients = [subprocess.Popen(begin, env=env, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL)
                   for _ in range(number)]
        if any([client.wait(timeout=600) for client in clients]):
            sys.exit("one of %d clients of %s failed" % (number, who))
        return number * per_process / (time.monotonic() - start)
    return measure


def while_busy(measure):
    """The same while another program keeps a processor busy."""
    def measure_while(who):
        with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as other:
            try:
                return measure(who)
            finally:
                other.kill()
    return measure_while


def processor_of_rounds(rounds):
    """Microseconds of processor time for a round trip, application and all
    others."""
    def measure(who):
        begin, env = command(who, 0)
        run(begin + ["rtt", "10"], env)  # so that the relay is there
        before = work(who, 0) + own_children()
        run(begin + ["rtt", str(rounds)], env)
        return (work(who, 0) + own_children() - before) * 1e6 / rounds
    return measure


def own_children():
    """Seconds of processor time of clients that have ended."""
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


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


def dtls_rule(reuse=1):
    return "udp://127.0.0.1:%s=dtls://?cafile=%s&session_reuse=%d" % (
        E["BENCH_DTLS"], E["BENCH_CA"], reuse)


def datagrams(words, value):
    """"plain" has a plain server, all others DTLS.  "bare" is native with a process
    in the middle, awake."""
    def measure(who):
        port = E["BENCH_UDP" if who == "plain" else "BENCH_DTLS"]
        begin = [MIDDLE, port, DATAGRAMS] if who == "bare" else [DATAGRAMS]
        if who in ("native", "bare"):
            begin += ["--native", E["BENCH_CA"]]
        if who == "bare":
            begin += ["--pair", "3"]
        begin.append(port)
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
    """With the library and a rule, with it alone ("preload"), with a library
    that has no code ("empty"), and without ("plain")."""
    def env_of(who):
        env = dict(E)
        if who != "plain":
            env["BENCH_PRELOAD"] = E["BENCH_EMPTY" if who == "empty"
                                     else "BENCH_LIBRARY"]
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
