#!/usr/bin/python3
"""FTP's data connections, with ftp_server.py at the other end: what the
application sees, what the server gets, what the relay says.

    ftp_data.py FOLDER PORT LOG [CASE…]

To be run with the library; the client has no TLS.  Prints "ok NAME" or
"FAIL NAME: why" for each case.
"""

import errno
import ftplib
import os
import socket
import sys
import time
import traceback

FOLDER, PORT, LOG = sys.argv[1:4]
DATA = b"0123456789abcdef" * 20000
SECRET = b"a secret that must not travel in plaintext" * 1000
PATIENCE = 20
begun = 0


class Client(ftplib.FTP):
    """EPSV, or PASV with the address that the reply has."""

    def __init__(self, host="127.0.0.1", port=PORT):
        super().__init__()
        self.command = "EPSV"
        self.to = None
        self.connect(host, int(port), timeout=PATIENCE)
        self.login("alice", "secret")

    def makepasv(self):
        if self.command == "EPSV":
            self.to = ftplib.parse229(self.sendcmd("EPSV"),
                                      self.sock.getpeername())
        else:
            self.to = ftplib.parse227(self.sendcmd("PASV"))
        return self.to


def read(name):
    try:
        with open(os.path.join(FOLDER, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def lines_of(port):
    """Since the case began: an earlier one may have had the same port."""
    with open(LOG, errors="replace") as file:
        file.seek(begun)
        return [line for line in file if ":%d by " % port in line]


def check(condition, *words):
    if not condition:
        raise AssertionError(" ".join(str(word) for word in words))


def one_line(ftp, words):
    """The relay has said exactly one thing, and these words are in it."""
    end = time.monotonic() + PATIENCE
    while not lines_of(ftp.to[1]) and time.monotonic() < end:
        time.sleep(0.02)
    lines = lines_of(ftp.to[1])
    check(len(lines) == 1 and words in lines[0], "lines:", lines)


def receive(ftp, name):
    """Downloads.  Returns what came, the errno that it ended with (0: the
    end), and the server's last reply."""
    data, _ = ftp.ntransfercmd("RETR " + name)
    got, error = b"", 0
    try:
        while True:
            piece = data.recv(65536)
            if not piece:
                break
            got += piece
            if name.startswith("reset"):
                ftp.putcmd("NOOP")
    except OSError as failed:
        error = failed.errno or str(failed)
    data.close()
    return got, error, reply(ftp)


def send(ftp, name):
    """Uploads.  The same; nothing is read."""
    data, _ = ftp.ntransfercmd("STOR " + name)
    error = 0
    try:
        data.sendall(SECRET)
    except OSError as failed:
        error = failed.errno or str(failed)
    data.close()
    return error, reply(ftp)


def reply(ftp):
    try:
        return ftp.voidresp()
    except ftplib.Error as error:
        return str(error)


# --- cases -------------------------------------------------------------------

def good_both_ways():
    ftp = Client()
    name = "good.%d" % os.getpid()
    for ftp.command in ("EPSV", "PASV"):
        check(receive(ftp, "good") == (DATA, 0, "226 done"))
        check(send(ftp, name)[0] == 0)
        check(not lines_of(ftp.to[1]), lines_of(ftp.to[1]))
    check(read(name + ".tls") == SECRET * 2)
    ftp.quit()


def session_resumed():
    ftp = Client()
    name = "whole.%d" % os.getpid()
    for _ in range(3):
        check(receive(ftp, name)[0] == DATA)
    check(read(name + ".reused") == b"111", read(name + ".reused"))


def fails_both_ways(name, words):
    ftp = Client()
    got, error, said = receive(ftp, name)
    check(got == b"" and error == errno.ECONNRESET, "download:", len(got),
          errno.errorcode.get(error, error))
    check(said[:1] == "4", said)
    one_line(ftp, words)
    _, said = send(ftp, name + ".up")
    check(said[:1] == "4", said)
    one_line(ftp, words)
    for kind in (".plain", ".tls", ".up.plain", ".up.tls"):
        check(b"secret" not in read(name + kind), kind)
    check(read(name + ".up.tls") == b"", read(name + ".up.tls"))


def impostor():
    fails_both_ways("impostor", "certificate")


def another_name():
    fails_both_ways("wronghost", "localhost")


def plaintext():
    """The server believes to have sent the file; the client knows better."""
    ftp = Client()
    got, error, _ = receive(ftp, "plain")
    check(got == b"" and error == errno.ECONNRESET, got, error)
    one_line(ftp, "TLS")


def plaintext_upload():
    """The server waits for more than a ClientHello; the rule's timeout is two
    seconds."""
    ftp = Client()
    send(ftp, "plain.up")
    one_line(ftp, "within 2 s")
    check(b"secret" not in read("plain.up.plain"))


def silent():
    """The same."""
    ftp = Client()
    got, error, _ = receive(ftp, "silent")
    check(got == b"" and error == errno.ECONNRESET, got, error)
    one_line(ftp, "within 2 s")
    send(ftp, "silent.up")
    one_line(ftp, "within 2 s")
    check(b"secret" not in read("silent.up.plain"))


def cut():
    ftp = Client()
    got, error, _ = receive(ftp, "cut")
    check(got == DATA[:100000], len(got))
    check(error == errno.ECONNRESET, "it looks whole:", error)
    one_line(ftp, "without close_notify")


def cut_empty():
    ftp = Client()
    got, error, _ = receive(ftp, "empty")
    check(got == b"" and error == errno.ECONNRESET, got, error)
    one_line(ftp, "without close_notify")


def broken_record():
    ftp = Client()
    got, error, _ = receive(ftp, "broken")
    check(DATA.startswith(got) and error == errno.ECONNRESET, error)
    check(len(lines_of(ftp.to[1])) == 1, lines_of(ftp.to[1]))


def reset():
    ftp = Client()
    got, error, _ = receive(ftp, "reset")
    check(got == DATA[:1000] and error == errno.ECONNRESET, got, error)


def bounce():
    """Another host is as good as its certificate."""
    ftp = Client()
    ftp.command = "PASV"
    ftp.sendcmd("SITE 127.0.0.2")
    check(receive(ftp, "good")[0] == DATA)
    check(ftp.to[0] == "127.0.0.2", ftp.to)
    got, error, _ = receive(ftp, "impostor")
    check(got == b"" and error == errno.ECONNRESET, got, error)
    one_line(ftp, "certificate")


def nobody_there():
    ftp = Client()
    host, port = ftp.makepasv()
    ftp.sendcmd("CLSE")
    try:
        socket.create_connection((host, port), PATIENCE)
    except ConnectionRefusedError:
        return
    raise AssertionError("connected")


def first_byte(host, port, ftp):
    """What the server gets of a client that connects and writes."""
    data = socket.create_connection((host, port), PATIENCE)
    data.sendall(b"secret")
    said = ftp.sendcmd("PEEK")
    data.close()
    return said[4:]


def second_connect():
    """An address stays what it is: no second connection is plaintext."""
    ftp = Client()
    for _ in range(3):
        host, port = ftp.makepasv()
        check(first_byte(host, port, ftp) == "16")
        check(first_byte(host, port, ftp) == "16")


def in_a_child():
    ftp = Client()
    host, port = ftp.makepasv()
    child = os.fork()
    if child == 0:
        # The server resets it when it has seen the first byte.
        try:
            data = socket.create_connection((host, port), PATIENCE)
            data.sendall(b"secret")
            data.recv(1)
        finally:
            os._exit(0)
    said = ftp.sendcmd("PEEK")
    os.waitpid(child, 0)
    check(said == "200 16", said)


def another_user():
    """The relay of who made the control connection may not be asked."""
    ftp = Client()
    host, port = ftp.makepasv()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            socket.create_connection((host, port), PATIENCE)
        except PermissionError:
            os._exit(0)
        finally:
            os._exit(1)
    check(os.waitpid(child, 0)[1] == 0, "connected")


def many():
    """More than are remembered of one control connection."""
    ftp = Client()
    for _ in range(200):
        host, port = ftp.makepasv()
    check(first_byte(host, port, ftp) == "16")


def nonblocking():
    ftp = Client()
    host, port = ftp.makepasv()
    data = socket.socket()
    data.setblocking(False)
    try:
        data.connect((host, port))
    except BlockingIOError:
        pass
    data.settimeout(PATIENCE)
    ftp.putcmd("RETR good")
    check(ftp.getresp().startswith("150"))
    got = b""
    while piece := data.recv(65536):
        got += piece
    check(got == DATA, len(got))


# --- rules: run with other rules each ----------------------------------------

def not_announced():
    """A port that nobody announced is none of our business."""
    Client()
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname(), PATIENCE)
    client.sendall(b"plain")
    check(server.accept()[0].recv(5) == b"plain")


def denied():
    """A rule above that of the control connection decides."""
    ftp = Client()
    host, port = ftp.makepasv()
    try:
        socket.create_connection((host, port), PATIENCE)
    except PermissionError:
        return
    raise AssertionError("connected")


def exempt():
    ftp = Client()
    host, port = ftp.makepasv()
    check(first_byte(host, port, ftp) == "73")


def elsewhere():
    """The application believes to be connected to another host."""
    ftp = Client("192.0.2.1", 21)
    check(ftp.sock.getpeername()[0] == "192.0.2.1")
    check(receive(ftp, "good")[0] == DATA)
    check(ftp.to[0] == "192.0.2.1", ftp.to)
    ftp.command = "PASV"
    check(receive(ftp, "good")[0] == DATA)
    check(ftp.to[0] == "127.0.0.1", ftp.to)


def no_relay():
    """Nobody is asked, and nobody started, without a control connection."""
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname(), PATIENCE)


def stopped_relay():
    """Who cannot be asked may have known: the connect is refused."""
    ftp = Client()
    host, port = ftp.makepasv()
    open(os.path.join(FOLDER, "ready"), "w").close()
    while not os.path.exists(os.path.join(FOLDER, "go")):
        time.sleep(0.02)
    try:
        socket.create_connection((host, port), 60)
    except PermissionError:
        return
    raise AssertionError("connected")


DEFAULT = [good_both_ways, session_resumed, impostor, another_name, plaintext,
           cut, cut_empty, broken_record, reset, bounce, nobody_there,
           second_connect, in_a_child, many, nonblocking, not_announced]


def main():
    cases = [globals()[name] for name in sys.argv[4:]] or DEFAULT
    failed = False
    global begun
    for case in cases:
        begun = os.path.getsize(LOG)
        try:
            case()
            print("ok", case.__name__)
        except Exception as error:  # whatever it is, it is the case's result
            failed = True
            print("FAIL %s: %s" % (case.__name__, error or repr(error)))
            traceback.print_exc()
    sys.exit(failed)


main()
