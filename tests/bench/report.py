"""What run.py writes: the table as text, in Markdown and in JSON, and the picture.

A row is a Row of run.py.  Ratios are to the row's base: native, or plain.
"""

import json
import os
import platform
import ssl
import time

from candidates import OTHERS

COLUMNS = ("xsock", "nginx", "haproxy", "stunnel", "socat")
COLOURS = {"native": "#888888", "plain": "#888888",
           "preload": "#76a5d6", "empty": "#bbbbbb", "full": "#bbbbbb",
           "bare": "#bbbbbb", "xsock": "#1b6ca8", "nginx": "#6aa84f",
           "supervised": "#76a5d6", "haproxy": "#e69138",
           "stunnel": "#a64d79", "socat": "#c0504d", "env": "#bbbbbb",
           "proxychains": "#6aa84f", "strace": "#e69138",
           "graftcp": "#a64d79"}


def system():
    """The distribution's name and OpenSSL's version."""
    with open("/etc/os-release") as file:
        named = [one.split("=", 1)[1].strip().strip('"') for one in file
                 if one.startswith("PRETTY_NAME=")]
    return "%s, %s" % (named[0] if named else "?",
                       " ".join(ssl.OPENSSL_VERSION.split()[:2]))


def machine():
    with open("/proc/cpuinfo") as file:
        model = [line.split(":")[1].strip() for line in file
                 if line.startswith("model name")]
    return "%s, %d processors, Linux %s, %s, %s" % (
        model[0] if model else "?", os.cpu_count(), platform.release(),
        system(), time.strftime("%Y-%m-%d"))


def cell(row, who):
    low, high = row.spread(who)
    return "%.2f (%.2f-%.2f)" % (row.ratio(who), low, high)


def line_of(row):
    cells = ["%s %s" % (who, cell(row, who)) for who in row.who
             if who != row.base]
    return "%-48s %s %.1f %s; %s%s" % (
        row.name, row.base, row.median(row.base), row.unit, ", ".join(cells),
        "   MISSES: " + row.verdict() if row.verdict() else "")


def text(rows, extra, rounds):
    lines = [machine(), "%d rounds, medians (lowest-highest), ratios to native "
             "or plain" % rounds, ""]
    lines += [line_of(row) for row in rows] + [""] + extra
    return "\n".join(lines) + "\n"


def markdown_row(row):
    others = ["%s %.2f" % (who, row.ratio(who)) for who in row.who
              if who not in COLUMNS and who != row.base]
    cells = ["**%.2f**" % row.ratio(who) if who == "xsock" else
             "%.2f" % row.ratio(who) if who in row.who else "–"
             for who in COLUMNS]
    return "| %s%s, %s | %.4g | %s | %s |" % (
        row.name, " (%s)" % ", ".join(others) if others else "", row.unit,
        row.median(row.base), " | ".join(cells),
        row.verdict() or ("" if row.target is None and not row.ahead
                          else "met"))


def markdown(rows, extra):
    lines = ["| row | native, or plain | %s | target |" % " | ".join(COLUMNS),
             "|---|" + "---|" * (len(COLUMNS) + 2)]
    lines += [markdown_row(row) for row in rows] + [""]
    lines += ["- " + " ".join(line.split()) for line in extra]
    return "\n".join(lines) + "\n\n" + machine() + "\n"


def record_row(row):
    return {"unit": row.unit, "base": row.base, "higher": row.higher,
            "median": row.median(row.base), "verdict": row.verdict(),
            "wanted": row.target is not None or bool(row.ahead),
            "others": [who for who in row.who if who in OTHERS],
            "who": {who: {"ratio": row.ratio(who), "range": row.spread(who)}
                    for who in row.who}}


def record(rows, extra):
    """For table.py."""
    return json.dumps({"machine": machine(), "once": extra,
                       "rows": {row.name: record_row(row) for row in rows}},
                      indent=1) + "\n"


PICTURE_COLUMNS = 3
COLUMN_WIDTH = 310


def bars(row, x, y):
    """The bars of a row from y on; a bar ends at 3 times the base."""
    parts = []
    for who in row.who:
        ratio = row.ratio(who)
        width = min(ratio, 3) * 55
        parts.append(
            '<rect x="%d" y="%d" width="%.1f" height="11" fill="%s"/>'
            '<text x="%d" y="%d" text-anchor="end">%s</text>'
            '<text x="%.1f" y="%d">%.2f</text>' % (
                x + 80, y, width, COLOURS[who], x + 74, y + 10, who,
                x + 86 + width, y + 10, ratio))
        y += 14
    return parts


def picture(rows):
    """Each row goes to the column that ends first."""
    ends, parts = [26] * PICTURE_COLUMNS, []
    for row in rows:
        column = ends.index(min(ends))
        x, y = 10 + column * COLUMN_WIDTH, ends[column]
        parts.append('<text x="%d" y="%d" class="h">%s %s</text>' % (
            x, y, row.name, "\u2191" if row.higher else "\u2193"))
        parts += bars(row, x, y + 8)
        ends[column] += 28 + 14 * len(row.who)
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="sans-serif" font-size="11"><style>.h{font-weight:'
            'bold}</style><rect width="100%%" height="100%%" fill="white"/>'
            '%s<text x="10" y="%d">%s; \u2191 more is better, \u2193 less is better'
            '</text></svg>\n' % (
                20 + PICTURE_COLUMNS * COLUMN_WIDTH, max(ends) + 10,
                "".join(parts), max(ends), machine()))
