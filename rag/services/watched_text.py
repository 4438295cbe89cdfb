"""Lets the text of an answer out only while all that it is written from may still be read."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

# A look is one query, for every reader of a stream: so often at most. What comes in between goes
# out together after the next one, which is as often as a page shows it.
LOOK_EVERY_S = 0.1


class Withdrawn(Exception):
    """A document behind the answer was deleted, or is no longer shared with the reader."""


async def while_readable(
    pieces: AsyncGenerator[str, None], is_readable: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[str, None]:
    """Yield the text of the pieces, each part right after a look that it may be read.

    Raises:
        Withdrawn: it may not; what came since the last look is not yielded.
        Exception: as the pieces do, after what came before.
    """
    held, looked_at = "", -math.inf
    arriving = asyncio.ensure_future(_next(pieces))
    try:
        while True:
            due = looked_at + LOOK_EVERY_S
            await asyncio.wait(
                {arriving}, timeout=max(0.0, due - time.monotonic()) if held else None
            )
            has_ended = arriving.done() and (arriving.exception() or arriving.result() is None)
            if arriving.done() and not has_ended:
                held += arriving.result() or ""
                arriving = asyncio.ensure_future(_next(pieces))
            if held and (has_ended or time.monotonic() >= due):
                if not await is_readable():
                    raise Withdrawn
                looked_at = time.monotonic()
                yield held
                held = ""
            if has_ended:
                arriving.result()
                return
    finally:
        arriving.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await arriving


async def _next(pieces: AsyncGenerator[str, None]) -> str | None:
    """Return the next piece; None after the last one."""
    return await anext(pieces, None)
