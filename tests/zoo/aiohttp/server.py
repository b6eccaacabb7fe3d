"""aiohttp's `run_app`, which handles the signals itself. The argument is its `shutdown_timeout` in seconds."""
import asyncio
import os
import sys

from aiohttp import web


async def root(request):
    return web.Response(text="ok")


async def slow(request):
    await request.read()
    await asyncio.sleep(int(request.match_info["ms"]) / 1000)
    return web.Response(text="ok")


app = web.Application()
app.add_routes([web.get("/", root), web.get("/slow/{ms}", slow), web.post("/slow/{ms}", slow)])
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), shutdown_timeout=float(sys.argv[1]))
