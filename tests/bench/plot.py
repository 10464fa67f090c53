#!/usr/bin/python3
"""Draws what one call costs under the library and under other tools, on a log scale.

    plot.py build/bench/bench.json PICTURE.svg
"""
import json
import math
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, ROW = 760, 190, 90, 62, 26
RELEASED, HELD = "#1f77b4", "#d62728"


def figure(ns):
    for unit, size in (("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return "%.3g %s" % (ns / size, unit)
    return "%.0f ns" % ns


class Picture:
    def __init__(self, rows):
        values = [row[state] for row in rows for state in ("released", "held")]
        self.low = math.floor(math.log10(min(values)))
        self.high = math.ceil(math.log10(max(values)))
        self.height = TOP + ROW * len(rows) + 50
        self.parts = [
            '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
            'font-family="sans-serif" font-size="13">' % ((WIDTH, self.height) * 2),
            '<rect width="100%" height="100%" fill="white"/>']

    def x(self, ns):
        share = (math.log10(ns) - self.low) / (self.high - self.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def text(self, x, y, words, anchor="start", more=""):
        self.parts.append('<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>' % (
            x, y, anchor, more, escape(words)))

    def line(self, x1, y1, x2, y2, colour, more=""):
        self.parts.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"%s/>' % (
            x1, y1, x2, y2, colour, more))

    def dot(self, x, y, state):
        self.parts.append('<circle cx="%.1f" cy="%.1f" r="5" stroke="%s" stroke-width="2" '
                          'fill="%s"/>' % (x, y, *((RELEASED, RELEASED) if state == "released"
                                                   else (HELD, "white"))))

    def axis(self, bottom):
        for power in range(self.low, self.high + 1):
            x = self.x(10 ** power)
            self.line(x, TOP - 8, x, bottom, "#dddddd")
            self.text(x, bottom + 18, figure(10 ** power), "middle", ' fill="#555555"')

    def row(self, y, row, bare):
        released, held = self.x(row["released"]), self.x(row["held"])
        self.text(LEFT - 12, y + 4, row["tool"], "end",
                  ' font-weight="bold"' if row["tool"] == "gilshim" else "")
        self.line(self.x(bare), y, max(released, held), y, "#bbbbbb", ' stroke-width="2"')
        self.dot(held, y, "held")
        self.dot(released, y, "released")
        words = figure(row["released"])
        if row["held"] > 1.2 * row["released"]:
            words += ", " + figure(row["held"])
        if not row["sees"] and row["tool"] != "bare":
            words += " (does not see the call)"
        self.text(max(released, held) + 10, y + 4, words, more=' fill="#555555"')

    def save(self, path):
        with open(path, "w") as file:
            file.write("\n".join(self.parts) + "\n</svg>\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    with open(sys.argv[1]) as file:
        result = json.load(file)
    rows = [row for row in result["others"] or () if "released" in row and "held" in row]
    if not rows or rows[0]["tool"] != "bare":
        sys.exit("plot.py: %s: no measurement of other tools in it" % sys.argv[1])
    bare = rows[0]["released"]
    rows = rows[:1] + sorted(rows[1:], key=lambda row: row["released"])
    picture = Picture(rows)
    bottom = TOP + ROW * len(rows)
    picture.text(12, 22, "One read() of one byte from an extension module, by tool", more=' font-size="15"')
    picture.text(12, 41, "%s, log scale" % result["machine"]["processor"], more=' fill="#555555"')
    for x, state, words in ((WIDTH - 300, "released", "GIL released"), (WIDTH - 170, "held", "GIL held")):
        picture.dot(x, 37, state)
        picture.text(x + 12, 41, words)
    picture.axis(bottom)
    for number, row in enumerate(rows):
        picture.row(TOP + ROW * number + ROW / 2, row, bare)
    picture.save(sys.argv[2])


main()
