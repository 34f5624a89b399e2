"""The checks that hold in both eras."""

import json
import os

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError
from report import expect, failure, until

PNG = "iVBORw0KGgo"
WAV = "UklGR"


def text(result):
    return next((block.text for block in result.content if block.type == "text"), "")


async def every(list_page, member):
    """All pages of one list."""
    items, cursor = [], None
    while True:
        page = await list_page(cursor=cursor)
        items.extend(getattr(page, member))
        cursor = page.next_cursor
        if cursor is None:
            return items


async def both(report, connection, era, open_client):
    client = connection.client
    call = client.call_tool

    async def negotiates_the_era():
        wanted = "2025-11-25" if era == "legacy" else "2026-07-28"
        expect(client.protocol_version == wanted, "the protocol version", client.protocol_version)
        expect(client.server_info and client.server_info.name, "the server names itself", client.server_info)

    async def declares_its_capabilities():
        capabilities = client.server_capabilities
        for name in ("tools", "resources", "prompts", "completions"):
            expect(getattr(capabilities, name) is not None, name, capabilities)
        expect(capabilities.resources.subscribe, "resources.subscribe", capabilities)
        expect(capabilities.tools.list_changed, "tools.listChanged", capabilities)

    async def lists_tools():
        tools = await every(client.list_tools, "tools")
        names = [tool.name for tool in tools]
        for name in TOOLS:
            expect(name in names, f"the tool {name}", names)
        expect(len(set(names)) == len(names), "no name twice", names)
        for tool in tools:
            expect(tool.description, f"a description of {tool.name}", tool)
            expect(tool.input_schema.get("type") == "object", f"the input schema of {tool.name}", tool)

    async def lists_resources():
        uris = [str(resource.uri) for resource in await every(client.list_resources, "resources")]
        for uri in ("test://static-text", "test://static-binary", "test://watched-resource"):
            expect(uri in uris, uri, uris)

    async def lists_resource_templates():
        templates = await every(client.list_resource_templates, "resource_templates")
        found = [template.uri_template for template in templates]
        expect("test://template/{id}/data" in found, "the template", found)

    async def lists_prompts():
        prompts = {prompt.name: prompt for prompt in await every(client.list_prompts, "prompts")}
        for name in PROMPTS:
            expect(name in prompts, name, list(prompts))
        arguments = prompts["test_prompt_with_arguments"].arguments
        expect([argument.required for argument in arguments] == [True, True], "two required arguments", list(prompts))

    async def calls_a_tool_without_arguments():
        result = await call("test_simple_text")
        expect(text(result) == "This is a simple text response for testing.", "the text", result)
        expect(not result.is_error, "no error", result)

    async def receives_an_image():
        block = (await call("test_image_content", {})).content[0]
        expect(block.type == "image" and block.mime_type == "image/png" and block.data.startswith(PNG), "a PNG", block)

    async def receives_audio():
        block = (await call("test_audio_content", {})).content[0]
        expect(block.type == "audio" and block.mime_type == "audio/wav" and block.data.startswith(WAV), "a WAV", block)

    async def receives_an_embedded_resource():
        block = (await call("test_embedded_resource", {})).content[0]
        expect(block.type == "resource" and str(block.resource.uri) == "test://embedded-resource", "the resource", block)
        expect(block.resource.text == "This is an embedded resource content.", "its text", block)

    async def receives_mixed_content():
        kinds = [block.type for block in (await call("test_multiple_content_types", {})).content]
        expect(kinds == ["text", "image", "resource"], "three types in order", kinds)

    async def receives_a_tool_error_as_a_result():
        result = await call("test_error_handling", {})
        expect(result.is_error, "isError", result)
        expect(text(result) == "This tool intentionally returns an error for testing", "the text", result)

    async def validates_structured_content():
        result = await call("interop_structured", {"a": 2, "b": 3})
        wanted = {"sum": 5, "items": ["2", "3"], "nested": {"ok": True}}
        expect(result.structured_content == wanted, "structuredContent", result)
        expect(json.loads(text(result)) == wanted, "the same JSON as text", result)

    async def echoes_a_long_text():
        length = connection.longest
        mixed = ('a"\\é😀\n' * length)[: length // 2]
        for wanted in (mixed, "x" * length):
            seen = text(await call("interop_echo", {"text": wanted}))
            expect(seen == wanted, "the text", [len(seen), len(wanted)])

    async def keeps_concurrent_answers_apart():
        seen = {}

        async def echo(index):
            seen[index] = text(await call("interop_echo", {"text": f"echo-{index}"}))

        async with anyio.create_task_group() as group:
            for index in range(50):
                group.start_soon(echo, index)
        expect(all(seen[index] == f"echo-{index}" for index in range(50)), "fifty answers", seen)

    async def mirrors_an_argument_into_a_header():
        for region in ("eu-west-1", "Zürich 日本", " padded ", ""):
            result = await call("test_x_mcp_header", {"region": region})
            expect(not result.is_error and region in text(result), f"the region {region!r}", result)

    async def answers_an_unknown_tool_with_an_error():
        error = await failure(call("no_such_tool", {}))
        expect(error.code == -32602, "-32602", error.error)

    async def reports_progress():
        seen = []

        async def on_progress(progress, total, _message):
            seen.append((progress, total))

        result = await call("test_tool_with_progress", {}, progress_callback=on_progress)
        expect(not result.is_error, "a result", result)
        expect(seen == [(0, 100), (50, 100), (100, 100)], "three steps", seen)

    async def cancels_a_running_call():
        name = f"python-{era}-{os.getpid()}"

        async def is_now(wanted):
            return text(await call("interop_slow_status", {"id": name})) == wanted

        async with anyio.create_task_group() as group:
            group.start_soon(call, "interop_slow", {"id": name, "ms": 60_000})
            await until("the call runs", lambda: is_now("running"))
            group.cancel_scope.cancel()
        await until("the server saw the cancellation", lambda: is_now("cancelled"))

    async def lets_a_slow_call_finish():
        name = f"python-{era}-{os.getpid()}-finished"
        await call("interop_slow", {"id": name, "ms": 50})
        seen = text(await call("interop_slow_status", {"id": name}))
        expect(seen == "completed", "completed", seen)

    async def contains_a_panic():
        error = await failure(call("interop_panic", {}))
        expect(error.code == -32603, "-32603", error.error)
        expect(text(await call("test_simple_text")), "alive afterwards")

    async def refuses_to_ask_a_client_without_the_capability():
        plain = open_client(capable=False)
        async with plain.client as client:
            if era == "legacy":
                try:
                    result = await client.call_tool("test_sampling", {"prompt": "never asked"})
                    expect(result.is_error, "a refusal", result)
                except MCPError as error:
                    expect(error.code < 0, "a refusal", error.error)
            else:
                error = await failure(client.call_tool("test_missing_capability", {}))
                expect(error.code == -32021, "-32021", error.error)
                expect(error.data == {"requiredCapabilities": {"sampling": {}}}, "the capabilities", error.data)

    async def reads_a_text_resource():
        content = (await client.read_resource("test://static-text")).contents[0]
        expect(content.text == "This is the content of the static text resource.", "the text", content)

    async def reads_a_binary_resource():
        content = (await client.read_resource("test://static-binary")).contents[0]
        expect(content.blob.startswith(PNG) and content.mime_type == "image/png", "a PNG", content)

    async def reads_through_a_template():
        content = (await client.read_resource("test://template/123/data")).contents[0]
        expect(json.loads(content.text)["id"] == "123", "the id", content)

    async def answers_an_unknown_resource_with_an_error():
        error = await failure(client.read_resource("test://no-such-resource"))
        expect(error.code == (-32002 if era == "legacy" else -32602), "the code", error.error)
        expect((error.data or {}).get("uri") == "test://no-such-resource", "data.uri", error.error)

    async def gets_a_simple_prompt():
        message = (await client.get_prompt("test_simple_prompt")).messages[0]
        expect(message.content.text == "This is a simple prompt for testing.", "the text", message)

    async def gets_a_prompt_with_arguments():
        result = await client.get_prompt("test_prompt_with_arguments", {"arg1": "one", "arg2": "two"})
        wanted = "Prompt with arguments: arg1='one', arg2='two'"
        expect(result.messages[0].content.text == wanted, "the text", result)

    async def gets_a_prompt_with_an_embedded_resource():
        result = await client.get_prompt("test_prompt_with_embedded_resource", {"resourceUri": "test://mine"})
        blocks = [message.content for message in result.messages if message.content.type == "resource"]
        expect(blocks and str(blocks[0].resource.uri) == "test://mine", "the resource", result)

    async def gets_a_prompt_with_an_image():
        result = await client.get_prompt("test_prompt_with_image")
        expect("image" in [message.content.type for message in result.messages], "an image", result)

    async def answers_a_missing_prompt_argument_with_an_error():
        error = await failure(client.get_prompt("test_prompt_with_arguments", {"arg1": "one"}))
        expect(error.code == -32602, "-32602", error.error)

    async def completes_a_prompt_argument():
        ref = types.PromptReference(type="ref/prompt", name="test_prompt_with_arguments")
        result = await client.complete(ref, {"name": "arg1", "value": "test"})
        expect(isinstance(result.completion.values, list), "values", result)

    for body in (
        negotiates_the_era,
        declares_its_capabilities,
        lists_tools,
        lists_resources,
        lists_resource_templates,
        lists_prompts,
        calls_a_tool_without_arguments,
        receives_an_image,
        receives_audio,
        receives_an_embedded_resource,
        receives_mixed_content,
        receives_a_tool_error_as_a_result,
        validates_structured_content,
        echoes_a_long_text,
        keeps_concurrent_answers_apart,
        mirrors_an_argument_into_a_header,
        answers_an_unknown_tool_with_an_error,
        reports_progress,
        cancels_a_running_call,
        lets_a_slow_call_finish,
        contains_a_panic,
        refuses_to_ask_a_client_without_the_capability,
        reads_a_text_resource,
        reads_a_binary_resource,
        reads_through_a_template,
        answers_an_unknown_resource_with_an_error,
        gets_a_simple_prompt,
        gets_a_prompt_with_arguments,
        gets_a_prompt_with_an_embedded_resource,
        gets_a_prompt_with_an_image,
        answers_a_missing_prompt_argument_with_an_error,
        completes_a_prompt_argument,
    ):
        await report.check(body.__name__, body)


TOOLS = (
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_tool_with_progress",
    "test_error_handling",
    "test_sampling",
    "test_elicitation",
    "test_x_mcp_header",
    "interop_structured",
    "interop_echo",
    "interop_slow",
    "interop_slow_status",
    "interop_touch",
    "interop_panic",
)

PROMPTS = (
    "test_simple_prompt",
    "test_prompt_with_arguments",
    "test_prompt_with_embedded_resource",
    "test_prompt_with_image",
)
