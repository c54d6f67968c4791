"""What the rows of python3 do: python.py HOST PORT WORK ARGUMENT…

Each WORK uses the library's plaintext class, as a program does that was written
before there was TLS.
"""
import imaplib
import poplib
import smtplib
import socket
import sys

TIMEOUT = 60


def content(path):
    with open(path, "rb") as file:
        return file.read()


def store(path, lines):
    with open(path, "wb") as file:
        file.write(b"\n".join(lines) + b"\n")


# Letters are sent as text: smtplib ends the lines of bytes with what they have,
# and a dot behind a bare LF is not the server's to take off (RFC 5321, 2.3.8).
def smtp(host, port, letter):
    with smtplib.SMTP(host, port, "test.example.test", TIMEOUT) as server:
        server.login("alice@example.test", "secret")
        server.sendmail("alice@example.test", ["joe@example.test"],
                        content(letter).decode())


def lmtp(host, port, letter, user):
    with smtplib.LMTP(host, port, "test.example.test",
                      timeout=TIMEOUT) as server:
        server.sendmail("alice@example.test", [user + "@example.test"],
                        content(letter).decode())


def imap(host, port, letter, user, got):
    with imaplib.IMAP4(host, port, TIMEOUT) as server:
        server.login(user, "secret")
        server.append("INBOX", None, None,
                      content(letter).replace(b"\n", b"\r\n"))
        server.select("INBOX")
        _, found = server.search(None, "SUBJECT", user)
        number = found[0].decode()
        _, data = server.fetch(number, "(BODY.PEEK[])")
        store(got, data[0][1].splitlines())
        server.store(number, "+FLAGS", "\\Deleted")
        server.expunge()


def pop(host, port, user, got):
    server = poplib.POP3(host, port, TIMEOUT)
    server.apop(user, "secret")
    store(got, server.retr(1)[1])
    server.dele(1)
    server.quit()


def nntp(host, port, text, tag):
    import nntplib  # for Python 3.13 it is a package of its own

    with nntplib.NNTP(host, port, timeout=TIMEOUT) as server:
        server.group("test.general")
        _, article = server.article("<first@example.test>")
        print(article.message_id)
        print(b"\n".join(article.lines).decode())
        header = ("From: alice@example.test\nNewsgroups: test.general\n"
                  "Subject: letter %s\n\n" % tag)
        server.post(header.encode() + content(text))


def sieve(host, port, script, user, got):
    """ManageSieve (RFC 5804) by hand."""
    text = content(script)
    with socket.create_connection((host, port), TIMEOUT) as connection:
        server = connection.makefile("rwb")

        def answer():
            lines = []
            while True:
                line = server.readline()
                if not line:
                    sys.exit("the server ended the connection")
                if line.startswith((b"NO", b"BYE")):
                    sys.exit(line.decode())
                if line.startswith(b"OK"):
                    return lines
                if line.startswith(b"{"):
                    lines.append(server.read(int(line.strip(b"{}\r\n"))))
                else:
                    lines.append(line)

        def ask(command):
            server.write(command)
            server.flush()
            return answer()

        answer()
        name = b'"%s"' % user.encode()
        login = b"\0" + user.encode() + b"\0secret"
        import base64
        ask(b'AUTHENTICATE "PLAIN" "%s"\r\n' % base64.b64encode(login))
        ask(b"PUTSCRIPT %s {%d+}\r\n%s\r\n" % (name, len(text), text))
        with open(got, "wb") as file:
            file.write(ask(b"GETSCRIPT %s\r\n" % name)[0])
        ask(b"LOGOUT\r\n")


works = {f.__name__: f for f in (smtp, lmtp, imap, pop, nntp, sieve)}
works[sys.argv[3]](sys.argv[1], int(sys.argv[2]), *sys.argv[4:])
