#!/usr/bin/python3
"""Clients by hand, of binary protocols and XML, that ask for TLS themselves and
have none; and XMPP's, that does not ask.

    scripted.py ldap HOST PORT BIND-DN
    scripted.py postgres HOST PORT
    scripted.py xmpp|xmpp-server HOST PORT starttls|no-starttls

Ends with 0 when the server has done what it does over TLS alone.
"""

import base64
import socket
import struct
import sys


def fail(*words):
    print(*words, file=sys.stderr)
    sys.exit(1)


def read(stream, size):
    got = b""
    while len(got) < size:
        piece = stream.recv(size - len(got))
        if not piece:
            fail("the end, after", got)
        got += piece
    return got


# --- LDAP (RFC 4511) --------------------------------------------------------

def element(tag, value):
    assert len(value) < 128
    return bytes([tag, len(value)]) + value


def message(number, operation, body):
    return element(0x30, element(2, bytes([number])) + element(operation, body))


def result(stream):
    """The result code of the next message."""
    body = read(stream, read(stream, 2)[1])
    number = body[2]
    code = body[5:].index(b"\x0a\x01") + 7
    return number, body[code]


def ldap(stream, name):
    stream.sendall(message(1, 0x77, element(0x80, b"1.3.6.1.4.1.1466.20037")))
    if result(stream) != (1, 0):
        fail("StartTLS is refused")
    stream.sendall(message(2, 0x60, element(2, b"\x03") +
                           element(4, name.encode()) +
                           element(0x80, b"secret")))
    if result(stream) != (2, 0):
        fail("the bind is refused")


# --- PostgreSQL ---------------------------------------------------------------

def postgres(stream):
    stream.sendall(struct.pack(">II", 8, 80877103))
    if read(stream, 1) != b"S":
        fail("SSLRequest is refused")
    start = struct.pack(">I", 196608) + b"user\0alice\0database\0shop\0\0"
    stream.sendall(struct.pack(">I", len(start) + 4) + start)
    kind, size = struct.unpack(">cI", read(stream, 5))
    body = read(stream, size - 4)
    # Without TLS there is no line for alice in pg_hba.conf.
    if kind != b"R" or b"SCRAM-SHA-256" not in body:
        fail("no request for a password:", kind, body)


# --- XMPP (RFC 6120) ------------------------------------------------------------

STREAM = ("<?xml version='1.0'?><stream:stream to='localhost' "
          "from='%s' xmlns='jabber:%s' xmlns:db='jabber:server:dialback' "
          "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
FROM = {"client": "alice@localhost", "server": "other.example.test"}
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
AUTH = ("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
        "%s</auth>")


def until(stream, *words):
    said = b""
    while not any(word in said for word in words):
        piece = stream.recv(1)
        if not piece:
            fail("the end, after", said)
        said += piece
        if b"</stream:error>" in said or b"<failure" in said:
            fail("refused:", said)
    return said


def xmpp(stream, kind, asks):
    header = (STREAM % (FROM[kind], kind)).encode()
    stream.sendall(header)
    said = until(stream, b"</stream:features>", b"<stream:features/>")
    if asks:
        stream.sendall(STARTTLS.encode())
        until(stream, b"/>")
        stream.sendall(header)
        said = until(stream, b"</stream:features>", b"<stream:features/>")
    if b"<starttls" in said:
        fail("the server wants TLS:", said)
    if b"-PLUS" in said:
        fail("what binds to TLS is offered:", said)
    if kind == "server":
        if b"dialback" not in said and b"EXTERNAL" not in said:
            fail("nothing to authenticate with:", said)
        return
    plain = base64.b64encode(b"\0alice\0secret").decode()
    stream.sendall((AUTH % plain).encode())
    until(stream, b"<success")


def main():
    protocol, host, port, *rest = sys.argv[1:]
    with socket.create_connection((host, int(port)), 30) as stream:
        if protocol == "ldap":
            ldap(stream, rest[0])
        elif protocol == "postgres":
            postgres(stream)
        else:
            kind = "server" if protocol == "xmpp-server" else "client"
            xmpp(stream, kind, rest[0] == "starttls")


main()
