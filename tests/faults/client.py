#!/usr/bin/python3
"""A client without TLS that says a secret, and checks what comes back.

    client.py tls|smtp|ftp PORT SECRET

Ends with 0 when all was as it should be, with 1 when something was refused or
broke.
"""

import ftplib
import io
import socket
import sys

KIND, PORT, SECRET = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PATIENCE = 12
DATA = b"0123456789abcdef" * 20000


def check(condition, what):
    if not condition:
        raise OSError(what)


def connect():
    return socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE)


def tls():
    said = SECRET.encode() * 500
    with connect() as stream:
        stream.sendall(said)
        stream.shutdown(socket.SHUT_WR)
        with stream.makefile("rb") as answer:
            check(answer.read() == said, "another answer")


def smtp():
    with connect() as stream, stream.makefile("rb") as answer:
        for line in (None, "EHLO me", "AUTH PLAIN " + SECRET):
            if line:
                stream.sendall(line.encode() + b"\r\n")
            while True:
                got = answer.readline()
                check(got, "the end")
                if got[3:4] != b"-":
                    break


def ftp():
    session = ftplib.FTP()
    session.connect("127.0.0.1", PORT, timeout=PATIENCE)
    session.login("alice", SECRET)
    got = io.BytesIO()
    session.retrbinary("RETR good", got.write)
    check(got.getvalue() == DATA, "another file")
    session.storbinary("STOR good.upload", io.BytesIO(SECRET.encode() * 500))
    session.quit()


try:
    {"tls": tls, "smtp": smtp, "ftp": ftp}[KIND]()
except (OSError, EOFError, ftplib.Error) as error:
    print(error)
    sys.exit(1)
