"""A real server of the shop: answers HTTP on both ports (IPv4, IPv6) and every datagram (IPv4) with its own name."""

import asyncio
import signal
import socket
import sys
from asyncio import StreamReader, StreamWriter

TCP_PORTS = (80, 443)
UDP_PORT = 53


async def serve(name: bytes) -> None:
    """Answer until killed; a line on the output says that every port is open.

    SIGUSR1 closes the TCP ports while connections go on, SIGUSR2 opens them again.
    """
    listening: list[asyncio.Server] = []

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        # A client that holds its connection open says nothing for a while: that is what active connections are.
        while (await reader.readline()).strip():
            pass  # an empty line ends a request
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + name)
        writer.close()

    async def listen() -> None:
        for port in TCP_PORTS:
            listening.append(await asyncio.start_server(answer, ["0.0.0.0", "::"], port))

    def close() -> None:
        while listening:
            listening.pop().close()

    def reopen() -> None:
        if not listening:
            reopening.append(loop.create_task(listen()))

    loop = asyncio.get_running_loop()
    reopening: list[asyncio.Task[None]] = []  # a task that nothing refers to may vanish
    await listen()
    loop.add_signal_handler(signal.SIGUSR1, close)
    loop.add_signal_handler(signal.SIGUSR2, reopen)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.setblocking(False)
    datagrams.bind(("0.0.0.0", UDP_PORT))
    loop.add_reader(datagrams, lambda: datagrams.sendto(name, datagrams.recvfrom(512)[1]))
    print("serving", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(f"{sys.argv[1]}\n".encode()))
