"""What only the stateless era has: input required results, listen streams, log levels per request, cache hints."""

import anyio
import mcp_types as types
from both import text
from connection import ROOT
from mcp.shared.subscriptions import PromptsListChanged, ResourceUpdated, ToolsListChanged
from report import expect, failure, until

LOG_LEVEL = "io.modelcontextprotocol/logLevel"


async def modern(report, connection, _http):
    client = connection.client
    call = client.call_tool

    async def asks(methods, tool):
        connection.asked.clear()
        result = await call(f"test_input_required_result_{tool}", {})
        seen = sorted(asked[0] for asked in connection.asked)
        expect(seen == sorted(methods), f"asked {methods}", seen)
        expect(not result.is_error, "a result", result)
        return result

    async def hints_how_long_a_list_is_fresh():
        for fetch in (client.list_tools, client.list_prompts, client.list_resources, client.list_resource_templates):
            page = await fetch()
            expect(page.ttl_ms is not None and page.ttl_ms >= 0, "ttlMs", page.ttl_ms)
            expect(page.cache_scope in ("public", "private"), "cacheScope", page.cache_scope)

    async def logs_at_the_level_of_the_request():
        async def logged():
            return connection.logs

        connection.logs.clear()
        await call("test_logging_tool", {}, meta={LOG_LEVEL: "debug"})
        await until("a log message", logged)
        connection.logs.clear()
        await call("test_logging_tool", {})
        await anyio.sleep(0.2)
        expect(not connection.logs, "no message without a level", [str(log) for log in connection.logs])

    async def asks_the_user():
        expect(text(await asks(["elicitation/create"], "elicitation")) == "Hello, Alice!", "the text")

    async def asks_the_model():
        result = await asks(["sampling/createMessage"], "sampling")
        expect("Paris" in text(result), "the answer", result)

    async def asks_for_the_roots():
        result = await asks(["roots/list"], "list_roots")
        expect(ROOT in text(result), "the root", result)

    async def asks_for_everything_at_once():
        await asks(["elicitation/create", "sampling/createMessage", "roots/list"], "multiple_inputs")

    async def asks_in_two_rounds():
        await asks(["elicitation/create", "elicitation/create"], "multi_round")

    async def gets_its_state_back():
        result = await asks(["elicitation/create"], "request_state")
        expect("state-ok" in text(result), "state-ok", result)

    async def refuses_a_tampered_state():
        name = "test_input_required_result_tampered_state"
        session = client.session
        first = await session.call_tool(name, {}, allow_input_required=True)
        expect(isinstance(first, types.InputRequiredResult) and first.request_state, "input_required", first)
        key = next(iter(first.input_requests))
        responses = {key: types.ElicitResult(action="accept", content={"ok": True})}
        tampered = f"{first.request_state}-TAMPERED"
        await failure(session.call_tool(name, {}, input_responses=responses, request_state=tampered))
        result = await session.call_tool(name, {}, input_responses=responses, request_state=first.request_state)
        expect(not result.is_error, "the untouched state still holds", result)

    async def asks_while_making_a_prompt():
        connection.asked.clear()
        result = await client.get_prompt("test_input_required_result_prompt")
        expect(result.messages and len(connection.asked) == 1, "messages", result)

    async def announces_a_watched_resource():
        uri = "test://watched-resource"
        async with client.listen(resource_subscriptions=[uri]) as events:
            expect(uri in (events.honored.resource_subscriptions or []), "honoured", events.honored)
            await call("interop_touch", {"uri": uri})
            with anyio.fail_after(5):
                seen = await anext(events)
            expect(seen == ResourceUpdated(uri), "notifications/resources/updated", str(seen))

    async def announces_only_the_changes_listened_for():
        async with client.listen(tools_list_changed=True) as events:
            await call("test_trigger_prompt_change", {})
            await call("test_trigger_tool_change", {})
            with anyio.fail_after(5):
                seen = await anext(events)
            expect(seen == ToolsListChanged(), "notifications/tools/list_changed", str(seen))

    async def serves_two_listen_streams():
        async with client.listen(tools_list_changed=True) as tools, client.listen(prompts_list_changed=True) as prompts:
            await call("test_trigger_prompt_change", {})
            await call("test_trigger_tool_change", {})
            with anyio.fail_after(5):
                seen = [await anext(tools), await anext(prompts)]
            expect(seen == [ToolsListChanged(), PromptsListChanged()], "both changes", [str(event) for event in seen])

    for body in (
        hints_how_long_a_list_is_fresh,
        logs_at_the_level_of_the_request,
        asks_the_user,
        asks_the_model,
        asks_for_the_roots,
        asks_for_everything_at_once,
        asks_in_two_rounds,
        gets_its_state_back,
        refuses_a_tampered_state,
        asks_while_making_a_prompt,
        announces_a_watched_resource,
        announces_only_the_changes_listened_for,
        serves_two_listen_streams,
    ):
        await report.check(body.__name__, body)
