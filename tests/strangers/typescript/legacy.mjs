// What only the handshake era has: ping, log levels, subscriptions of a session, requests of the server to the client.

import { accept, ROOT } from './connection.mjs';
import { expect, failure, sleep, until } from './report.mjs';

export async function legacy(report, connection, { url, sse }) {
    const { client, transport } = connection;
    const check = (name, body) => report.check(name, body);
    const call = (name, args = {}) => client.callTool({ name, arguments: args });
    const text = result => result.content.find(block => block.type === 'text')?.text ?? '';

    async function asks(method, tool, args) {
        connection.asked.length = 0;
        const result = await call(tool, args);
        expect(connection.asked.length === 1 && connection.asked[0].method === method, `one ${method}`, connection.asked);
        expect(!result.isError, 'a result', result);
        return { params: connection.asked[0].params, result };
    }

    await check('answers_ping', async () => void (await client.ping()));
    await check('honours_the_log_level', async () => {
        await client.setLoggingLevel('debug');
        connection.logs.length = 0;
        await call('test_tool_with_logging');
        await until('three log messages', () => connection.logs.length >= 3);
        expect(connection.logs.slice(0, 3).every(log => log.level === 'info'), 'the level', connection.logs);
        await client.setLoggingLevel('error');
        connection.logs.length = 0;
        await call('test_tool_with_logging');
        await sleep(200);
        expect(connection.logs.length === 0, 'no message below the level', connection.logs);
    });

    await check('asks_the_user', async () => {
        const { params, result } = await asks('elicitation/create', 'test_elicitation', { message: 'Who are you?' });
        expect(params.message === 'Who are you?', 'the message', params);
        const { properties, required } = params.requestedSchema;
        expect(properties.username?.type === 'string' && properties.email?.type === 'string', 'the form', params);
        expect(required?.includes('username') && required.includes('email'), 'required', params);
        expect(text(result).includes('Alice'), 'the answer', result);
    });
    for (const action of ['decline', 'cancel']) {
        await check(`lives_with_a_user_who_answers_${action}`, async () => {
            connection.answer = () => ({ action });
            try {
                const result = await call('test_elicitation', { message: 'Who are you?' });
                expect(result.content.length > 0, 'a result', result);
            } finally {
                connection.answer = accept;
            }
        });
    }
    await check('asks_with_defaults', async () => {
        const { params, result } = await asks('elicitation/create', 'test_elicitation_sep1034_defaults');
        const { name, age, score, status, verified } = params.requestedSchema.properties;
        expect(name.default === 'John Doe' && age.default === 30 && age.type === 'integer', 'name and age', params);
        expect(score.default === 95.5 && score.type === 'number', 'score', params);
        expect(status.default === 'active' && verified.default === true, 'status and verified', params);
        expect(text(result).length > 0, 'a text', result);
    });
    await check('asks_with_enums', async () => {
        const { params } = await asks('elicitation/create', 'test_elicitation_sep1330_enums');
        const { untitledSingle, titledSingle, legacyEnum, untitledMulti, titledMulti } = params.requestedSchema.properties;
        expect(untitledSingle.enum.length === 3 && titledSingle.oneOf[0].title === 'First Option', 'single', params);
        expect(legacyEnum.enumNames[2] === 'Option Three', 'legacy', params);
        expect(untitledMulti.items.enum.length === 3 && titledMulti.items.anyOf[0].title === 'First Choice', 'multi', params);
    });
    await check('asks_the_model', async () => {
        const { params, result } = await asks('sampling/createMessage', 'test_sampling', { prompt: 'Capital of France?' });
        expect(params.maxTokens === 100, 'maxTokens', params);
        const [message] = params.messages;
        const content = [message.content].flat()[0];
        expect(message.role === 'user' && content.text === 'Capital of France?', 'the message', params);
        expect(text(result) === 'LLM response: Paris', 'the text', result);
    });
    await check('asks_for_the_roots', async () => {
        const { result } = await asks('roots/list', 'test_input_required_result_list_roots');
        expect(text(result).includes(ROOT.uri), 'the root', result);
    });
    await check('takes_a_change_of_the_roots', async () => {
        await client.sendRootsListChanged();
        await client.ping();
    });
    await check('asks_twice_at_once', async () => {
        const wanted = ['first', 'second'];
        const results = await Promise.all(wanted.map(prompt => call('test_sampling', { prompt })));
        expect(results.every(result => text(result) === 'LLM response: Paris'), 'two answers', results);
    });

    await check('announces_a_watched_resource', async () => {
        const uri = 'test://watched-resource';
        await client.subscribeResource({ uri });
        connection.updated.length = 0;
        await call('interop_touch', { uri });
        await until('notifications/resources/updated', () => connection.updated.includes(uri));
        await client.unsubscribeResource({ uri });
        connection.updated.length = 0;
        await call('interop_touch', { uri });
        await sleep(300);
        expect(connection.updated.length === 0, 'nothing after unsubscribe', connection.updated);
    });
    await check('announces_a_change_of_the_tools', async () => {
        connection.changed.length = 0;
        await call('test_trigger_tool_change');
        await until('notifications/tools/list_changed', () => connection.changed.includes('tools'));
    });
    await check('answers_an_unknown_method_with_an_error', async () => {
        const error = await failure(client.request({ method: 'no/such/method' }, anything));
        expect(error.code === -32601, '-32601', { code: error.code, message: error.message });
    });
    if (url !== undefined && !sse) {
        await check('delivers_after_the_stream_was_closed', async () => {
            const result = await call('test_reconnection');
            expect(text(result).length > 0 && !result.isError, 'the result', result);
        });
        await check('ends_the_session', async () => {
            const session = transport.sessionId;
            expect(/^[\x21-\x7e]{16,}$/.test(session ?? ''), 'a session id', session);
            await transport.terminateSession();
            const headers = {
                'content-type': 'application/json',
                accept: 'application/json, text/event-stream',
                'mcp-session-id': session,
                'mcp-protocol-version': '2025-11-25'
            };
            const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
            const response = await fetch(url, { method: 'POST', headers, body });
            expect(response.status === 404, '404', response.status);
        });
    }
}

const anything = {
    '~standard': { version: 1, vendor: 'stranger', validate: value => ({ value }) }
};
