"""The shop's clients: single requests for the tests, or steady traffic from many addresses."""

import asyncio
import random
import socket
import sys

SECONDS = 5
PATIENCE = 15
"""Seconds for a single request, which may meet a busy machine."""
REQUESTS_PER_SECOND = 8
CLIENTS = 60
# What is asked for, and how often.
TARGETS = {
    ("192.0.2.10", 80): 6,
    ("192.0.2.10", 443): 3,
    ("192.0.2.20", 80): 2,
    ("192.0.2.20", 443): 2,
    ("2001:db8:1::10", 80): 3,
}
NAME_SERVER = ("192.0.2.10", 53)


async def request(client: str, address: str, port: int, hold: float = 0, seconds: float = SECONDS) -> str:
    """Ask for the server's name over HTTP, after holding the connection for some seconds; "" where nobody answers."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address, port, local_addr=(client, 0))
        await asyncio.sleep(hold)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(seconds):
            answer = await reader.read()
        return answer.decode().split()[-1] if answer.startswith(b"HTTP/1.0 200 ") else ""
    except (OSError, TimeoutError):
        return ""


async def look_up(client: str, seconds: float = SECONDS) -> str:
    """Ask for the server's name by one datagram; "" where nobody answers."""
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.setblocking(False)
            datagrams.bind((client, 0))
            datagrams.connect(NAME_SERVER)
            async with asyncio.timeout(seconds):
                await loop.sock_sendall(datagrams, b"name\n")
                return (await loop.sock_recv(datagrams, 512)).decode().strip()
    except (OSError, TimeoutError):
        return ""


async def traffic() -> None:
    """Load the shop without end: a bounded rate, most requests short, some held open."""
    dice = random.Random()
    running: set[asyncio.Task[object]] = set()
    while True:
        number = min(int(dice.expovariate(1 / 15)), CLIENTS) + 1  # some clients come more often than others
        address, port = dice.choices(list(TARGETS), list(TARGETS.values()))[0]
        client = f"2001:db8:c:{number % 4}::{number:x}" if ":" in address else f"198.18.{number % 4}.{number}"
        hold = dice.uniform(5, 30) if dice.random() < 0.2 else 0
        for task in (request(client, address, port, hold), look_up(f"198.18.{number % 4}.{number}")):
            running.add(asyncio.create_task(task))
        running = {task for task in running if not task.done()}
        await asyncio.sleep(1 / REQUESTS_PER_SECOND)


async def ask() -> None:
    """Answer each line `client address port` of the input with the server's name."""
    for line in sys.stdin:
        client, address, port = line.split()
        is_lookup = (address, int(port)) == NAME_SERVER
        asked = look_up(client, PATIENCE) if is_lookup else request(client, address, int(port), seconds=PATIENCE)
        print(await asked, flush=True)


if __name__ == "__main__":
    asyncio.run(ask() if "--ask" in sys.argv else traffic())
