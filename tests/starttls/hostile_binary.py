"""Rows of the hostile server for protocols that are not lines: LDAP, XMPP,
PostgreSQL, MySQL.  See hostile_rows.py."""

import struct

from hostile_rows import MARK, SECRET, Protocol


# --- LDAP: the server's words are operations; shape gives them their id --------

def element(tag, value):
    assert len(value) < 128
    return bytes([tag, len(value)]) + value


def message(number, operation):
    return element(0x30, element(2, number) + operation)


def result(code, text, tag=0x78):
    return element(tag, b"\x0a\x01" + bytes([code]) + element(4, b"") +
                   element(4, text))


class Ldap(Protocol):
    name = "ldap"
    asks = message(b"\1", element(0x77, element(
        0x80, b"1.3.6.1.4.1.1466.20037")))
    go = result(0, b"")
    refusal = result(52, b"TLS is unavailable")
    credential = message(b"\2", element(0x60, element(2, b"\3") + element(
        4, b"cn=admin") + element(0x80, SECRET)))
    accepted = result(0, b"", 0x61)
    injected = message(b"\2", result(0, MARK, 0x61))
    attacks = {
        "stripped": ("negotiation", None),
        "referral": ("negotiation", {"go": result(10, b"ldap://evil")}),
        "protocol-error": ("negotiation", {"go": result(2, b"what?")}),
        "other-operation": ("tampering", {"go": result(0, MARK, 0x61)},
                            ["performed"]),
        "disconnection": (
            "tampering", {"go": message(b"\0", result(52, MARK))},
            ["performed"]),
        "endless": ("tampering", {"go": b"\x30\x84\x7f\xff\xff\xff"}),
    }

    def wants_tls(self, said):
        return b"1.3.6.1.4.1.1466.20037" in said

    def read(self, stream):
        head = stream.read(2)
        return head and head + stream.read(head[1])

    def answer(self, words, said, tls):
        return words["accepted"]

    def shape(self, words, said, text):
        if text[:1] not in (b"\x61", b"\x78"):
            return text
        number = said[4:4 + said[3]]
        return element(0x30, element(2, number) + text) \
            if len(text) < 120 else b"\x30\x82" + struct.pack(
                ">H", len(text) + 2 + len(number)) + element(2, number) + text

    def complete(self, said, got):
        return len(got) >= 2 and len(got) >= 2 + got[1]


# --- XMPP ------------------------------------------------------------------------

