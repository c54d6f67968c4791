#!/usr/bin/python3
"""An FTP server whose control connection has TLS as it should be, and whose data
connections do what the name of the file says.

    ftp_server.py FOLDER CERTIFICATES [login-first]

"login-first": PBSZ and PROT are refused until the user is in.
FOLDER/port gets the port when it listens.  FOLDER/NAME.plain has every byte that
came in plaintext on a data connection for NAME, FOLDER/NAME.tls every byte that
came through TLS.  "NAME.more" does what NAME does.
"""

import os
import socket
import ssl
import struct
import sys
import threading

FOLDER, CERTIFICATES = sys.argv[1:3]
DATA = b"0123456789abcdef" * 20000
LIMIT = 30


def context(name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    base = os.path.join(CERTIFICATES, name)
    made.load_cert_chain(base + ".pem", base + ".key")
    return made


GOOD = context("good")


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
    connection.close()


class Secure:
    """What ssl.SSLSocket lacks: the socket below it."""

    def __init__(self, wrapped):
        self.wrapped = wrapped

    def __getattr__(self, name):
        return getattr(self.wrapped, name)

    def raw(self):
        return socket.socket(fileno=os.dup(self.wrapped.fileno()))

    def detach_and_close(self):
        os.close(self.wrapped.detach())


class Transfer:
    """One data connection, accepted."""

    def __init__(self, connection, name, up):
        self.connection = connection
        self.name = name
        self.up = up
        connection.settimeout(LIMIT)

    def keep(self, kind, data):
        with open(os.path.join(FOLDER, "%s.%s" % (self.name, kind)),
                  "ab") as file:
            file.write(data)

    def receive(self, stream, kind):
        while True:
            piece = stream.recv(65536)
            if not piece:
                return
            self.keep(kind, piece)

    def secure(self, made=GOOD):
        # The session is that of the control connection: one context.
        return Secure(made.wrap_socket(self.connection, server_side=True,
                                       suppress_ragged_eofs=False))

    def good(self, stream=None):
        stream = stream or self.secure()
        if self.up:
            self.receive(stream, "tls")
        else:
            stream.sendall(DATA)
        stream.unwrap().close()

    def whole(self):
        """The reuse that servers demand is there."""
        stream = self.secure()
        self.keep("reused", b"%d" % stream.session_reused)
        self.good(stream)

    def impostor(self):
        self.good(self.secure(context("unknownca")))

    def wronghost(self):
        self.good(self.secure(context("wronghost")))

    def plain(self):
        """As if PROT C were in force."""
        if self.up:
            self.receive(self.connection, "plain")
        else:
            self.connection.sendall(DATA)
            self.receive(self.connection, "plain")
        self.connection.close()

    def silent(self):
        self.receive(self.connection, "plain")

    def cut(self):
        stream = self.secure()
        stream.sendall(DATA[:100000])
        stream.detach_and_close()

    def empty(self):
        """Nothing at all, and no close_notify either."""
        self.secure().detach_and_close()

    def broken(self):
        stream = self.secure()
        stream.sendall(DATA[:100000])
        stream.raw().sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        stream.detach_and_close()

    def reset(self):
        stream = self.secure()
        stream.sendall(DATA[:1000])
        # The client says when it has them, by what it asks next.
        self.control.readline()
        reset(stream.raw())


class Session:
    def __init__(self, connection):
        self.connection = connection
        self.listener = None
        self.host = "127.0.0.1"
        self.may_protect = "login-first" not in sys.argv
        self.file = connection.makefile("rb")

    def say(self, line):
        self.connection.sendall(line.encode() + b"\r\n")

    def listen(self):
        if self.listener:
            self.listener.close()
        self.listener = socket.create_server((self.host, 0))
        self.listener.settimeout(LIMIT)
        return self.listener.getsockname()[1]

    def transfer(self, name, up):
        kind = name.split(".")[0]
        self.say("150 here it comes")
        connection, _ = self.listener.accept()
        transfer = Transfer(connection, name, up)
        transfer.control = self.file
        try:
            getattr(transfer, kind)()
            self.say("226 done")
        except OSError as error:
            connection.close()
            self.say("426 " + str(error).replace("\n", " "))

    def command(self, verb, argument):
        if verb == "AUTH":
            self.say("234 go ahead")
            self.connection = GOOD.wrap_socket(self.connection,
                                               server_side=True)
            self.file = self.connection.makefile("rb")
        elif verb == "USER":
            self.say("331 and")
        elif verb == "PASS":
            self.may_protect = True
            self.say("230 welcome")
        elif verb in ("PBSZ", "PROT") and not self.may_protect:
            self.say("530 log in first")
        elif verb == "SITE":
            self.host = argument
            self.say("200 there")
        elif verb == "EPSV":
            self.say("229 (|||%d|)" % self.listen())
        elif verb == "PASV":
            port = self.listen()
            self.say("227 (%s,%d,%d)" % (self.host.replace(".", ","),
                                         port >> 8, port & 255))
        elif verb == "CLSE":
            # Nobody listens there any more.
            self.listener.close()
            self.say("200 closed")
        elif verb in ("RETR", "STOR"):
            self.transfer(argument, verb == "STOR")
        elif verb == "PEEK":
            # What comes first on another data connection.
            connection, _ = self.listener.accept()
            connection.settimeout(LIMIT)
            self.say("200 %02x" % connection.recv(1)[0])
            connection.close()
        else:
            self.say("200 as you like")

    def run(self):
        self.say("220 hello")
        while True:
            line = self.file.readline().decode(errors="replace")
            if not line:
                return
            verb, _, argument = line.strip().partition(" ")
            self.command(verb.upper(), argument)
            if verb.upper() == "QUIT":
                self.connection.unwrap().close()
                return


def serve(connection):
    try:
        connection.settimeout(LIMIT)
        Session(connection).run()
    except OSError:
        pass
    connection.close()


def main():
    server = socket.create_server(("127.0.0.1", 0))
    with open(os.path.join(FOLDER, "port.new"), "w") as file:
        print(server.getsockname()[1], file=file)
    os.rename(os.path.join(FOLDER, "port.new"), os.path.join(FOLDER, "port"))
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection,),
                         daemon=True).start()


main()
