// What only the stateless era has: input required results, listen streams, log levels per request, cache hints.

import { LOG_LEVEL_META_KEY } from '@modelcontextprotocol/client';

import { ROOT } from './connection.mjs';
import { expect, failure, sleep, until } from './report.mjs';

export async function modern(report, connection) {
    const { client } = connection;
    const check = (name, body) => report.check(name, body);
    const call = (name, params = {}, options) => client.callTool({ name, arguments: {}, ...params }, options);
    const text = result => result.content.find(block => block.type === 'text')?.text ?? '';

    async function asks(methods, tool) {
        connection.asked.length = 0;
        const result = await call(`test_input_required_result_${tool}`);
        const seen = connection.asked.map(request => request.method).sort();
        expect(seen.join() === [...methods].sort().join(), `asked ${methods}`, seen);
        expect(!result.isError, 'a result', result);
        return result;
    }

    await check('discovers_the_server', async () => {
        const discovered = await client.discover();
        expect(discovered.supportedVersions.includes('2026-07-28'), 'supportedVersions', discovered);
    });
    await check('hints_how_long_a_list_is_fresh', async () => {
        for (const list of ['listTools', 'listPrompts', 'listResources', 'listResourceTemplates']) {
            const result = await client[list](undefined, { cacheMode: 'bypass' });
            expect(Number.isInteger(result.ttlMs) && result.ttlMs >= 0, `ttlMs of ${list}`, result.ttlMs);
            expect(['public', 'private'].includes(result.cacheScope), `cacheScope of ${list}`, result.cacheScope);
        }
    });
    await check('logs_at_the_level_of_the_request', async () => {
        connection.logs.length = 0;
        await call('test_logging_tool', { _meta: { [LOG_LEVEL_META_KEY]: 'debug' } });
        await until('a log message', () => connection.logs.length > 0);
        connection.logs.length = 0;
        await call('test_logging_tool');
        await sleep(200);
        expect(connection.logs.length === 0, 'no message without a level', connection.logs);
    });

    await check('asks_the_user', async () => {
        const result = await asks(['elicitation/create'], 'elicitation');
        expect(text(result) === 'Hello, Alice!', 'the text', result);
    });
    await check('asks_the_model', async () => {
        const result = await asks(['sampling/createMessage'], 'sampling');
        expect(text(result).includes('Paris'), 'the answer', result);
    });
    await check('asks_for_the_roots', async () => {
        const result = await asks(['roots/list'], 'list_roots');
        expect(text(result).includes(ROOT.uri), 'the root', result);
    });
    await check('asks_for_everything_at_once', async () => {
        await asks(['elicitation/create', 'sampling/createMessage', 'roots/list'], 'multiple_inputs');
    });
    await check('asks_in_two_rounds', async () => {
        await asks(['elicitation/create', 'elicitation/create'], 'multi_round');
    });
    await check('gets_its_state_back', async () => {
        const result = await asks(['elicitation/create'], 'request_state');
        expect(text(result).includes('state-ok'), 'state-ok', result);
    });
    await check('refuses_a_tampered_state', async () => {
        const name = 'test_input_required_result_tampered_state';
        const first = await client.callTool({ name, arguments: {} }, { allowInputRequired: true });
        expect(first.resultType === 'input_required' && first.requestState, 'input_required with a state', first);
        const inputResponses = { [Object.keys(first.inputRequests)[0]]: { action: 'accept', content: { ok: true } } };
        const again = state => client.callTool({ name, arguments: {}, inputResponses, requestState: state });
        const error = await failure(again(`${first.requestState}-TAMPERED`));
        expect(error.code < 0, 'a JSON-RPC error', { code: error.code, message: error.message });
        const result = await again(first.requestState);
        expect(!result.isError, 'the untouched state still holds', result);
    });
    await check('asks_only_what_the_client_can_answer', async () => {
        connection.asked.length = 0;
        await call('test_input_required_result_capabilities');
        expect(connection.asked.length > 0, 'a question', connection.asked);
    });
    await check('asks_while_making_a_prompt', async () => {
        connection.asked.length = 0;
        const { messages } = await client.getPrompt({ name: 'test_input_required_result_prompt' });
        expect(messages.length > 0 && connection.asked.length === 1, 'messages', { messages, asked: connection.asked });
    });

    await check('announces_a_watched_resource', async () => {
        const uri = 'test://watched-resource';
        const subscription = await client.listen({ resourceSubscriptions: [uri] });
        try {
            expect(subscription.honoredFilter.resourceSubscriptions?.includes(uri), 'honoured', subscription.honoredFilter);
            connection.updated.length = 0;
            await call('interop_touch', { arguments: { uri } });
            await until('notifications/resources/updated', () => connection.updated.includes(uri));
        } finally {
            await subscription.close();
        }
        connection.updated.length = 0;
        await call('interop_touch', { arguments: { uri } });
        await sleep(300);
        expect(connection.updated.length === 0, 'nothing after the stream was closed', connection.updated);
    });
    await check('announces_only_the_changes_listened_for', async () => {
        const subscription = await client.listen({ toolsListChanged: true });
        try {
            connection.changed.length = 0;
            await call('test_trigger_prompt_change');
            await call('test_trigger_tool_change');
            await until('notifications/tools/list_changed', () => connection.changed.includes('tools'));
            expect(!connection.changed.includes('prompts'), 'nothing about prompts', connection.changed);
        } finally {
            await subscription.close();
        }
    });
    await check('serves_two_listen_streams', async () => {
        const tools = await client.listen({ toolsListChanged: true });
        const prompts = await client.listen({ promptsListChanged: true });
        try {
            connection.changed.length = 0;
            await call('test_trigger_prompt_change');
            await call('test_trigger_tool_change');
            await until('both changes', () => connection.changed.includes('tools') && connection.changed.includes('prompts'));
        } finally {
            await tools.close();
            await prompts.close();
        }
    });
    await check('answers_an_unknown_method_with_an_error', async () => {
        const error = await failure(client.request({ method: 'no/such/method' }, anything));
        // Over HTTP the answer has status 404, which this client reports as an error of the transport.
        const known = error.code === -32601 || error.message.includes('"code":-32601');
        expect(known, '-32601', { code: error.code, message: error.message });
    });
}

const anything = {
    '~standard': { version: 1, vendor: 'stranger', validate: value => ({ value }) }
};
