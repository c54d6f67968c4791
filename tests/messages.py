"""Does every line that a user may see have an identifier?

Reads the sentences out of the sources of the library, the relay and the
supervisor: each call that makes one, and the tables of tls_error_table.c and
image.c.  A conversion such as %s becomes the letter X.  Every sentence must be
found in shim/base/message.def, by the first pattern that matches as
shim/base/message.c does it; every pattern must be the first one of some
sentence; and the manual must have every identifier.

    messages.py MANUAL     checks, and prints what is wrong
    messages.py --list     prints each sentence with its identifier
"""
import glob
import re
import sys

SOURCES = sorted(
    glob.glob("shim/**/*.[ch]", recursive=True)
    + glob.glob("tools/relay/**/*.[ch]", recursive=True)
    + glob.glob("tools/xsock/notify*.c")
    + glob.glob("tools/xsock/supervise.c")
)
REFUSED = "; every Internet connect of this process is refused"

# Function: which argument is the sentence, and what the line makes of it.
CALLS = {
    "xs_error_set": (3, "{}"),
    "xs_parse_fail": (2, "XSOCK_RULES:1:1: {}" + REFUSED),
    "xs_dialogue_broken": (2, "SMTP: {}"),
    "xs_tls_error_setup": (1, "{}: X"),
    "xs_report_connect": (3, "{}"),
    "xs_report_process": (1, "{}"),
    "report_relay": (1, "{}"),
    "xs_log_words_log": (3, "{}"),
    "log_at": (2, "{}"),
    "log_later": (1, "{}"),
    "explain": (1, "{}"),
    "xs_connection_note": (1, "{}"),
}
# What a variable gets is one, too.
ASSIGNED = ("remark", "refused_renegotiation")
# Lines at level debug have no identifier.
DEBUG = re.compile(r"pair X, |pair X is descriptor |the rule wants no TLS: |"
                   r"no rule is about this, ")
# Errors of the configuration refuse all connects.
REFUSING = ("shim/base/log.c", "shim/connect/config.c")
# The sentence has been made elsewhere, by a call or table that is read here.
HANDED_ON = re.compile(r"X(: X)?$|X X \(X\)$|X X: X$|X XXX, X$|"
                       r"X; every Internet connect")

TOKEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|'
                   r"[A-Za-z_]\w*|\S|\n", re.S)
CONVERSION = re.compile(r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?"
                        r"(?:hh|h|ll|l|z|j)?[diouxXeEfgGcsp]")


def text_of(literal):
    return re.sub(r"\\(.)", r"\1", literal[1:-1])


def tokens_of(text):
    return [t for t in TOKEN.findall(text)
            if not t.startswith("/*") and t != "\n"]


def read_macros(sources):
    """Those whose value is a string."""
    macros = {}
    for text in sources.values():
        joined = text.replace("\\\n", " ")
        for name, value in re.findall(r"^#define (\w+)[ \t]+(.*)$", joined, re.M):
            parts = tokens_of(value)
            if parts and all(p[0] == '"' or p in macros for p in parts):
                macros[name] = "".join(
                    text_of(p) if p[0] == '"' else macros[p] for p in parts)
    return macros


def arguments(tokens, at):
    """The arguments of the call whose bracket is at this place."""
    depth, found = 0, [[]]
    for token in tokens[at:]:
        if token in "([{":
            depth += 1
            if depth == 1:
                continue
        elif token in ")]}":
            depth -= 1
            if not depth:
                return found
        elif token == "," and depth == 1:
            found.append([])
            continue
        found[-1].append(token)
    return found


def sentences_of(argument, macros):
    """The strings that it may be: one, or both of "a ? b : c"."""
    found, text = [], None
    for token in argument + [":"]:
        if token[0] == '"':
            text = (text or "") + text_of(token)
        elif token in macros:
            text = (text or "") + macros[token]
        elif token in "?:":
            if text is not None and token == ":":
                found.append(text)
            text = None
    return found


def plain(text):
    return CONVERSION.sub("X", text).replace("%%", "%")


def from_calls(name, text, macros):
    tokens = tokens_of(re.sub(r"^#.*?(?<!\\)$", "", text, flags=re.M | re.S))
    for at, token in enumerate(tokens[:-1]):
        if tokens[at + 1] != "(":
            continue
        if token in CALLS:
            index, frame = CALLS[token]
        elif token == "snprintf" and tokens[at + 2] == "sentence":
            index, frame = 2, "{}"
        else:
            continue
        found = arguments(tokens, at + 1)
        if name in REFUSING and token == "xs_error_set":
            frame = "{}" + REFUSED
        for sentence in sentences_of(found[index], macros) \
                if index < len(found) else []:
            yield name, plain(frame.format(sentence))


def from_variables(name, text, macros):
    tokens = tokens_of(text)
    for at, token in enumerate(tokens):
        if token in ASSIGNED and "=" in tokens[at:at + 4]:
            begin = tokens.index("=", at) + 1
            end = tokens.index(";", begin)
            for sentence in sentences_of(tokens[begin:end], macros):
                yield name, plain(sentence)


