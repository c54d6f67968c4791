"""Numbered datagrams, and what comes back of them.

    ask.py HOST PORT sizes [unconnected]    every size from 1 to 1,200, one by one
    ask.py HOST PORT COUNT SIZE [WAIT]      COUNT datagrams of SIZE bytes, eight at
                                            a time; what has no answer after WAIT
                                            (0.5) seconds is missing.  Longer where
                                            none may be, because a machine is busy.

Each datagram begins with its number and goes on with bytes that only that number
has.  The last line tells how many were sent and came back, and of the answers how
many were wrong (not what was sent), twice, and missing.  Fails on an errno, and
names it.
"""
import select
import socket
import sys
import time


def datagram(number, size):
    text = b"%08d" % number
    word = (number * 2654435761 % 2**32).to_bytes(4, "big")
    return (text + word * (size // 4 + 1))[:size]


class Asker:
    def __init__(self, host, port, connected=True):
        where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self.socket = socket.socket(where[0], socket.SOCK_DGRAM)
        self.peer = where[4]
        self.connected = connected
        self.sent = {}
        self.back = self.wrong = self.twice = 0
        self.answered = set()
        if connected:
            self.socket.connect(self.peer)

    def send(self, number, size):
        data = datagram(number, size)
        self.sent[data] = number
        if self.connected:
            self.socket.send(data)
        else:
            self.socket.sendto(data, self.peer)
        return data

    def take(self, seconds):
        """One answer, or None when there is none in time."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return None
        data, peer = self.socket.recvfrom(65536)
        self.back += 1
        if data not in self.sent or peer[:2] != self.peer[:2]:
            self.wrong += 1
        elif data in self.answered:
            self.twice += 1
        self.answered.add(data)
        return data

    def ask(self, number, size, seconds):
        data = self.send(number, size)
        end = time.monotonic() + seconds
        while data not in self.answered and time.monotonic() < end:
            self.take(end - time.monotonic())

    def missing(self):
        return len(set(self.sent) - self.answered)

    def tell(self):
        print("sent %d, back %d, wrong %d, twice %d, missing %d"
              % (len(self.sent), self.back, self.wrong, self.twice, self.missing()))


def sizes(asker):
    # Shorter ones have no room for their number, and go one by one anyway.
    for number, size in enumerate([1200, 1] + list(range(2, 1200, 13))):
        asker.ask(number, size, 20)
        if len(asker.answered) != number + 1:
            break


def many(asker, count, size, wait):
    # The first one waits for the handshake.
    for number in range(1000):
        asker.ask(10**6 + number, size, 1)
        if asker.answered:
            break
    waiting = {}
    for number in range(count):
        while len(waiting) >= 8:
            now = time.monotonic()
            waiting = {d: t for d, t in waiting.items()
                       if d not in asker.answered and now - t < wait}
            if len(waiting) >= 8:
                asker.take(0.02)
        waiting[asker.send(number, size)] = time.monotonic()
    # What comes twice comes behind the first answer, and soon.
    while asker.take(wait if asker.missing() else 0.5):
        pass


def main():
    host, port, what = sys.argv[1:4]
    asker = Asker(host, int(port), "unconnected" not in sys.argv)
    try:
        if what == "sizes":
            sizes(asker)
        else:
            wait = float(sys.argv[5]) if len(sys.argv) > 5 else 0.5
            many(asker, int(what), int(sys.argv[4]), wait)
    except OSError as error:
        import errno
        print("errno", errno.errorcode[error.errno])
        sys.exit(1)
    finally:
        asker.tell()


main()
