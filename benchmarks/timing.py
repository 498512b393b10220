"""The clock of all benchmarks: CPU time, so that other work on the machine does not count."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(call: Callable[[], object], repeat: int = 5) -> float:
    """Return the best CPU time of a few calls."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def in_turns(
    calls: dict[str, Callable[[], object]], rounds: int = 5, least: float = 0.02
) -> dict[str, float]:
    """Return the best CPU time of each call; they take turns, each for ``least`` seconds a turn."""
    repeats = {}
    for name, call in calls.items():  # also the warm-up
        start, n = time.process_time(), 0
        while time.process_time() - start < least:
            call()
            n += 1
        repeats[name] = n
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            for _ in range(repeats[name]):
                call()
            best[name] = min(best[name], (time.process_time() - start) / repeats[name])
    return best