def rows_of(text, table, macros):
    """The strings of each row of a table of tls_error_table.c."""
    tokens = tokens_of(re.sub(r"^#(if|endif).*$", "", text, flags=re.M))
    at = tokens.index(table)
    while tokens[at] != "{":
        at += 1
    for row in arguments(tokens, at):
        if row:
            yield [part for argument in arguments(row, 0)
                   for part in sentences_of(argument, macros)]


def from_tables(sources, macros):
    name = "tools/relay/tls/tls_error_table.c"
    for table, frame in (
            ("xs_tls_error_certificates", "certificate of CN=X {} (X)"),
            ("xs_tls_error_alerts",
             "the server refused the TLS handshake: alert {} (X)"),
            ("xs_tls_error_alerts", "the server ended TLS with alert {} (X)"),
            ("xs_tls_error_reasons", "{} (X)")):
        for row in rows_of(sources[name], table, macros):
            if row:
                yield name, frame.format(row[0])
    name = "tools/relay/connection/dial.c"
    for row in rows_of(sources[name], "advices", macros):
        if row:
            yield name, "%s 192.0.2.1:1 (%s)" % (row[0], row[1])
    name = "tools/relay/connection/log_words.c"
    for version in ("TLSv1.3", "SSLv3", "DTLSv1.2"):
        yield name, version + " X, group X, verified X"
    yield "tools/relay/base/walls.c", "the relay goes on without X (X)"
    name = "tools/relay/tls/tls_error.c"
    yield name, "certificate of CN=X is refused: X (the server needs another one)"
    yield name, "TLS handshake failed: X (the server's log may say more)"
    yield name, "TLS failed: X (the server's log may say more)"
    # What the program does that is started, shim/exec.
    name = "shim/exec/image.c"
    tokens = tokens_of(sources[name])
    at = tokens.index("sentences") + 4
    for row in arguments(tokens, at):
        for sentence in sentences_of(row[row.index("=") + 1:] if row else [], macros):
            for meaning in ("its connections follow no rule X", "it is not started X",
                            "what it connects by itself follows no rule"):
                yield name, "X %s: %s" % (sentence, meaning)
    for meaning in ("its connections follow no rule X", "it is not started X"):
        yield "shim/exec/exec.c", "X is started without X: " + meaning


def read_table():
    """[(identifier, pattern)] in the order of the table."""
    with open("shim/base/message.def", encoding="utf-8") as file:
        tokens = tokens_of(file.read())
    rows = []
    for at, token in enumerate(tokens):
        if token == "XS_MESSAGE":
            rows.append(["".join(text_of(t) for t in part if t[0] == '"')
                         for part in arguments(tokens, at + 1)])
    return rows


def matcher(pattern):
    return re.compile(".*".join(re.escape(p) for p in pattern.split("*")) + r"\Z",
                      re.S)


def main():
    sources = {}
    for name in SOURCES:
        with open(name, encoding="utf-8") as file:
            sources[name] = file.read()
    macros = read_macros(sources)
    sentences = [pair for name, text in sources.items()
                 for pair in from_calls(name, text, macros)]
    for name, text in sources.items():
        sentences += from_variables(name, text, macros)
    sentences += from_tables(sources, macros)
    sentences = [(n, s) for n, s in sentences
                 if not DEBUG.match(s) and not HANDED_ON.match(s)]
    rows = [(row, matcher(row[1])) for row in read_table()]
    used, wrong = set(), []
    for name, sentence in sentences:
        row = next((r for r, match in rows
                    if r[1] != "*" and match.match(sentence)), None)
        if not row:
            wrong.append('%s: no row of message.def is about "%s"' % (name, sentence))
            continue
        used.add(row[1])
        if sys.argv[1] == "--list":
            print("%-28s %s" % (row[0], sentence))
    if sys.argv[1] == "--list":
        print("\n".join(wrong))
        return
    for row, _ in rows:
        if row[1] not in used and row[1] != "*":
            wrong.append('message.def: no line is "%s", or a row above has it'
                         % row[1])
    for (row, _), (before, _) in zip(rows, rows[-1:] + rows[:-1]):
        new = row[0] != before[0]
        if new == (row[2] == "") or (new and 1 != len(
                [r for (r, _), (b, _) in zip(rows, rows[-1:] + rows[:-1])
                 if r[0] == row[0] and b[0] != row[0]])):
            wrong.append("message.def: %s: its rows follow each other, and the "
                         "first one says what to do" % row[0])
    with open(sys.argv[1], encoding="utf-8") as file:
        manual = file.read().replace("\\-", "-")
    for row, _ in rows:
        if not re.search(r"^\.B %s$" % re.escape(row[0]), manual, re.M):
            wrong.append("%s: %s is missing" % (sys.argv[1], row[0]))
    if wrong:
        print("\n".join(wrong))


main()
