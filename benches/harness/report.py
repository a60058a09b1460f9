"""What the benchmarks print."""

import json
import pathlib
import statistics
import sys


def table(headings, rows, markdown=False):
    """Prints rows below headings: aligned, or as Markdown."""
    cells = [list(map(str, row)) for row in rows]
    if markdown:
        lines = [headings, ["---"] * len(headings), *cells]
        print("\n".join("| " + " | ".join(line) + " |" for line in lines))
        return
    widths = [max(map(len, column)) for column in zip(headings, *cells)]
    for line in [headings, *cells]:
        first, *others = (cell.ljust(width) if at == 0 else cell.rjust(width)
                          for at, (cell, width) in enumerate(zip(line, widths)))
        print("  ".join([first, *others]).rstrip())


def ratio_per_round(values, base):
    """The median of the ratios round by round: what disturbs a round disturbs both of its slices."""
    return statistics.median(value / other for value, other in zip(values, base))


def spread(values, digits=2):
    """A median with the least and the greatest."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def progress(text):
    """Says how far a benchmark is, apart from its result."""
    print(text, file=sys.stderr, flush=True)


def save(path, arguments, slices):
    """Keeps everything that was measured, for another look."""
    if path:
        known = {key: value for key, value in vars(arguments).items() if not callable(value)}
        pathlib.Path(path).write_text(json.dumps({"arguments": known, "slices": slices}, indent=1, default=str))
