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
    agrees_unasked = False  # go comes without asks
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
        """What the server says to a unit that does not ask for TLS; tls:
        behind it."""
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
            "tampering", {"greeting": b"220-hello\r\n250 INJECTED\r\n"}),
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
            "negotiation", {"size": b"500 no\r\n"}, ["performed"]),
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

class Nntp(Replies):
    name = "nntp"
    greeting = b"200 hostile.example ready\r\n"
    hello = b"CAPABILITIES\r\n"
    offer = b"101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n"
    stripped = b"101 list\r\nVERSION 2\r\nXXXXXXXX\r\n.\r\n"
    asks = b"STARTTLS\r\n"
    go = b"382 go ahead\r\n"
    refusal = b"580 not available\r\n"
    credential = b"AUTHINFO PASS " + SECRET + b"\r\n"
    accepted = b"281 welcome\r\n"
    injected = b"281 INJECTED\r\n"
    attacks = {
        "greeted-502": (
            "negotiation", {"greeting": b"502 go away\r\n"}, ["performed"]),
        "greeting-lines": (
            "tampering", {"greeting": b"200-hello\r\n200 INJECTED\r\n"}),
        "mode-reader": (
            "negotiation",
            {"offer": b"101 list\r\nMODE-READER\r\n.\r\n"}),
        "no-capabilities": (
            "negotiation", {"offer": b"480 no\r\n"}),
    }

    def complete(self, said, got):
        if said == self.hello and got.startswith(b"1"):
            return got.endswith(b"\r\n.\r\n")
        return super().complete(said, got)


class Pop3(Protocol):
    name = "pop3"
    greeting = b"+OK hostile.example <1.2@hostile.example>\r\n"
    hello = b"CAPA\r\n"
    offer = b"+OK list\r\nTOP\r\nSTLS\r\nUSER\r\n.\r\n"
    stripped = b"+OK list\r\nTOP\r\nXXXX\r\nUSER\r\n.\r\n"
    asks = b"STLS\r\n"
    go = b"+OK go ahead\r\n"
    refusal = b"-ERR not available\r\n"
    credential = b"PASS " + SECRET + b"\r\n"
    accepted = b"+OK welcome\r\n"
    injected = b"+OK INJECTED\r\n"
    attacks = {
        "greeted-err": (
            "negotiation", {"greeting": b"-ERR go away\r\n"}, ["performed"]),
        "greeting-twice": (
            "tampering", {"greeting": b"+OK hello\r\n+OK INJECTED\r\n"},
            ["seen"]),
        "agreed-plus": ("negotiation", {"go": b"+ \r\n"}),
        "mailbox": (
            "tampering", {"go": b"+OK\r\n1 INJECTED\r\n.\r\n"}),
    }

    def complete(self, said, got):
        if said == self.hello and got.startswith(b"+OK"):
            return got.endswith(b"\r\n.\r\n")
        return got.endswith(b"\r\n")

    def offered(self, got):
        return b"STLS" in got


class Imap(Protocol):
    """Every answer has the tag of the command in front."""

    name = "imap"
    greeting = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello\r\n"
    hello = b"a1 CAPABILITY\r\n"
    offer = (b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n"
             b"TAG OK done\r\n")
    stripped = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK done\r\n"
    asks = b"a2 STARTTLS\r\n"
    go = b"TAG OK go ahead\r\n"
    refusal = b"TAG NO not available\r\n"
    credential = b"a3 LOGIN me " + SECRET + b"\r\n"
    accepted = b"TAG OK welcome\r\n"
    injected = b"* CAPABILITY IMAP4rev1 INJECTED\r\na3 OK welcome\r\n"
    attacks = {
        "stripped": (
            "negotiation",
            {"greeting": b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n",
             "offer": stripped}),
        "bad": ("negotiation", {"go": b"TAG BAD what?\r\n"}),
        "continuation": ("negotiation", {"go": b"+ go on\r\n"}),
        "other-tag": ("negotiation", {"go": b"zz OK go ahead\r\n"}),
        "preauth": (
            "negotiation",
            {"greeting": b"* PREAUTH [CAPABILITY IMAP4rev1] INJECTED\r\n"}),
        "bye": ("negotiation", {"go": b"* BYE leave\r\n"}),
        "greeted-bye": ("negotiation", {"greeting": b"* BYE leave\r\n"}),
        "referral": (
            "tampering",
            {"go": b"TAG NO [REFERRAL imap://evil.example/] moved\r\n"}),
        "alert": (
            "tampering",
            {"go": b"* NO [ALERT] change your password\r\nTAG NO no\r\n"}),
        "mailbox": (
            "tampering",
            {"go": b'* LIST () "/" INJECTED\r\n* 1 EXISTS\r\nTAG OK\r\n'}),
        "flood": (
            "negotiation", {"go": b"* OK wait\r\n" * 10000}),
        "literal": (
            "tampering", {"go": b"* OK {10}\r\nINJECTED\r\nTAG OK\r\n"}),
    }

    def wants_tls(self, said):
        return said.upper().split()[1:] == [b"STARTTLS"]

    def shape(self, words, said, text):
        return text.replace(b"TAG", said.split()[0])

    def complete(self, said, got):
        if not said:
            return got.endswith(b"\r\n")
        tag = said.split()[0]
        return got.endswith(b"\r\n") and any(
            line.startswith((tag + b" ", b"+ ", b"zz "))
            for line in got.split(b"\r\n"))


