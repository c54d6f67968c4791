# Why a supervisor does not learn names from answers of port 53.  It can have a
# copy of the program's socket, or put another one in its place.  "seen" would
# mean that one of these does.
import os, socket

any_port = ("127.0.0.1", 0)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(any_port)

# A copy: the query goes by write(2) and the answer comes by read(2), as in Go,
# of which nobody is told.  Whoever reads first has the answer, and the program
# waits already.
program = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
program.connect(server.getsockname())
copy = program.dup()
os.write(program.fileno(), b"query")
server.sendto(b"answer", server.recvfrom(64)[1])
assert os.read(program.fileno(), 64) == b"answer"
try:
    print("seen:", copy.recv(64, socket.MSG_PEEK | socket.MSG_DONTWAIT))
except BlockingIOError:
    print("a copy: too late")

# Another socket, whose other end hands on what it sees: musl and c-ares throw an
# answer away that is not from the server's address, and recvfrom(2) tells the
# other end's.
program, supervisor = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
program.send(b"query")
supervisor.send(b"answer")
if program.recvfrom(64)[1] == server.getsockname():
    print("seen: with the server's address")
else:
    print("another socket: not from the server")
