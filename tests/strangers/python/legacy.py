"""What only the handshake era has: ping, log levels, subscriptions of a session, requests of the server to the client."""

import anyio
from both import text
from connection import ROOT
from report import expect, until


async def legacy(report, connection, http):
    client = connection.client
    call = client.call_tool

    async def asks(method, tool, arguments=None):
        connection.asked.clear()
        result = await call(tool, arguments or {})
        expect([asked[0] for asked in connection.asked] == [method], f"one {method}", connection.asked)
        expect(not result.is_error, "a result", result)
        return connection.asked[0][1], result

    async def saw(seen, wanted):
        return wanted in seen

    async def answers_ping():
        await client.send_ping()

    async def honours_the_log_level():
        await client.set_logging_level("debug")
        connection.logs.clear()
        await call("test_tool_with_logging", {})

        async def three():
            return len(connection.logs) >= 3

        await until("three log messages", three)
        await client.set_logging_level("error")
        connection.logs.clear()
        await call("test_tool_with_logging", {})
        await anyio.sleep(0.2)
        expect(not connection.logs, "no message below the level", [str(log) for log in connection.logs])

    async def asks_the_user():
        params, result = await asks("elicitation/create", "test_elicitation", {"message": "Who are you?"})
        properties = params.requested_schema["properties"]
        expect(params.message == "Who are you?", "the message", params)
        expect("username" in properties and "email" in properties, "the form", params)
        expect("Alice" in text(result), "the answer", result)

    async def lives_with_a_user_who_answers(action):
        connection.action = action
        try:
            result = await call("test_elicitation", {"message": "Who are you?"})
            expect(result.content, "a result", result)
        finally:
            connection.action = "accept"

    async def lives_with_a_user_who_declines():
        await lives_with_a_user_who_answers("decline")

    async def lives_with_a_user_who_cancels():
        await lives_with_a_user_who_answers("cancel")

    async def asks_with_defaults():
        params, _ = await asks("elicitation/create", "test_elicitation_sep1034_defaults")
        defaults = {name: schema["default"] for name, schema in params.requested_schema["properties"].items()}
        wanted = {"name": "John Doe", "age": 30, "score": 95.5, "status": "active", "verified": True}
        expect(defaults == wanted, "the defaults", defaults)

    async def asks_with_enums():
        params, _ = await asks("elicitation/create", "test_elicitation_sep1330_enums")
        expect(len(params.requested_schema["properties"]) == 5, "five enums", params)

    async def asks_the_model():
        params, result = await asks("sampling/createMessage", "test_sampling", {"prompt": "Capital of France?"})
        expect(params.max_tokens == 100, "maxTokens", params)
        expect(text(result) == "LLM response: Paris", "the text", result)

    async def asks_for_the_roots():
        _, result = await asks("roots/list", "test_input_required_result_list_roots")
        expect(ROOT in text(result), "the root", result)

    async def takes_a_change_of_the_roots():
        await client.send_roots_list_changed()
        await client.send_ping()

    async def announces_a_watched_resource():
        uri = "test://watched-resource"
        await client.subscribe_resource(uri)
        connection.updated.clear()
        await call("interop_touch", {"uri": uri})
        await until("notifications/resources/updated", lambda: saw(connection.updated, uri))
        await client.unsubscribe_resource(uri)
        connection.updated.clear()
        await call("interop_touch", {"uri": uri})
        await anyio.sleep(0.3)
        expect(not connection.updated, "nothing after unsubscribe", connection.updated)

    async def announces_a_change_of_the_tools():
        connection.changed.clear()
        await call("test_trigger_tool_change", {})
        await until("notifications/tools/list_changed", lambda: saw(connection.changed, "tools"))

    async def delivers_after_the_stream_was_closed():
        result = await call("test_reconnection", {})
        expect(text(result) and not result.is_error, "the result", result)

    bodies = [
        answers_ping,
        honours_the_log_level,
        asks_the_user,
        lives_with_a_user_who_declines,
        lives_with_a_user_who_cancels,
        asks_with_defaults,
        asks_with_enums,
        asks_the_model,
        asks_for_the_roots,
        takes_a_change_of_the_roots,
        announces_a_watched_resource,
        announces_a_change_of_the_tools,
    ]
    if http:
        bodies.append(delivers_after_the_stream_was_closed)
    for body in bodies:
        await report.check(body.__name__, body)
