#!/usr/bin/python3
"""A session of FTP, with a client that has no TLS: everything that a session can
be about, several times over.

    ftp_client.py performed|seen HOST PORT USER FOLDER FILE

FILE is uploaded to FOLDER and downloaded again, by PASV and by EPSV, and so are
files of 0 bytes and of 1.  A transfer is refused, one is given up.  "seen": the
client asks for TLS itself, and goes on without.
"""

import ftplib
import hashlib
import io
import sys

MODE, HOST, PORT, USER, FOLDER, FILE = sys.argv[1:]
NAME = FILE.replace("/", "_")


class Client(ftplib.FTP):
    """Passive mode by one command."""

    command = "EPSV"

    def makepasv(self):
        if self.command == "EPSV":
            return ftplib.parse229(self.sendcmd("EPSV"),
                                   self.sock.getpeername())
        return ftplib.parse227(self.sendcmd("PASV"))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def download(ftp, name):
    got = io.BytesIO()
    ftp.retrbinary("RETR " + name, got.write)
    return got.getvalue()


def upload_and_compare(ftp, name, data):
    ftp.storbinary("STOR " + name, io.BytesIO(data))
    assert ftp.size(name) == len(data), name
    assert digest(download(ftp, name)) == digest(data), name
    assert name in ftp.nlst(), name


def refused(function, *arguments):
    try:
        function(*arguments)
    except ftplib.error_perm as error:
        return str(error)
    raise AssertionError("%s is not refused" % (arguments,))


def give_up(ftp, name):
    """Closes the data connection in the middle; the session goes on."""
    data, _ = ftp.ntransfercmd("RETR " + name)
    assert data.recv(1000)
    data.close()
    try:
        ftp.voidresp()
    except ftplib.error_temp:
        pass


def session(ftp):
    with open(FILE, "rb") as file:
        data = file.read()
    ftp.login(USER, "secret")
    if MODE == "seen":
        assert refused(ftp.makepasv).startswith("521 ")
        ftp.sendcmd("PBSZ 0")
        ftp.sendcmd("PROT P")
    ftp.cwd(FOLDER)
    for command in ("EPSV",) if ":" in HOST else ("EPSV", "PASV"):
        ftp.command = command
        upload_and_compare(ftp, NAME + command, data)
        upload_and_compare(ftp, NAME + command + ".0", b"")
        upload_and_compare(ftp, NAME + command + ".1", b"x")
        assert refused(download, ftp, "none").startswith("550")
        give_up(ftp, NAME + command)
        lines = []
        ftp.retrlines("LIST", lines.append)
        assert any(NAME + command in line for line in lines), lines
    ftp.set_pasv(False)
    assert "use passive mode" in refused(ftp.nlst)
    ftp.quit()


def main():
    ftp = Client()
    ftp.connect(HOST, int(PORT), timeout=30)
    if MODE == "seen":
        ftp.sendcmd("AUTH TLS")
    session(ftp)


main()