class Sieve(Protocol):
    name = "sieve"
    offer = (b'"IMPLEMENTATION" "hostile"\r\n"SASL" ""\r\n"STARTTLS"\r\n'
             b"OK\r\n")
    greeting = offer
    stripped = b'"IMPLEMENTATION" "hostile"\r\n"SASL" "PLAIN"\r\nOK\r\n'
    hello = b"CAPABILITY\r\n"
    asks = b"STARTTLS\r\n"
    go = b'OK "go ahead"\r\n'
    refusal = b'NO "not available"\r\n'
    secured = b'"IMPLEMENTATION" "hostile"\r\n"SASL" "PLAIN"\r\nOK\r\n'
    credential = b'AUTHENTICATE "PLAIN" "' + SECRET + b'"\r\n'
    accepted = b"OK\r\n"
    injected = b'"SASL" "INJECTED"\r\nOK\r\n'
    attacks = {
        "stripped": (
            "negotiation", {"greeting": stripped, "offer": stripped}),
        "bye": ("negotiation", {"go": b'BYE "leave"\r\n'}),
        "referral": (
            "tampering",
            {"go": b'BYE (REFERRAL "sieve://evil.example") "moved"\r\n'}),
        "greeted-bye": ("negotiation", {"greeting": b'BYE "leave"\r\n'}),
        "capability": ("tampering", {"go": b'"SASL" "INJECTED"\r\nOK\r\n'}),
        "literal": (
            "tampering", {"go": b'"X" {10}\r\nINJECTED\r\n\r\nOK\r\n'}),
        "long-literal": (
            "tampering",
            {"greeting": b'"X" {10000}\r\n' + b"x" * 10000 + b"\r\nOK\r\n"}),
    }

    def complete(self, said, got):
        return got.endswith(b"\r\n") and got.split(b"\r\n")[-2].startswith(
            (b"OK", b"NO", b"BYE"))

    def agreed(self, got):
        return got.startswith(b"OK")


class Irc(Protocol):
    """The client speaks first; a server that has no STARTTLS says 421."""

    name = "irc"
    hello = b""
    asks = b"STARTTLS\r\n"
    go = b":hostile.example 670 * :go ahead\r\n"
    refusal = b":hostile.example 691 * :not available\r\n"
    credential = b"PASS " + SECRET + b"\r\n"
    accepted = b":hostile.example NOTICE * :welcome\r\n"
    injected = b":hostile.example NOTICE * :INJECTED\r\n"
    attacks = {
        "stripped": (
            "negotiation",
            {"go": b":hostile.example 421 * STARTTLS :Unknown command\r\n"}),
        "not-registered": (
            "negotiation",
            {"go": b":hostile.example 451 * :Register first\r\n"}),
        "error": ("negotiation", {"go": b"ERROR :Closing Link\r\n"}),
        "welcome": (
            "negotiation",
            {"go": b":hostile.example 001 me :INJECTED\r\n"}),
        "flood": (
            "negotiation", {"go": b"NOTICE * :wait\r\n" * 10000}),
    }

    def agreed(self, got):
        return b" 670 " in got

    def offered(self, got):
        return True


class Nats(Protocol):
    """The server's first line is its go-ahead, and nobody asks for it."""

    name = "nats"
    agrees_unasked = True
    go = b'INFO {"server_id":"NABC","tls_required":true} \r\n'
    refusal = b'INFO {"server_id":"NABC","auth_required":true}\r\n'
    credential = b'CONNECT {"verbose":true,"pass":"' + SECRET + b'"}\r\n'
    accepted = b"+OK\r\n"
    injected = b"MSG a 1 8\r\nINJECTED\r\n"
    attacks = {
        "stripped": (
            "negotiation", {"go": go.replace(b"true", b"false")}),
        "in-a-string": (
            "negotiation",
            {"go": b'INFO {"host":"\\"tls_required\\":true"}\r\n'}),
        "error": (
            "negotiation", {"go": b"-ERR 'INJECTED'\r\n"}, ["performed"]),
        "info-twice": ("buffering", {"behind": refusal}),
        "no-object": ("tampering", {"go": b"INFO INJECTED\r\n"}),
        "no-end": ("tampering", {"go": b'INFO {"tls_required":true\r\n'}),
        "urls-without-end": (
            "tampering",
            {"go": b'INFO {"connect_urls":[' + b'"a:1",' * 20000}),
        # The connection may be reset before the client has asked whether it
        # stands, so that it sees nothing.
        "refused": ("negotiation", {"go": refusal}, ["performed"]),
        # Before the go-ahead nobody owes anything in starttls://, as with TCP.
        "silent": ("negotiation", {"silent": True}, ["performed"]),
        "closed": ("negotiation", {"close": True}, ["performed"]),
        "pipelined": ("command injection", None),
    }

    def wants_tls(self, said):
        return False


# It needs what is above.
from hostile_binary import BINARY  # noqa: E402

PROTOCOLS = [Smtp(), Lmtp(), Imap(), Pop3(), Nntp(), Sieve(), Irc(),
             Ftp(), Nats()] + BINARY
