"""One table of what several releases of Debian measured, in Markdown.

    table.py NAME…     reads NAME.json of each, as run.py wrote it
"""

import json
import sys


def load(name):
    with open(name + ".json") as file:
        return json.load(file)


def cells(row):
    """What is shown of a row of one release: the base's median, xsock, a bare
    process in the middle, and the best of the others."""
    if not row:
        return ["–"] * 4
    ratio = {who: one["ratio"] for who, one in row["who"].items()}
    others = [(ratio[who], who) for who in row["others"] if who in ratio]
    best = (max if row["higher"] else min)(others, default=None)
    mine = "%.2f" % ratio["xsock"] if "xsock" in ratio else "–"
    return ["%.4g" % row["median"],
            "**%s**" % mine if row["verdict"] == "" else mine,
            "%.2f" % ratio["bare"] if "bare" in ratio else "–",
            "%s %.2f" % best[::-1] if best else "–"]


def line(names, runs, title):
    rows = [run["rows"].get(title) for run in runs]
    first = next(row for row in rows if row)
    missed = ["%s: %s" % (name, row["verdict"])
              for name, row in zip(names, rows) if row and row["verdict"]]
    return "| %s, %s | %s | %s |" % (
        title, first["unit"],
        " | ".join(cell for row in rows for cell in cells(row)),
        "; ".join(missed) or ("met" if first["wanted"] else ""))


def main():
    runs = [load(path) for path in sys.argv[1:]]
    names = [path.rpartition("/")[2] for path in sys.argv[1:]]
    titles = list(dict.fromkeys(title for run in runs for title in run["rows"]))
    head = ["row"]
    for name in names:
        head += ["%s: native, or plain" % name, "xsock", "bare", "best other"]
    print("| %s | misses its target |" % " | ".join(head))
    print("|---" * (len(head) + 1) + "|")
    for title in titles:
        print(line(names, runs, title))
    for name, run in zip(names, runs):
        print("\n%s, %s:\n" % (name, run["machine"]))
        for one in run["once"]:
            print("- " + " ".join(one.split()))


main()
