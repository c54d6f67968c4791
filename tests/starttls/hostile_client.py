#!/usr/bin/python3
"""A plaintext client that is as careless as one can be, against the hostile
server: one connection for each case, and a judgement.

    hostile_client.py FOLDER LOG

FOLDER is the hostile server's, LOG where the relay writes its lines.  Prints
"ok NAME" or "FAIL NAME: why" for each case, and the name's words are those of
FOLDER/cases.  To be run with the library.

The client asks for nothing and believes everything: whatever the server says,
it ends with sending its credential.  In starttls:// it says STARTTLS where it
is offered.  So in every case but "good":

- the connect fails with EPROTO, or the connection ends
- the relay says why, in exactly one line
- the credential is not at the server in plaintext
- nothing that is marked as injected has reached the client
- where the server refused in starttls://, the client has seen it
"""

import concurrent.futures
import errno
import os
import socket
import sys
import time

from hostile_rows import MARK, PROTOCOLS, SECRET
from hostile import attacks_of

FOLDER, LOG = sys.argv[1:3]
ROWS = {protocol.name: protocol for protocol in PROTOCOLS}
# Seconds: what should come; what must not come, which costs its time.
PATIENCE = 20
JOBS = 8

# What the connect of a performed case fails with, if not EPROTO.
ERRNO = {"impostor": errno.EKEYREJECTED, "silent": errno.ETIMEDOUT}


class Ended(Exception):
    """The connection is over."""


class Client:
    def __init__(self, protocol, port):
        self.protocol = protocol
        self.got = b""  # all that came
        # By IPv4 only.  Where localhost is ::1, too, create_connection would
        # try that as well, and the case would have a second line.
        self.socket = socket.socket(socket.AF_INET)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("localhost", port))

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            raise Ended from None

    def receive(self, said):
        """The answer to what was said."""
        answer = b""
        while not self.protocol.complete(said, answer):
            try:
                piece = self.socket.recv(65536)
            except socket.timeout:
                raise
            except OSError:
                raise Ended from None
            if not piece:
                raise Ended
            answer += piece
            self.got += piece
        return answer

    def ask(self, said):
        self.send(said)
        return self.receive(said)

    def end(self):
        """Reads to the end."""
        while True:
            try:
                piece = self.socket.recv(65536)
            except socket.timeout:
                raise
            except OSError:
                return
            if not piece:
                return
            self.got += piece


def perform(client, words):
    """The client of PROTOCOL+starttls://: knows nothing of TLS."""
    protocol = client.protocol
    if protocol.greeting or protocol.agrees_unasked:
        client.receive(b"")
    if protocol.hello:
        client.ask(protocol.hello)
    client.ask(protocol.credential)


def ask_for_tls(client, words):
    """The client of starttls://: asks for TLS, and has none."""
    protocol = client.protocol
    offer = b""
    if protocol.greeting or protocol.agrees_unasked:
        offer = client.receive(b"")
    if protocol.hello:
        offer += client.ask(protocol.hello)
    if words.get("client") == "pipelines":
        client.send(protocol.asks + protocol.credential)
        client.receive(protocol.credential)
        return
    if not protocol.agrees_unasked and (
            protocol.offered(offer) or not protocol.hello):
        client.ask(protocol.asks)
        if protocol.secured:
            client.receive(b"")
        if protocol.hello:
            client.ask(protocol.hello)
    client.ask(protocol.credential)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def lines_of(port):
    """What the relay said of the connection to this port."""
    return [line for line in read(LOG).decode(errors="replace").splitlines()
            if ":%d by " % port in line]


def wait_for_line(port):
    end = time.monotonic() + PATIENCE
    while not lines_of(port) and time.monotonic() < end:
        time.sleep(0.02)
    return lines_of(port)


def run(protocol, mode, port, words):
    """Returns the errno of the connect, all that came, and whether the
    connection has ended by itself."""
    try:
        client = Client(protocol, port)
    except OSError as error:
        return error.errno, b"", True
    try:
        (perform if mode == "performed" else ask_for_tls)(client, words)
        return 0, client.got, False
    except Ended:
        client.end()
        return 0, client.got, True
    except socket.timeout:
        return 0, client.got, False
    finally:
        client.socket.close()


def judge_good(name, got, ended):
    if ended:
        return "the connection ended: %r" % got[:500]
    if SECRET not in read(os.path.join(FOLDER, name + ".tls")):
        return "the credential did not reach the server through TLS"
    return ""


def judge_hostile(protocol, attack, mode, failed, got, ended, words):
    expected = ERRNO.get(attack, errno.EPROTO)
    if mode == "performed" and not protocol.opens_early and failed != expected:
        return "connect: %s, not %s" % (errno.errorcode.get(failed, failed),
                                        errno.errorcode[expected])
    # Reset at once, as TCP does it: SO_ERROR is asked a little later.
    if mode == "seen" and failed not in (0, errno.ECONNRESET):
        return "connect: " + errno.errorcode.get(failed, str(failed))
    if not ended:
        return "the connection goes on: %r" % got[-500:]
    if MARK in got:
        return "injected bytes came: %r" % got[:500]
    if attack == "refused" and mode == "seen" and \
            protocol.refusal.split()[-1] not in got:
        return "the client does not see the refusal: %r" % got[:500]
    return ""


def try_case(line):
    name, attack, family, mode, port = line.split()
    protocol = ROWS[name]
    words = {(row[0], row[2]): row[3]
             for row in attacks_of(protocol)}[attack, mode]
    label = ".".join((name, attack, mode))
    failed, got, ended = run(protocol, mode, int(port), words)
    if attack == "good":
        why = judge_good(label, got, ended or failed)
        lines = lines_of(int(port))
    else:
        why = judge_hostile(protocol, attack, mode, failed, got, ended, words)
        lines = wait_for_line(int(port))
    if SECRET in read(os.path.join(FOLDER, label + ".plain")):
        why = "the credential is out in plaintext"
    if not why and len(lines) != (attack != "good"):
        why = "%d lines: %s" % (len(lines), " | ".join(lines))
    return "%s %s (%s)%s" % ("FAIL" if why else "ok",
                             " ".join((name, mode, attack)),
                             family.replace("-", " "), why and ": " + why)


def main():
    with open(os.path.join(FOLDER, "cases")) as file:
        cases = file.read().splitlines()
    wanted = sys.argv[3:]
    cases = [case for case in cases
             if not wanted or case.split()[0] in wanted]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for result in pool.map(try_case, cases):
            print(result, flush=True)


if __name__ == "__main__":
    main()