TLS = b" xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
STREAM = (b"<stream:stream to='localhost' xmlns='jabber:%s' "
          b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")


def features(inside):
    return STREAM % b"client" + b"<stream:features>" + inside + \
        b"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" \
        b"<mechanism>PLAIN</mechanism></mechanisms></stream:features>"


class Xmpp(Protocol):
    name = "xmpp"
    hello = STREAM % b"client"
    offer = features(b"<starttls" + TLS + b"/>")
    stripped = features(b"")
    asks = b"<starttls" + TLS + b"/>"
    go = b"<proceed" + TLS + b"/>"
    refusal = b"<failure" + TLS + b"/>"
    credential = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' " \
        b"mechanism='PLAIN'>" + SECRET + b"</auth>"
    accepted = b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
    injected = b"<message from='a@b'><body>" + MARK + b"</body></message>"
    attacks = {
        "error": ("negotiation", {"go": b"<stream:error><reset/></stream:error>"}),
        "end": ("negotiation", {"go": b"</stream:stream>"}),
        "look-alike": (
            "negotiation", {"offer": features(b"<starttls xmlns='urn:x'/>")},
            ["performed"]),
        "proceed-of-another": ("tampering", {"go": b"<proceed xmlns='urn:x'/>"}),
        "message": ("tampering", {"go": b"<message from='a@b'/>"}),
        "doctype": (
            "tampering", {"offer": b"<!DOCTYPE x [<!ENTITY y 'z'>]>"},
            ["performed"]),
    }

    def wants_tls(self, said):
        return said.startswith(b"<starttls")

    def read(self, stream):
        unit = b""
        while not unit.endswith(b">"):
            byte = stream.read(1)
            if not byte:
                return b""
            unit += byte
        return unit

    def answer(self, words, said, tls):
        if said.startswith(b"<stream:stream"):
            return words["offer"]
        return words["accepted"] if SECRET in said else b""

    def complete(self, said, got):
        if said.startswith(b"<stream:stream"):
            return got.endswith(b"</stream:features>")
        return got.endswith(b">")


class XmppServer(Xmpp):
    name = "xmpp-server"
    hello = STREAM % b"server"


# --- PostgreSQL ---------------------------------------------------------------------

class Postgres(Protocol):
    name = "postgres"
    asks = struct.pack(">II", 8, 80877103)
    go = b"S"
    refusal = b"N"
    credential = struct.pack(">II", 8 + len(SECRET) + 8, 196608) + \
        b"user\0" + SECRET + b"\0\0\0"
    accepted = b"R" + struct.pack(">II", 8, 0)
    injected = b"E" + struct.pack(">I", 4 + 1 + 9 + 1) + b"M" + MARK + b"\0\0"
    attacks = {
        "stripped": ("negotiation", None),
        "error": ("tampering", {"go": injected}),  # CVE-2024-10977
        "spoofed-data": ("buffering", {"behind": accepted}),  # CVE-2021-23222
        "yes": ("tampering", {"go": b"s"}),
    }

    def wants_tls(self, said):
        return said == self.asks

    def read(self, stream):
        head = stream.read(4)
        return head and head + stream.read(struct.unpack(">I", head)[0] - 4)

    def answer(self, words, said, tls):
        return words["accepted"]

    def complete(self, said, got):
        return len(got) >= (1 if said == self.asks else 9)


# --- MySQL: what the server says to a packet is its payload ---------------------------

CLIENT_SSL = 0x0800


def packet(number, payload):
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def greets(capabilities, version=b"8.0.36", protocol=10):
    return packet(0, bytes([protocol]) + version + b"\0" + struct.pack(
        "<I8sxHBHHB10x", 7, b"abcdefgh", capabilities, 0x2d, 2, 0x81bf, 21) +
        b"ijklmnopqrst\0mysql_native_password\0")


class Mysql(Protocol):
    name = "mysql"
    modes = ("performed",)
    opens_early = True
    greeting = greets(0xf7fe | CLIENT_SSL)
    credential = packet(1, struct.pack(
        "<IIB23x", 0x00bea685 & ~CLIENT_SSL, 1 << 24, 0x2d) + b"me\0" +
        bytes([len(SECRET)]) + SECRET + b"mysql_native_password\0")
    accepted = b"\0\0\0\2\0\0\0"
    injected = packet(2, b"\0\0\0\2\0\0\0" + MARK)
    attacks = {
        "stripped": ("negotiation", {"greeting": greets(0xf7fe & ~CLIENT_SSL)}),
        "refused": ("negotiation", {
            "greeting": packet(0, b"\xff\x10\x04#08004" + MARK)}),
        "old": ("negotiation", {"greeting": greets(0xffff, protocol=9)}),
        "escape": ("tampering", {
            "greeting": greets(0xffff, b"8\x1b[2J" + MARK)}),
        "greeted-twice": ("buffering", {
            "greeting": greeting + packet(1, b"\xfe" + MARK + b"\0")}),
    }

    def wants_tls(self, said):
        return len(said) == 36 and said[3] == 1

    def read(self, stream):
        head = stream.read(4)
        return head and head + stream.read(
            struct.unpack("<I", head[:3] + b"\0")[0])

    def answer(self, words, said, tls):
        return words["accepted"]

    def shape(self, words, said, text):
        return packet(said[3] + 1, text) if text else b""

    def complete(self, said, got):
        return len(got) >= 4 and \
            len(got) >= 4 + struct.unpack("<I", got[:3] + b"\0")[0]


BINARY = [Ldap(), Xmpp(), XmppServer(), Postgres(), Mysql()]
