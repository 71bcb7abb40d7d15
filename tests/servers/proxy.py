"""A TCP link to a server, which tests cut or let fall silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class Link:
    """Passes on what comes, both ways, until it is told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._is_silent = False
        self._age = 0
        self.connections = 0

    async def listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    @property
    def port(self) -> int:
        assert self._listener is not None
        return int(self._listener.sockets[0].getsockname()[1])

    def url(self, direct: str) -> str:
        """The server's URL by way of this link."""
        parts = urlsplit(direct)
        credentials, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self.port}"))

    def cut(self) -> None:
        """Reset every connection; new ones are possible at once."""
        for writer in self._open:
            writer.transport.abort()

    def lose(self) -> None:
        """Fall silent: no connection that exists, or is made before `restore`, ever passes on a byte again."""
        self._age += 1
        self._is_silent = True

    def lose_present(self) -> None:
        """Let the connections that exist fall silent for good; new ones work."""
        self._age += 1

    def restore(self) -> None:
        """Let new connections work."""
        self._age += 1
        self._is_silent = False

    async def close(self) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._link(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        born = -1 if self._is_silent else self._age
        with suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection(*self._server)
            both = {writer, server_writer}
            self._open |= both
            try:
                await asyncio.gather(
                    self._pass_on(reader, server_writer, born), self._pass_on(server_reader, writer, born)
                )
            finally:
                self._open -= both
                for each in both:
                    each.transport.abort()
                self.connections -= 1

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, born: int) -> None:
        while chunk := await reader.read(65536):
            if born == self._age:
                writer.write(chunk)
                await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def linked(direct: str) -> AsyncIterator[Link]:
    """A link to the server at this URL."""
    parts = urlsplit(direct)
    assert parts.hostname is not None
    assert parts.port is not None
    link = Link(parts.hostname, parts.port)
    await link.listen()
    try:
        yield link
    finally:
        await link.close()
