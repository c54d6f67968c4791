"""A relay of another user, which answers "xsock ps" of root with what no relay says.

    false_relay.py USER READY mixed    rows of connections, some with a failure's
                                       sentence
    false_relay.py USER READY flood    long rows without an end

READY is made when it listens.  The message is that of shim/base/wire.h: what is the
same in question and answer is taken from the question.
"""
import os
import socket
import struct
import sys

HEAD, TYPE, PID, VALUE_LEN = 104, 6, 12, 84
SENTENCE = -4  # of the strings, from their end


def row(question, pid, age, sentence, program):
    head = bytearray(question[:HEAD])
    kind = struct.unpack_from("H", head, TYPE)[0]
    value = struct.pack("QQQi4B3QB7x", age, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    strings = [b""] * question[HEAD:].count(0)
    strings[0] = program
    strings[SENTENCE] = sentence
    struct.pack_into("H", head, TYPE, kind + 1)
    struct.pack_into("i", head, PID, pid)
    struct.pack_into("I", head, VALUE_LEN, len(value))
    return bytes(head) + b"\0".join(strings) + b"\0" + value


def answer(client, how):
    question = client.recv(65536)
    if how == "mixed":
        client.send(row(question, 3, 30, b"", b"a"))
        client.send(row(question, 2, 20, b"failed", b"b"))
        client.send(row(question, 1, 10, b"", b"c"))
        client.send(b"the end")
        return
    flood = row(question, 1, 1, b"s" * 8000, b"p" * 8000)
    while True:
        client.send(flood)


def main():
    os.setgroups([])
    os.setgid(int(sys.argv[1]))
    os.setuid(int(sys.argv[1]))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind("\0xsock-relay/0123456789abcdef")
    listener.listen(8)
    open(sys.argv[2], "w").close()
    while True:
        client, _ = listener.accept()
        try:
            answer(client, sys.argv[3])
        except OSError:
            pass  # nobody listens any more


main()
