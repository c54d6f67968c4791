"""What the hostile server and its client know of each protocol: one row each.

A row says how a good server and a plaintext client talk up to STARTTLS, and
what attacks there are beside those that every protocol has (hostile.py).

Bytes marked INJECTED must never reach the application.
"""

MARK = b"INJECTED"
# The rest of the credential that a client sends; must never be in plaintext.
SECRET = b"c2VjcmV0LXRoYXQtbXVzdC1ub3QtdHJhdmVs"


class Protocol:
    """A protocol of lines.  What differs is overridden by a row."""

    name = ""
    greeting = b""
    # What a client says before it asks, and the answer; the second one
    # carries the offer, once with and once without it.
    hello = b""
    offer = b""
    stripped = b""
    asks = b""  # what the application says in starttls://
    go = b""
    refusal = b""
    # What the server says by itself behind TLS.
    secured = b""
    credential = b""
    accepted = b""
    # An answer that somebody between might put behind the go-ahead.
    injected = b""
    modes = ("performed", "seen")
    # Does the performed connect succeed before TLS?
    opens_early = False
    # Attacks beside the common ones: name: (family, {word: bytes}), where a
    # word is one of the attributes above, or one of hostile.py's.
    attacks = {}

    def wants_tls(self, said):
        """Is this unit of the client's the request for TLS?"""
        return said.strip().upper() == self.asks.strip().upper()

    def read(self, stream):
        """One unit of the client's; b"" at the end."""
        return stream.readline(70000)

    def answer(self, words, said, tls):
        """What the server says to a unit, before and behind TLS."""
        if SECRET in said:
            return words["accepted"]
        return words["offer"]

    def shape(self, words, said, text):
        """The server's words as the answer to what was said."""
        return text

    def complete(self, said, got):
        """Is got, what the client has read, a whole answer to what it said
        (b"": the greeting)?"""
        return got.endswith(b"\n")

    def agreed(self, got):
        """Does the server agree to TLS?  A careless client does not ask."""
        return got.startswith(self.go[:3])

    def offered(self, got):
        return b"STARTTLS" in got.upper()


class Replies(Protocol):
    """Three digits; "-" behind them where more lines follow."""

    def complete(self, said, got):
        lines = got.split(b"\r\n")
        return len(lines) > 1 and lines[-2][3:4] != b"-" and not lines[-1]


class Smtp(Replies):
    name = "smtp"
    greeting = b"220 hostile.example ESMTP\r\n"
    hello = b"EHLO client\r\n"
    offer = b"250-hostile.example\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
    stripped = b"250-hostile.example\r\n250-XXXXXXXX\r\n250 AUTH PLAIN\r\n"
    asks = b"STARTTLS\r\n"
    go = b"220 go ahead\r\n"
    refusal = b"454 4.7.0 not available\r\n"
    credential = b"AUTH PLAIN " + SECRET + b"\r\n"
    accepted = b"235 welcome\r\n"
    injected = b"250-INJECTED\r\n250 AUTH PLAIN\r\n"
    attacks = {
        "greeted-554": (
            "negotiation", {"greeting": b"554 go away\r\n"}, ["performed"]),
        "greeting-codes": (
            "tampering", {"greeting": b"220-hello\r\n250 INJECTED\r\n"},
            ["performed"]),
        "ehlo-refused": ("negotiation", {"offer": b"502 5.5.1 no\r\n"}),
        "agreed-334": ("negotiation", {"go": b"334 \r\n"}),
    }


class Lmtp(Smtp):
    name = "lmtp"
    greeting = b"220 hostile.example LMTP\r\n"
    hello = b"LHLO client\r\n"


class Ftp(Replies):
    """The control connection; data connections are ftp_data.py's."""

    name = "ftp"
    greeting = b"220-hostile.example\r\n welcome\r\n220 FTP\r\n"
    hello = b"FEAT\r\n"
    offer = b"211-Features:\r\n AUTH TLS\r\n PROT\r\n211 End\r\n"
    stripped = b"211-Features:\r\n XXXX XXX\r\n PROT\r\n211 End\r\n"
    asks = b"AUTH TLS\r\n"
    go = b"234 go ahead\r\n"
    refusal = b"534 not here\r\n"
    credential = b"PASS " + SECRET + b"\r\n"
    accepted = b"230 welcome\r\n"
    injected = b"230 INJECTED\r\n"
    size = b"200 PBSZ=0\r\n"
    level = b"200 private\r\n"
    attacks = {
        # The relay does not ask what the server offers, it asks for TLS.
        "stripped": ("negotiation", {"offer": stripped}, ["seen"]),
        "greeted-421": (
            "negotiation", {"greeting": b"421 go away\r\n"}, ["performed"]),
        "greeted-230": (
            "tampering", {"greeting": b"230 INJECTED\r\n"}, ["performed"]),
        "greeting-twice": (
            "buffering",
            {"greeting": b"220 hello\r\n230 INJECTED\r\n"}, ["performed"]),
        "agreed-334": ("negotiation", {"go": b"334 ADAT=\r\n"}, ["performed"]),
        "agreed-200": ("negotiation", {"go": b"200 as you like\r\n"}),
        "size-refused": (
            "negotiation", {"size": b"503 no\r\n"}, ["performed"]),
        "level-refused": (
            "negotiation", {"level": b"536 no\r\n"}, ["performed"]),
        "level-not-asked": (
            "tampering", {"level": b"331 and now?\r\n"}, ["performed"]),
    }

    def complete(self, said, got):
        lines = got.split(b"\r\n")
        return not lines[-1] and len(lines) > 1 and \
            lines[-2][:3].isdigit() and lines[-2][3:4] == b" "

    def offered(self, got):
        return b"AUTH TLS" in got

    def answer(self, words, said, tls):
        if said.startswith(b"PBSZ"):
            return words["size"]
        if said.startswith(b"PROT"):
            return words["level"]
        return super().answer(words, said, tls)


# It needs what is above.
from hostile_binary import BINARY  # noqa: E402

PROTOCOLS = [Smtp(), Lmtp(), Ftp()] + BINARY
