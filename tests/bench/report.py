"""What run.py writes: the table as text and in Markdown, and the picture.

A row is a Row of run.py.  Ratios are to the row's base: native, or plain.
"""

import os
import platform
import time

COLUMNS = ("xsock", "nginx", "haproxy", "stunnel", "socat")
COLOURS = {"native": "#888888", "resuming": "#bbbbbb", "plain": "#888888",
           "preload": "#bbbbbb", "xsock": "#1b6ca8", "nginx": "#6aa84f",
           "haproxy": "#e69138", "stunnel": "#a64d79", "socat": "#c0504d"}


def machine():
    with open("/proc/cpuinfo") as file:
        model = [line.split(":")[1].strip() for line in file
                 if line.startswith("model name")]
    return "%s, %d processors, Linux %s, %s" % (
        model[0] if model else "?", os.cpu_count(), platform.release(),
        time.strftime("%Y-%m-%d"))


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


def bars(row, y):
    """The bars of a row from y on; a bar ends at 4 times the base."""
    parts = []
    for who in row.who:
        ratio = row.ratio(who)
        width = min(ratio, 4) * 130
        parts.append(
            '<rect x="90" y="%d" width="%.1f" height="11" fill="%s"/>'
            '<text x="84" y="%d" text-anchor="end">%s</text>'
            '<text x="%.1f" y="%d">%.2f</text>' % (
                y, width, COLOURS[who], y + 10, who, 96 + width, y + 10, ratio))
        y += 14
    return parts


def picture(rows):
    y, parts = 30, []
    for row in rows:
        parts.append('<text x="10" y="%d" class="h">%s (%s is better)</text>' % (
            y, row.name, "more" if row.higher else "less"))
        parts += bars(row, y + 8)
        y += 28 + 14 * len(row.who)
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="700" height="%d" '
            'font-family="sans-serif" font-size="11"><style>.h{font-weight:'
            'bold}</style><rect width="100%%" height="100%%" fill="white"/>'
            '%s<text x="10" y="%d">%s</text></svg>\n' % (
                y + 10, "".join(parts), y, machine()))
