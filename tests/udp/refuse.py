"""What a program is told that sends where nobody can be trusted.

    refuse.py HOST PORT TEXT [send]

Connects, sends TEXT, and waits until the socket has something to tell; then it
receives, or sends once more.  Prints one word for each call: "ok" or the errno.
Ends when it cannot connect.
"""
import errno
import select
import socket
import sys

host, port, text = sys.argv[1:4]


def tried(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"


family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
s = socket.socket(family, socket.SOCK_DGRAM)
word = tried(s.connect, (host, int(port)))
print("connect", word)
if word != "ok":
    sys.exit(1)
print("send", tried(s.send, text.encode()))
waiter = select.poll()
waiter.register(s, select.POLLIN)
if not waiter.poll(15000):
    print("nothing")
elif sys.argv[4:] == ["send"]:
    print("send", tried(s.send, text.encode()))
else:
    print("recv", tried(s.recv, 2000, socket.MSG_DONTWAIT))
