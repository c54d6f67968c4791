#!/usr/bin/python3
"""picture.py SCREEN FILE.svg: a terminal's screen, with its colours, as SVG"""
import sys

from rich.console import Console
from rich.text import Text

# Rich's own has fonts that a browser would have to fetch.
FORMAT = """<svg class="{unique_id}" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""

screen, picture = sys.argv[1:]
lines = open(screen).read().rstrip("\n").split("\n")
while lines and lines[-1].strip() in ("", "$"):
    lines.pop()
console = Console(record=True, width=100, file=open("/dev/null", "w"), legacy_windows=False)
for line in lines:
    console.print(Text.from_ansi(line), no_wrap=True, crop=True, highlight=False)
console.save_svg(picture, title="xsock", code_format=FORMAT, unique_id="t")
