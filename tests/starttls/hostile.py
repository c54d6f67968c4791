#!/usr/bin/python3
"""A server that does wrong before TLS, on purpose: one port for each case.

    hostile.py FOLDER CERTIFICATES

FOLDER/cases gets a line "PROTOCOL ATTACK FAMILY MODE PORT" for each, all at once,
when all of them listen.  FOLDER/PROTOCOL.ATTACK.MODE.plain has every byte that
came in plaintext, FOLDER/….tls every byte that came through TLS.  CERTIFICATES
is what tests/support/certs.sh makes.

The attacks that every protocol has are below, those of one protocol in its row
(hostile_rows.py).  The families are those of "Why TLS is better without
STARTTLS" (USENIX Security 2021).
"""

import os
import selectors
import socket
import ssl
import sys
import threading

from hostile_rows import PROTOCOLS

# Words that an attack changes, beside the attributes of a row.
WORDS = {
    "behind": b"",  # right behind the go-ahead, in the same segment
    "instead": b"",  # what answers the ClientHello, instead of TLS
    "certificate": "good",
    "silent": False,  # says nothing to the request for TLS
    "close": False,  # ends the connection instead
    "shut": False,  # agrees, ends its own side, and listens
    "client": "",  # what the client does wrong; for the client to know
}

ALERT = b"\x15\x03\x03\x00\x02"

# name: (family, modes, what differs from a good server)
BOTH = ("performed", "seen")
COMMON = {
    "good": ("control", BOTH, lambda p: {}),
    "injected": ("buffering", BOTH, lambda p: {"behind": p.injected}),
    "injected-byte": ("buffering", BOTH, lambda p: {"behind": b"\n"}),
    "injected-alert": (
        "spoofed alert", BOTH, lambda p: {"behind": ALERT + b"\x01\x00"}),
    "pipelined": (
        "command injection", ("seen",), lambda p: {"client": "pipelines"}),
    "stripped": (
        "negotiation", BOTH,
        lambda p: {"offer": p.stripped} if p.stripped else None),
    "refused": ("negotiation", BOTH, lambda p: {"go": p.refusal}),
    "silent": ("negotiation", BOTH, lambda p: {"silent": True}),
    "closed": ("negotiation", BOTH, lambda p: {"close": True}),
    "half-closed": ("tampering", BOTH, lambda p: {"shut": True}),
    "impostor": ("tampering", BOTH, lambda p: {"certificate": "unknownca"}),
    "alert-failure": (
        "spoofed alert", BOTH, lambda p: {"instead": ALERT + b"\x02\x28"}),
    "alert-close": (
        "spoofed alert", BOTH, lambda p: {"instead": ALERT + b"\x01\x00"}),
    "instead-of-tls": (
        "spoofed alert", BOTH, lambda p: {"instead": p.injected}),
    "nul": (
        "tampering", BOTH,
        lambda p: {"greeting": p.greeting[:5] + b"\0" + p.greeting[5:]}
        if p.greeting else {"go": b"\0" + p.go}),
    "long": (
        "tampering", BOTH,
        lambda p: {"greeting": p.greeting[:5] + b"x" * 10000 + p.greeting[5:]}
        if p.greeting else {"go": p.go[:5] + b"x" * 10000 + p.go[5:]}),
    "other-protocol": (
        "tampering", BOTH,
        lambda p: {"greeting": b"HTTP/1.1 400 Bad Request\r\n\r\n",
                   "go": b"HTTP/1.1 400 Bad Request\r\n\r\n",
                   "offer": b"HTTP/1.1 400 Bad Request\r\n\r\n"}),
}


def attacks_of(protocol):
    """All cases of a protocol: (attack, family, mode, words)."""
    rows = {name: (family, modes, change(protocol))
            for name, (family, modes, change) in COMMON.items()}
    for name, row in protocol.attacks.items():
        family, words = row[0], row[1]
        rows[name] = (family, row[2] if len(row) > 2 else BOTH, words)
    for name, (family, modes, words) in rows.items():
        if words is None:
            continue
        for mode in set(modes) & set(protocol.modes):
            yield name, family, mode, words


