"""Opens connections with the official client and remembers what the server sent on them."""

import mcp_types as types
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

ROOT = "file:///test/root"

# The client's own limit is 1 MiB, which an echo of that size exceeds.
MAX_SSE_EVENT_SIZE = 4 << 20


class Connection:
    """One client and what it saw."""

    def __init__(self, longest):
        self.client = None
        self.longest = longest
        self.logs = []
        self.updated = []
        self.changed = []
        self.asked = []
        self.action = "accept"

    async def on_log(self, params):
        self.logs.append(params)

    async def on_message(self, message):
        if isinstance(message, types.ResourceUpdatedNotification):
            self.updated.append(str(message.params.uri))
        elif isinstance(message, types.ToolListChangedNotification):
            self.changed.append("tools")
        elif isinstance(message, types.PromptListChangedNotification):
            self.changed.append("prompts")

    async def on_elicitation(self, _context, params):
        self.asked.append(("elicitation/create", params))
        if self.action != "accept":
            return types.ElicitResult(action=self.action)
        form = {name: fill(schema) for name, schema in params.requested_schema["properties"].items()}
        return types.ElicitResult(action="accept", content=form)

    async def on_sampling(self, _context, params):
        self.asked.append(("sampling/createMessage", params))
        content = types.TextContent(type="text", text="Paris")
        return types.CreateMessageResult(role="assistant", content=content, model="stranger", stop_reason="endTurn")

    async def on_roots(self, _context):
        self.asked.append(("roots/list", None))
        return types.ListRootsResult(roots=[types.Root(uri=ROOT, name="Test Root")])


def opener(era, command=None, url=None, sse=False):
    """Returns a function that prepares one more client for the server that the command line named."""

    def open_client(capable=True):
        # The client has a limit of its own for events over HTTP+SSE, and no setting for it.
        connection = Connection(longest=1 << 18 if sse else 1 << 20)
        if url is None:
            server = StdioServerParameters(command=command[0], args=command[1:])
        elif sse:
            server = sse_client(url)
        else:
            server = streamable_http_client(url, max_sse_event_size=MAX_SSE_EVENT_SIZE)
        callbacks = {}
        if capable:
            callbacks = {
                "elicitation_callback": connection.on_elicitation,
                "sampling_callback": connection.on_sampling,
                "list_roots_callback": connection.on_roots,
            }
        connection.client = Client(
            server,
            mode="legacy" if era == "legacy" else "auto",
            client_info=types.Implementation(name="stranger-python", version="1.0.0"),
            logging_callback=connection.on_log,
            message_handler=connection.on_message,
            cache=None,
            read_timeout_seconds=25,
            **callbacks,
        )
        return connection

    return open_client


def fill(schema):
    """A value that fits one property of a form: its default, or something small."""
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if "oneOf" in schema:
        return schema["oneOf"][0]["const"]
    if schema["type"] == "boolean":
        return True
    if schema["type"] in ("integer", "number"):
        return schema.get("minimum", 1)
    if schema["type"] == "array":
        items = schema["items"]
        return [items["enum"][0] if "enum" in items else items["anyOf"][0]["const"]]
    return "alice@example.com" if schema.get("format") == "email" else "Alice"
