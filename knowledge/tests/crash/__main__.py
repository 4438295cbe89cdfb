"""`make crash-test`: lives after lives until so many processes were killed, or something breaks."""

import argparse
import os
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random

from knowledge.tests.crash.world import Report, World


class Run:
    """Hands out lives by number, and keeps count.

    A number's life and all its choices follow from the seed, so that it can be led again alone.
    Each round leads every life once, in an order of its own.
    """

    def __init__(self, seed: str, *, kills: int, only: int | None) -> None:
        self.seed = seed
        self.kills: Counter[str] = Counter()
        self.lives = 0
        self.failed = False
        self._wanted = kills
        self._only = only
        self._next = 0
        self._lock = threading.Lock()

    def numbers(self) -> int | None:
        """Return the number of the next life; None when there is none."""
        with self._lock:
            enough = self.lives > 0 if self._only is not None else self._is_complete
            if self.failed or enough:
                return None
            number, self._next = self._next, self._next + 1
            if self._only is not None:
                return self._only if number == 0 else None
            return number

    @property
    def _is_complete(self) -> bool:
        return self.kills.total() >= self._wanted

    def life(self, number: int, names: list[str]) -> str:
        """Return which life a number stands for."""
        cycle, place = divmod(number, len(names))
        order = list(names)
        Random(f"{self.seed}:order:{cycle}").shuffle(order)
        return order[place]

    def add(self, number: int, name: str, report: Report, seconds: float) -> None:
        """Count a life, and tell of it."""
        with self._lock:
            self.lives += 1
            self.kills.update(report.kills)
            verdict = "FAILED" if report.breaches else "ok"
            say(f"{number:4}  {verdict:6} {seconds:5.1f} s {self.kills.total():5} kills  {name}")

    def fail(self, number: int, name: str, report: Report, world: World) -> None:
        """Tell what broke, and how to see it again."""
        with self._lock:
            self.failed = True
            say("", f"Life {number} ({name}) broke:", *(f"  {line}" for line in report.breaches))
            say("What was done:", *(f"  {line}" for line in report.story))
            say(f"Data and log: {world.folder}")
            say(f"Again: make crash-test CRASH_SEED={self.seed} CRASH_LIFE={number}")


def lead_lives(run: Run) -> None:
    """Lead lives in one world until no number is left."""
    world = World()
    broke = False
    try:
        while (number := run.numbers()) is not None:
            name = run.life(number, world.lives)
            began = time.monotonic()
            report = world.lead(name, seed=f"{run.seed}:{number}")
            run.add(number, name, report, time.monotonic() - began)
            if report.breaches:
                broke = True
                run.fail(number, name, report, world)
    finally:
        world.close(keep=broke)


def main() -> int:
    """Return the exit code: 0 when every invariant held in every life."""
    options = _options()
    seed = options.seed or str(random.SystemRandom().randrange(1_000_000))
    run = Run(seed, kills=options.kills, only=options.life)
    say(f"Seed {seed}: at least {options.kills} kills in {options.jobs} worlds.")
    began = time.monotonic()
    jobs = 1 if options.life is not None else options.jobs
    with ThreadPoolExecutor(jobs) as threads:
        for world in [threads.submit(lead_lives, run) for _ in range(jobs)]:
            world.result()
    say("", "Kills by where they were:")
    say(*(f"  {count:5}  {point}" for point, count in sorted(run.kills.items())))
    outcome = "an invariant BROKE" if run.failed else "every invariant held"
    seconds = time.monotonic() - began
    say(f"{run.kills.total()} kills in {run.lives} lives, {seconds:.0f} s, seed {seed}: {outcome}.")
    return int(run.failed)


def say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default="", help="by default a random one, which is printed")
    parser.add_argument("--kills", type=int, default=300, help="at least so many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worlds at a time")
    parser.add_argument("--life", type=int, help="lead only the life of this number")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
