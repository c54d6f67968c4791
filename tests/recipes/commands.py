#!/usr/bin/python3
"""commands.py README MANUAL...: "FILE<tabulator>COMMAND" for each recipe.

With --rules MANUAL: the blocks of that manual that are rules, each ended by an
empty line.
"""
import re
import sys


def blocks(lines):
    """Of Markdown: the indented ones, each a list of lines without the indent."""
    block, before = [], ""
    for line in lines + [""]:
        if line.startswith("    ") and (block or before.strip() == ""):
            block.append(line[4:].rstrip())
        elif line.strip() == "" and block:
            block.append("")
            # An empty line does not end it, if the next one is indented.
        elif block:
            yield block
            block = []
        before = line
    if block:
        yield block


def is_list_item(lines, block):
    """Continuation of a list's text, not code."""
    at = lines.index("    " + block[0])
    above = [line for line in lines[:at] if line and not line.startswith(" ")]
    return bool(above) and above[-1].startswith("- ")


def of_readme(path):
    lines = open(path).read().split("\n")
    for block in blocks(lines):
        if is_list_item(lines, block):
            continue
        typed = [line for line in block if line.startswith("$ ")]
        if not typed:
            typed = [line for line in block if line and line[0] not in " #"]
            # A picture is one thing.
            typed = typed[:1] if re.search("[─◄═]", "".join(block)) else typed
        yield from typed


def literal(line):
    return line.replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")


def of_manual(path):
    """(typed lines, others) of each block between .nf and .fi"""
    block = None
    for line in open(path).read().split("\n"):
        if line == ".nf":
            block = []
        elif line == ".fi" and block is not None:
            typed = [text for text in block if re.match("[$#] ", text)]
            yield typed, [text for text in block if text and text not in typed]
            block = None
        elif block is not None:
            block.append(literal(line))


def main():
    if sys.argv[1] == "--rules":
        for typed, others in of_manual(sys.argv[2]):
            if not typed and others:
                print("\n".join(others) + "\n")
        return
    for line in of_readme(sys.argv[1]):
        print("README.md", line, sep="\t")
    for path in sys.argv[2:]:
        for typed, _ in of_manual(path):
            for line in typed:
                print(path.rsplit("/", 1)[-1], line, sep="\t")


main()
