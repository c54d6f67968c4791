"""Makes sure that everybody who is measured does the same work.
"""

import subprocess

from candidates import (CHECK, CLIENT, E, KINDS, OTHERS, WITH_BARE, command,
    proxy, proxychains, read, run)
from measures import between, datagrams, run_once
from rows import BESIDE, MATCHED, UNMATCHED


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
    if who not in ("native", "bare"):
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
    """Yields whether everybody but "plain" has DTLS: each began one association."""
    for who in ("native", "xsock", "plain", "bare"):
        before = read(E["BENCH_DTLS_LOG"]).count("handshake DTLSv1.2")
        good = datagrams(["rtt", 10, 100], "us")(who) > 0
        begun = read(E["BENCH_DTLS_LOG"]).count("handshake DTLSv1.2") - before
        yield "datagrams, %s: %d associations" % (who, begun), \
            good and begun == (who != "plain")


def check_all():
    expected = {}
    for who in WITH_BARE:
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
