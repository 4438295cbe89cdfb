"""Answers that are sent piece by piece: events, which end as their reader goes, and files."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import FileResponse, StreamingHttpResponse


class EventStreamResponse(StreamingHttpResponse):
    """Hands out its generator itself, so that closing the response closes the generator.

    Django's own class puts a generator of its own around it at each reading, and closes only that
    one: the one inside would go on until it is collected as garbage, and the model behind it with
    it.
    """

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(events, content_type="text/event-stream")
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"  # or nginx would collect the events

    @property
    def streaming_content(self) -> Any:
        return self._events

    @streaming_content.setter
    def streaming_content(self, events: Any) -> None:
        self._events: AsyncGenerator[bytes] = events
        self._set_streaming_content(events)  # type: ignore[attr-defined]

    def __aiter__(self) -> Any:
        return self._events


class DownloadResponse(FileResponse):
    """Django's FileResponse, which an ASGI server sends block by block too.

    Its own asynchronous iteration would first read the whole file into memory.
    """

    block_size = 64 * 1024

    async def __aiter__(self) -> AsyncIterator[bytes]:
        file = self.file_to_stream
        while file and (block := await sync_to_async(file.read)(self.block_size)):
            yield block
