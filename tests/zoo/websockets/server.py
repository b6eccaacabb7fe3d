"""A WebSocket server that echoes, with a health check over HTTP. `close` is the shutdown of its documentation."""
import asyncio
import http
import os
import signal
import sys

from websockets.asyncio.server import serve


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


async def health(connection, request):
    if request.path.startswith("/slow/"):
        await asyncio.sleep(int(request.path[6:]) / 1000)
    if request.path.startswith("/slow/") or request.path == "/":
        return connection.respond(http.HTTPStatus.OK, "ok\n")


async def main():
    async with serve(echo, "127.0.0.1", int(os.environ["PORT"]), process_request=health) as server:
        if sys.argv[1:] == ["close"]:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.close)
        await server.wait_closed()


asyncio.run(main())
