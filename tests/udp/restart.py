"""A client whose server is killed and started again.

    restart.py PORT SERVER_PID FRONT FOLDER NAME WORD…

Asks, kills the server, sends until it is told of that, starts the server again on
its port, and sends until it has an answer.  Prints what it was told.
"""
import errno
import os
import signal
import socket
import subprocess
import sys
import time

port, server = map(int, sys.argv[1:3])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", port))
s.settimeout(1)


def asked():
    """The answer, or the errno."""
    try:
        s.send(b"word")
        return "answered" if s.recv(2000) == b"word" else "another answer"
    except socket.timeout:
        return "timeout"
    except OSError as error:
        return errno.errorcode[error.errno]


for _ in range(20):
    word = asked()
    if word != "timeout":
        break
if word != "answered":
    sys.exit("no answer at all: " + word)
os.kill(server, signal.SIGKILL)
for _ in range(20):
    word = asked()
    if word != "timeout":
        break
    time.sleep(0.1)
print(word)
environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
again = subprocess.Popen(sys.argv[3:], env=environment,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
with open(os.path.join(sys.argv[4], sys.argv[5] + ".pid"), "w") as file:
    file.write(str(again.pid))
for _ in range(40):
    word = asked()
    if word == "answered":
        break
    time.sleep(0.2)
print(word)
