"""A real server of the shop: answers every TCP request and every datagram with its own name, on IPv4 and IPv6."""

import asyncio
import sys
from asyncio import DatagramTransport, StreamReader, StreamWriter

TCP_PORTS = (80, 443)
UDP_PORT = 53


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, name: bytes) -> None:
        self._name = name

    def connection_made(self, transport: DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - asyncio names them
        self._transport.sendto(self._name, addr)


async def serve(name: bytes) -> None:
    """Answer until killed; a line on the output tells that every port is open."""

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        # A client that holds its connection open says nothing for a while: that is what active connections are.
        await reader.readline()
        writer.write(name)
        writer.close()

    for port in TCP_PORTS:
        await asyncio.start_server(answer, ["0.0.0.0", "::"], port)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Datagrams(name), ("0.0.0.0", UDP_PORT))
    print("serving", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(f"{sys.argv[1]}\n".encode()))
