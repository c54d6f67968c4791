"""A row of the table: what was measured of everybody, as ratios to one of them.
"""

import statistics

from candidates import ALL


class Row:
    """One line of the table.  measure(who) gives a number; lower is better, or
    higher; target is the worst allowed ratio of xsock to the base, and xsock is
    to be ahead of these others, or to be so many times as good as they are."""

    def __init__(self, name, unit, measure, who=ALL, higher=False, target=None,
                 ahead=(), by=1.0, base="native"):
        self.name, self.unit, self.measure = name, unit, measure
        self.who, self.higher, self.target = who, higher, target
        self.ahead, self.by, self.base = ahead, by, base
        self.numbers = {one: [] for one in who}

    def round(self, order):
        for who in order:
            self.numbers[who].append(self.measure(who))

    def median(self, who):
        return statistics.median(self.numbers[who])

    def ratio(self, who):
        return self.median(who) / self.median(self.base)

    def spread(self, who):
        base = self.median(self.base)
        return (min(self.numbers[who]) / base, max(self.numbers[who]) / base)

    def verdict(self):
        """"", or what is missed."""
        mine = self.ratio("xsock")
        missed = []
        if self.target is not None and (mine < self.target if self.higher
                                        else mine > self.target):
            missed.append("target %s %.2f" % (
                "≥" if self.higher else "≤", self.target))
        for other in self.ahead:
            theirs = self.ratio(other)
            if (mine < theirs * self.by if self.higher
                    else mine * self.by > theirs):
                missed.append("behind " + other if self.by == 1 else
                              "less than %.1f × %s" % (self.by, other))
        return ", ".join(missed)


class Turns(Row):
    """A row in which measure(everybody) gives all numbers at once."""

    def round(self, order):
        for who, number in self.measure(order).items():
            self.numbers[who].append(number)

    def more(self, who="xsock"):
        """What it takes more, in the row's unit."""
        return statistics.median(
            mine - plain for mine, plain in zip(self.numbers[who],
                                                self.numbers[self.base]))
