"""A server of the official Python SDK 1.x: python main.py (--stdio | --http HOST:PORT)"""

import asyncio
import sys
from typing import TypedDict

from mcp.server.fastmcp import Context, FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.types import Completion, SamplingMessage, TextContent
from pydantic import BaseModel

binding = sys.argv[1]
host, port = sys.argv[2].split(":") if binding == "--http" else ("127.0.0.1", "0")
server = FastMCP("notes", instructions="Keep notes.", host=host, port=int(port))
cancelled = 0


class Sum(TypedDict):
    sum: int


class Person(BaseModel):
    name: str


@server.tool()
def add(a: int, b: int) -> Sum:
    return {"sum": a + b}


@server.tool()
def fail() -> str:
    raise ToolError("it failed")


@server.tool()
async def count(to: int, ctx: Context) -> str:
    for step in range(1, to + 1):
        await ctx.report_progress(step, to)
        await ctx.info(str(step))
    return "counted"


@server.tool()
async def wait() -> str:
    global cancelled
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        cancelled += 1
        raise
    return "nobody reads this"


@server.tool(name="cancelled")
def how_many_were_cancelled() -> str:
    return str(cancelled)


@server.tool()
async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("Who are you?", Person)
    return f"hello {answer.data.name}" if answer.action == "accept" else answer.action


@server.tool()
async def sample(ctx: Context) -> str:
    question = SamplingMessage(role="user", content=TextContent(type="text", text="Sing."))
    answer = await ctx.session.create_message([question], max_tokens=10)
    return answer.content.text


@server.tool()
async def roots(ctx: Context) -> str:
    return str((await ctx.session.list_roots()).roots[0].uri)


@server.resource("note://one", name="one", mime_type="text/plain")
def one() -> str:
    return "note one"


@server.resource("note://two", name="two", mime_type="text/plain")
def two() -> str:
    return "note two"


@server.resource("note://{name}", name="note", mime_type="text/plain")
def note(name: str) -> str:
    return f"note {name}"


@server.prompt()
def greet(name: str) -> str:
    return f"Greet {name}."


@server.completion()
async def complete(ref, argument, context):
    return Completion(values=[name for name in ("Ada", "Alan", "Grace") if name.startswith(argument.value)])


# FastMCP has no way to say so itself.
@server._mcp_server.set_logging_level()
async def set_level(level) -> None:
    pass


server.run("stdio" if binding == "--stdio" else "streamable-http")
