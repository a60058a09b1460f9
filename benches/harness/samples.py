"""Says whether two samples differ: Cliff's delta, the Mann-Whitney test, the gap of the medians."""

import itertools
import math
import random
import statistics

RESAMPLES = 2_000


def compare(pairs):
    """What sets the first of each pair apart from the second."""
    first, second = ([pair[at] for pair in pairs] for at in (0, 1))
    larger, ties = count_larger(first, second)
    least, greatest = gap_interval(pairs)
    return {"pairs": len(pairs), "medians": [statistics.median(first), statistics.median(second)],
            "delta": 2 * larger / (len(first) * len(second)) - 1,
            "p": mann_whitney(larger, len(first), len(second), ties),
            "gap": statistics.median(first) - statistics.median(second), "gap_least": least, "gap_greatest": greatest}


def count_larger(first, second):
    """In how many of all pairs the first is larger, ties counted half (Mann and Whitney's U); and how many share each value."""
    ranked = sorted([(value, True) for value in first] + [(value, False) for value in second])
    rank_sum, below, ties = 0.0, 0, []
    for _, group in itertools.groupby(ranked, key=lambda entry: entry[0]):
        is_first = [of_first for _, of_first in group]
        rank_sum += sum(is_first) * (below + (len(is_first) + 1) / 2)
        below += len(is_first)
        ties.append(len(is_first))
    return rank_sum - len(first) * (len(first) + 1) / 2, ties


def mann_whitney(larger, first, second, ties):
    """The probability of a U so far from the middle if both are alike: two-sided, by the normal approximation."""
    count = first + second
    tied = sum(size**3 - size for size in ties) / (count * (count - 1))
    deviation = math.sqrt(first * second / 12 * (count + 1 - tied))
    if not deviation:
        return 1.0  # all are equal
    far = max(0.0, abs(larger - first * second / 2) - 0.5) / deviation
    return math.erfc(far / math.sqrt(2))


def gap_interval(pairs):
    """Where the gap of the medians lies with 95 %: the percentiles of pairs drawn again and again."""
    chance = random.Random(1)  # the same samples have the same interval
    gaps = []
    for _ in range(RESAMPLES):
        drawn = chance.choices(pairs, k=len(pairs))
        gaps.append(statistics.median(pair[0] for pair in drawn) - statistics.median(pair[1] for pair in drawn))
    cuts = statistics.quantiles(gaps, n=40)
    return cuts[0], cuts[-1]
