"""Judges one object of "xsock probe --json".

    probe_fields.py FILE EXPRESSION

Every object has the same keys.  EXPRESSION is Python, over the object p, its
first and last certificates leaf and ca, and now.
"""
import json
import sys
import time

KEYS = {"target", "name", "address", "milliseconds", "tls", "dtls", "chain", "verdict"}
TIMES = {"resolve", "connect", "handshake"}
TLS = {"version", "cipher", "group", "alpn", "resumption"}
DTLS = {"cookie", "sent_again", "payload", "largest"}
CERTIFICATE = {
    "subject", "issuer", "names", "not_before", "not_after", "days_left", "key",
    "signature", "sha256", "pin_sha256", "self_signed", "sent", "trusted", "needed",
}
KEY = {"type", "bits", "group"}
VERDICT = {"accepted", "kind", "status", "sentence"}


def expect(what, seen, keys):
    if seen is not None and set(seen) != keys:
        sys.exit(f"{what}: has {sorted(seen)}, not {sorted(keys)}")


with open(sys.argv[1], encoding="utf-8") as file:
    p = json.load(file)
expect("object", p, KEYS)
expect("milliseconds", p["milliseconds"], TIMES)
expect("tls", p["tls"], TLS)
expect("dtls", p["dtls"], DTLS)
expect("verdict", p["verdict"], VERDICT)
for certificate in p["chain"]:
    expect("certificate", certificate, CERTIFICATE)
    expect("key", certificate["key"], KEY)
names = {
    "p": p,
    "leaf": p["chain"][0] if p["chain"] else None,
    "ca": p["chain"][-1] if p["chain"] else None,
    "now": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
}
if not eval("(" + sys.argv[2] + ")", names):
    sys.exit(f"not true: {sys.argv[2]}")