class Case:
    """One port, and the connections that come to it."""

    def __init__(self, folder, protocol, attack, family, mode, changed):
        self.protocol = protocol
        self.row = (protocol.name, attack, family.replace(" ", "-"), mode)
        self.words = dict(WORDS)
        for word in dir(protocol):
            if isinstance(getattr(protocol, word), (bytes, str)):
                self.words[word] = getattr(protocol, word)
        self.words.update(changed)
        base = os.path.join(folder, ".".join((protocol.name, attack, mode)))
        self.plain = open(base + ".plain", "ab", buffering=0)
        self.tls = open(base + ".tls", "ab", buffering=0)
        self.socket = socket.create_server(("127.0.0.1", 0))

    def line(self):
        return " ".join(self.row + (str(self.socket.getsockname()[1]),))

    def serve(self, connection):
        try:
            connection.settimeout(60)
            self.converse(connection)
        except OSError:  # ssl.SSLError is one, too
            pass
        finally:
            connection.close()

    def converse(self, connection):
        stream = Stream(connection, self.plain)
        words = self.words
        stream.send(words["greeting"])
        if self.protocol.agrees_unasked:
            stream = self.upgrade(connection, stream, b"")
        while stream:
            said = self.protocol.read(stream)
            if not said:
                return
            if self.protocol.wants_tls(said):
                stream = self.upgrade(connection, stream, said)
                continue
            tls = stream.log is self.tls
            reply = self.protocol.answer(words, said, tls)
            stream.send(self.protocol.shape(words, said, reply))

    def upgrade(self, connection, stream, said):
        """Answers the request for TLS.  Returns what to go on with."""
        words = self.words
        if words["close"]:
            return None
        if not words["silent"]:
            stream.send(self.protocol.shape(words, said, words["go"]) +
                        words["behind"])
        if words["shut"]:
            connection.shutdown(socket.SHUT_WR)
            while stream.read(1):
                pass
            return None
        if words["silent"] or words["go"] != self.protocol.go:
            return stream
        if words["instead"]:
            stream.read(1)
            stream.send(words["instead"])
            return stream
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        base = os.path.join(CERTIFICATES, words["certificate"])
        context.load_cert_chain(base + ".pem", base + ".key")
        secure = Stream(context.wrap_socket(connection, server_side=True),
                        self.tls)
        secure.send(words["secured"])
        return secure


class Stream:
    """Reads and writes a connection, and keeps what came.  Reads not a byte
    more than asked for, because a handshake may follow."""

    def __init__(self, connection, log):
        self.connection = connection
        self.log = log

    def send(self, data):
        if data:
            self.connection.sendall(data)

    def read(self, size):
        got = b""
        while len(got) < size:
            piece = self.connection.recv(size - len(got))
            if not piece:
                return b""
            self.log.write(piece)
            got += piece
        return got

    def readline(self, limit):
        line = b""
        while not line.endswith(b"\n") and len(line) < limit:
            byte = self.read(1)
            if not byte:
                return b""
            line += byte
        return line


def main():
    folder = sys.argv[1]
    cases = [Case(folder, protocol, *row) for protocol in PROTOCOLS
             for row in attacks_of(protocol)]
    ready = selectors.DefaultSelector()
    for case in cases:
        ready.register(case.socket, selectors.EVENT_READ, case)
    with open(os.path.join(folder, "cases.new"), "w") as file:
        file.writelines(case.line() + "\n" for case in cases)
    os.rename(os.path.join(folder, "cases.new"), os.path.join(folder, "cases"))
    while True:
        for key, _ in ready.select():
            connection, _ = key.data.socket.accept()
            threading.Thread(target=key.data.serve, args=(connection,),
                             daemon=True).start()


if __name__ == "__main__":
    CERTIFICATES = sys.argv[2]
    main()
