"""A name server for resolver.sh and lookups.sh: on 127.0.0.1, port 53 or PORT,
UDP and TCP.

    nameserver.py [PORT] NAME=ADDRESS[,ADDRESS…]…

"NAME=silent" is never answered, "NAME=A-N" has the addresses from A to N in
the last number, "NAME=A/B" has A and B in turn, one for each query.  Every other
name does not exist.  "ready" is printed when it
answers.
"""
import itertools
import select
import socket
import struct
import sys


def addresses(text):
    if "-" not in text:
        return text.split(",")
    first, last = text.split("-")
    head, number = first.rsplit(".", 1)
    return [f"{head}.{i}" for i in range(int(number), int(last) + 1)]


names, turns, port = {}, {}, 53
for argument in sys.argv[1:]:
    if argument.isdigit():
        port = int(argument)
        continue
    name, text = argument.split("=")
    names[name] = None if text == "silent" else addresses(text)
    if "/" in text:
        turns[name] = itertools.cycle(text.split("/"))


def answer(query, room):
    """The reply, or None when there is to be none."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += query[at] + 1
    question = query[12:at + 5]
    kind = struct.unpack("!H", query[at + 1:at + 3])[0]
    name = ".".join(labels).lower()
    found = names.get(name, [])
    if found is None:
        return None
    if name in turns and kind == 1:
        found = [next(turns[name])]
    records = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(a)
        for a in found) if kind == 1 else b""
    flags, count = 0x8580, len(found) if kind == 1 else 0
    if name not in names:
        flags |= 3
    if 12 + len(question) + len(records) > room:
        flags, count, records = flags | 0x0200, 0, b""
    return (query[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) +
            question + records)


datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", port))
listener = socket.create_server(("127.0.0.1", port))
print("ready", flush=True)
while True:
    for ready in select.select([datagrams, listener], [], [])[0]:
        if ready is datagrams:
            query, sender = datagrams.recvfrom(4096)
            reply = answer(query, 512)
            if reply:
                datagrams.sendto(reply, sender)
            continue
        client = listener.accept()[0]
        client.settimeout(5)
        try:
            while head := client.recv(2):
                reply = answer(client.recv(struct.unpack("!H", head)[0]), 65535)
                if reply:
                    client.sendall(struct.pack("!H", len(reply)) + reply)
        except (OSError, struct.error):
            pass
        client.close()
