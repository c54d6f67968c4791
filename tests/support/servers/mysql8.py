#!/usr/bin/python3
"""A MySQL 8 server as far as its authentication: caching_sha2_password over
TLS alone, and the answer to every query.  Debian has no MySQL 8.

    mysql8.py CERTIFICATE KEY FILE

FILE gets the port when it listens.  User "alice", password "secret".  Of two
successful connects the first is authenticated in full: over TLS the server
wants the password itself, as MySQL does, and takes a request for its RSA key
for a wrong one.  The second is fast, with the hash.  Every query is answered
with one row, "TLS", the cipher's name, and "full" or "fast"; "changed" behind
COM_CHANGE_USER, which is authenticated in full with another nonce; the next
connect is in full, too.
"""

import errno
import hashlib
import os
import socket
import socketserver
import ssl
import struct
import sys
import threading

PASSWORD = b"secret"
CLIENT_SSL = 0x0800
OK = b"\0\0\0\2\0\0\0"
NONCE = b"abcdefghijklmnopqrst"
known = False


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def scramble():
    once = hashlib.sha256(PASSWORD).digest()
    twice = hashlib.sha256(once).digest()
    return xor(once, hashlib.sha256(twice + NONCE).digest())


class Handler(socketserver.BaseRequestHandler):
    def send(self, payload):
        self.number = (self.number + 1) & 255
        self.connection.sendall(struct.pack("<I", len(payload))[:3] +
                                bytes([self.number]) + payload)

    def exactly(self, size):
        got = b""
        while len(got) < size:
            piece = self.connection.recv(size - len(got))
            if not piece:
                raise EOFError
            got += piece
        return got

    def receive(self):
        head = self.exactly(4)
        # A command begins anew, an answer goes on.
        if head[3] not in (0, (self.number + 1) & 255):
            raise ValueError("packets out of order")
        self.number = head[3]
        return self.exactly(struct.unpack("<I", head[:3] + b"\0")[0])

    def handle(self):
        self.connection = self.request
        self.number = -1
        try:
            self.converse()
        except (EOFError, OSError, ValueError):
            pass

    def deny(self, why):
        self.send(b"\xff\x15\x04#28000" + why)

    def converse(self):
        self.send(b"\x0a8.0.36\0" + struct.pack(
            "<I8sxHBHHB10x", 7, NONCE[:8], 0xf7ff | CLIENT_SSL, 0x2d, 2,
            0x81ff & ~0x0100, 21) + NONCE[8:] +
            b"\0caching_sha2_password\0")
        first = self.receive()
        if len(first) != 32 or not struct.unpack("<I", first[:4])[0] & CLIENT_SSL:
            self.deny(b"Connections using insecure transport are prohibited")
            return
        self.connection = CONTEXT.wrap_socket(self.connection, server_side=True)
        response = self.receive()
        # What counts is the SSLRequest; the two must agree.
        if response[:8] != first[:8] or not self.authenticate(response):
            self.deny(b"Access denied")
            return
        self.send(OK)
        self.serve()

    def authenticate(self, response):
        global known
        name, rest = response[32:].split(b"\0", 1)
        token = rest[1:1 + rest[0]]
        if name != b"alice" or b"caching_sha2_password" not in rest:
            return False
        if known:
            known = token != scramble()
            if not known:
                self.how = "fast"
                self.send(b"\1\3")
            return not known
        self.how = "full"
        self.send(b"\1\4")
        known = self.receive() == PASSWORD + b"\0"
        return known

    def serve(self):
        while True:
            command = self.receive()
            if command[:1] == b"\1":
                return
            if command[:1] == b"\x11":
                if not self.change(command[1:]):
                    self.deny(b"Access denied")
                    return
                self.send(OK)
                continue
            if command[:1] != b"\3" or not command[1:].upper().startswith(
                    b"SELECT"):
                self.send(OK)
                continue
            self.answer("TLS %s %s" % (self.connection.cipher()[0],
                                       self.how))

    def change(self, command):
        global known
        known = False
        self.how = "changed"
        self.send(b"\xfecaching_sha2_password\0" + NONCE[::-1] + b"\0")
        self.receive()
        self.send(b"\1\4")
        return (command.startswith(b"alice\0") and
                self.receive() == PASSWORD + b"\0")

    def answer(self, text):
        text = text.encode()
        column = b"".join(bytes([len(part)]) + part for part in (
            b"def", b"", b"", b"", b"cipher", b""))
        self.send(b"\1")
        self.send(column + struct.pack("<BHIBHB2x", 12, 0x2d, 1024, 0xfd, 0, 0))
        self.send(b"\xfe\0\0\2\0")
        self.send(bytes([len(text)]) + text)
        self.send(b"\xfe\0\0\2\0")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, listener):
        super().__init__(listener.getsockname(), Handler, False)
        self.socket.close()
        self.socket = listener


def listen():
    """Returns a socket on 127.0.0.1 and, where there is IPv6, one on ::1, with
    the same port: the hosts file may say either of localhost."""
    while True:
        four = socket.create_server(("127.0.0.1", 0))
        port = four.getsockname()[1]
        try:
            six = socket.create_server(("::1", port), family=socket.AF_INET6)
            return [four, six]
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return [four]
        four.close()


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(sys.argv[1], sys.argv[2])
servers = [Server(listener) for listener in listen()]
with open(sys.argv[3] + ".new", "w") as file:
    print(servers[0].server_address[1], file=file)
os.rename(sys.argv[3] + ".new", sys.argv[3])
for server in servers:
    threading.Thread(target=server.serve_forever).start()
