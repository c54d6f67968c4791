#!/usr/bin/python3
"""A proxy that changes one byte of each connection, both ways: the benchmark's
check must find that.

    liar.py PORT HONEST-PORT
"""

import socket
import sys
import threading

# Behind what a client asks for.
PLACE = 1000


def carry(source, target):
    seen = 0
    while data := bytearray(source.recv(65536)):
        if seen <= PLACE < seen + len(data):
            data[PLACE - seen] ^= 1
        seen += len(data)
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


def main(port, honest):
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            client = listener.accept()[0]
            server = socket.create_connection(("127.0.0.1", honest))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=carry, args=pair, daemon=True).start()


main(int(sys.argv[1]), int(sys.argv[2]))
