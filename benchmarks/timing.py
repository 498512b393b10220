"""The clock of all benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(call: Callable[[], object], repeat: int = 5) -> float:
    """Return the best CPU time of a few calls: other work on the machine does not count."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)
