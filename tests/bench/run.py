#!/usr/bin/python3
"""Measures everybody in turns and prints ratios to the native client.

    run.py [--quick | --check]

run.sh has started the servers and says where in the environment (BENCH_…).
BENCH_ROWS is a regular expression: only rows whose names have it are measured.
Writes BUILD/bench.txt, .md, .svg and .json (report.py).  A round is every row, and in a
row everybody once, so that whatever else the machine does meets all of them.

Before that it makes sure that all do the same work.  --check does nothing else,
and makes sure that it would notice if one did not.
"""

import sys

import report
from candidates import CHECK, E, ROUNDS
from honest import check_honesty
from once import ONCE, measure_extra
from rows import WANTED, wanted


def write(extra):
    for name, text in (("txt", report.text(WANTED, extra, ROUNDS)),
                       ("md", report.markdown(WANTED, extra)),
                       ("svg", report.picture(WANTED)),
                       ("json", report.record(WANTED, extra))):
        with open("%s/bench.%s" % (E["BENCH_BUILD"], name), "w") as file:
            file.write(text)


def main():
    if not WANTED and not any(map(wanted, ONCE)):
        sys.exit("no row's name has " + E["BENCH_ROWS"])
    if not check_honesty():
        sys.exit(1)
    if CHECK:
        return
    for number in range(ROUNDS):
        print("round %d of %d" % (number + 1, ROUNDS), flush=True)
        for row in WANTED:
            # Not always the same one behind the same other.
            row.round(row.who[number % len(row.who):] +
                      row.who[:number % len(row.who)])
    extra = []
    write(extra)
    for line in measure_extra():
        extra.append(line)
        write(extra)
    print(report.text(WANTED, extra, ROUNDS), end="")

main()
