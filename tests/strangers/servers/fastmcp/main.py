"""A server of FastMCP, which speaks both eras: python main.py (--stdio | --http HOST:PORT)"""

import asyncio
import sys
from dataclasses import dataclass

import mcp_types as types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
SING = types.SamplingMessage(role="user", content=types.TextContent(type="text", text="Sing."))

server = FastMCP("notes", instructions="Keep notes.", list_page_size=1)
cancelled = 0


@dataclass
class Sum:
    sum: int


@dataclass
class Person:
    name: str


def is_modern(ctx: Context) -> bool:
    return ctx.request_context.protocol_version >= "2026-07-28"


def required(request) -> types.InputRequiredResult:
    return types.InputRequiredResult(input_requests={"q": request}, request_state="as it came")


@server.tool
def add(a: int, b: int) -> Sum:
    return Sum(a + b)


@server.tool
def fail() -> str:
    raise ToolError("it failed")


@server.tool
async def count(to: int, ctx: Context) -> str:
    for step in range(1, to + 1):
        await ctx.report_progress(step, to)
        await ctx.info(str(step))
    return "counted"


@server.tool
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


@server.tool(output_schema=None)
async def ask(ctx: Context):
    if not is_modern(ctx):
        answer = await ctx.elicit("Who are you?", Person)
        return f"hello {answer.data.name}" if answer.action == "accept" else answer.action
    if not ctx.input_responses:
        params = types.ElicitRequestFormParams(message="Who are you?", requested_schema=FORM)
        return required(types.ElicitRequest(params=params))
    answer = ctx.input_responses["q"]
    return f"hello {answer.content['name']}" if answer.action == "accept" else answer.action


@server.tool(output_schema=None)
async def sample(ctx: Context):
    if not is_modern(ctx):
        return (await ctx.session.create_message([SING], max_tokens=10)).content.text
    if not ctx.input_responses:
        params = types.CreateMessageRequestParams(messages=[SING], max_tokens=10)
        return required(types.CreateMessageRequest(params=params))
    return ctx.input_responses["q"].content.text


@server.tool(output_schema=None)
async def roots(ctx: Context):
    if not is_modern(ctx):
        return str((await ctx.session.list_roots()).roots[0].uri)
    if not ctx.input_responses:
        return required(types.ListRootsRequest())
    return str(ctx.input_responses["q"].roots[0].uri)


@server.resource("note://one", name="one", mime_type="text/plain")
def one() -> str:
    return "note one"


@server.resource("note://two", name="two", mime_type="text/plain")
def two() -> str:
    return "note two"


@server.resource("note://{name}", name="note", mime_type="text/plain")
def note(name: str) -> str:
    return f"note {name}"


@server.prompt
def greet(name: str) -> str:
    return f"Greet {name}."


@server.completion
async def complete(ref, argument, context):
    return [name for name in ("Ada", "Alan", "Grace") if name.startswith(argument.value)]


if sys.argv[1] == "--stdio":
    server.run("stdio", show_banner=False)
else:
    host, port = sys.argv[2].split(":")
    server.run("http", host=host, port=int(port), path="/mcp", show_banner=False)
