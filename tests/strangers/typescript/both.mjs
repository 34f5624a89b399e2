// The checks that hold in both eras.

import { expect, failure, until } from './report.mjs';

const PNG = 'iVBORw0KGgo';
const WAV = 'UklGR';

export async function both(report, connection, { era, open }) {
    const { client } = connection;
    const check = (name, body) => report.check(name, body);
    const call = (name, args, options) => client.callTool({ name, ...(args && { arguments: args }) }, options);
    const text = result => result.content.find(block => block.type === 'text')?.text;

    await check('negotiates_the_era', async () => {
        const version = client.getNegotiatedProtocolVersion();
        expect(version === (era === 'legacy' ? '2025-11-25' : '2026-07-28'), 'the protocol version', version);
        const info = client.getServerVersion();
        expect(info?.name && info?.version, 'the server names itself', info);
    });
    await check('declares_its_capabilities', async () => {
        const capabilities = client.getServerCapabilities();
        for (const name of ['tools', 'resources', 'prompts', 'completions']) expect(capabilities?.[name], name, capabilities);
        expect(capabilities.resources.subscribe === true, 'resources.subscribe', capabilities);
        expect(capabilities.tools.listChanged === true, 'tools.listChanged', capabilities);
        if (era === 'legacy') expect(capabilities.logging, 'logging', capabilities);
    });

    await check('lists_tools', async () => {
        const { tools } = await client.listTools();
        const names = tools.map(tool => tool.name);
        for (const name of TOOLS) expect(names.includes(name), `the tool ${name}`, names);
        expect(new Set(names).size === names.length, 'no name twice', names);
        for (const tool of tools) {
            expect(tool.description, `a description of ${tool.name}`, tool);
            expect(tool.inputSchema.type === 'object', `the input schema of ${tool.name}`, tool.inputSchema);
        }
        expect(tools.find(tool => tool.name === 'interop_structured').outputSchema?.type === 'object', 'an output schema');
    });
    await check('lists_resources', async () => {
        const { resources } = await client.listResources();
        for (const uri of ['test://static-text', 'test://static-binary', 'test://watched-resource']) {
            expect(resources.some(resource => resource.uri === uri && resource.name), uri, resources);
        }
    });
    await check('lists_resource_templates', async () => {
        const { resourceTemplates } = await client.listResourceTemplates();
        const found = resourceTemplates.some(template => template.uriTemplate === 'test://template/{id}/data');
        expect(found, 'the template', resourceTemplates);
    });
    await check('lists_prompts', async () => {
        const { prompts } = await client.listPrompts();
        for (const name of PROMPTS) expect(prompts.some(prompt => prompt.name === name), name, prompts);
        const names = prompts.find(prompt => prompt.name === 'test_prompt_with_arguments').arguments;
        expect(names.length === 2 && names.every(argument => argument.required), 'two required arguments', names);
    });

    await check('calls_a_tool_without_arguments', async () => {
        const result = await call('test_simple_text');
        expect(text(result) === 'This is a simple text response for testing.' && !result.isError, 'the text', result);
    });
    await check('receives_an_image', async () => {
        const [block] = (await call('test_image_content', {})).content;
        expect(block.type === 'image' && block.mimeType === 'image/png' && block.data.startsWith(PNG), 'a PNG', block);
    });
    await check('receives_audio', async () => {
        const [block] = (await call('test_audio_content', {})).content;
        expect(block.type === 'audio' && block.mimeType === 'audio/wav' && block.data.startsWith(WAV), 'a WAV', block);
    });
    await check('receives_an_embedded_resource', async () => {
        const [block] = (await call('test_embedded_resource', {})).content;
        expect(block.type === 'resource' && block.resource.uri === 'test://embedded-resource', 'the resource', block);
        expect(block.resource.mimeType === 'text/plain', 'its type', block);
        expect(block.resource.text === 'This is an embedded resource content.', 'its text', block);
    });
    await check('receives_mixed_content', async () => {
        const types = (await call('test_multiple_content_types', {})).content.map(block => block.type);
        expect(types.join() === 'text,image,resource', 'three types in order', types);
    });
    await check('receives_a_tool_error_as_a_result', async () => {
        const result = await call('test_error_handling', {});
        expect(result.isError === true, 'isError', result);
        expect(text(result) === 'This tool intentionally returns an error for testing', 'the text', result);
    });
    await check('validates_structured_content', async () => {
        const result = await call('interop_structured', { a: 2, b: 3 });
        const wanted = { sum: 5, items: ['2', '3'], nested: { ok: true } };
        expect(same(result.structuredContent, wanted), 'structuredContent', result);
        expect(same(JSON.parse(text(result)), wanted), 'the same JSON as text', result);
    });
    await check('refuses_arguments_of_the_wrong_type', async () => {
        const outcome = await call('interop_structured', { a: 'two', b: 3 }).catch(error => error);
        expect(outcome.isError === true || outcome.code === -32602, 'isError or -32602', outcome);
    });
    await check('keeps_a_2020_12_schema', async () => {
        const { inputSchema } = (await client.listTools()).tools.find(tool => tool.name === 'json_schema_2020_12_tool');
        expect(inputSchema.$schema === 'https://json-schema.org/draft/2020-12/schema', '$schema', inputSchema);
        expect(inputSchema.$defs?.address?.$anchor === 'addressDef', '$defs', inputSchema);
        expect(inputSchema.additionalProperties === false && inputSchema.if && inputSchema.allOf, 'keywords', inputSchema);
        const result = await call('json_schema_2020_12_tool', { name: 'Ada', contactMethod: 'email', email: 'ada@example.com' });
        expect(!result.isError, 'a result', result);
    });
    await check('echoes_a_mebibyte', async () => {
        const wanted = 'a"\\\u00e9\u{1f600}\n'.repeat(Math.ceil((1 << 20) / 11)).slice(0, 1 << 19);
        expect(text(await call('interop_echo', { text: wanted })) === wanted, 'the text', wanted.length);
        const plain = 'x'.repeat(1 << 20);
        expect(text(await call('interop_echo', { text: plain })) === plain, 'the text', plain.length);
    });
    await check('keeps_concurrent_answers_apart', async () => {
        const wanted = Array.from({ length: 50 }, (_, index) => `echo-${index}`);
        const seen = await Promise.all(wanted.map(async value => text(await call('interop_echo', { text: value }))));
        expect(same(seen, wanted), 'fifty answers', seen);
    });
    await check('mirrors_an_argument_into_a_header', async () => {
        for (const region of ['eu-west-1', 'Z\u00fcrich \u65e5\u672c', ' padded ', '']) {
            const result = await call('test_x_mcp_header', { region });
            expect(!result.isError && text(result).includes(region), `the region ${region}`, result);
        }
    });
    await check('answers_an_unknown_tool_with_an_error', async () => {
        const error = await failure(call('no_such_tool', {}));
        expect(error.code === -32602, '-32602', { code: error.code, message: error.message });
    });
    await check('reports_progress', async () => {
        const seen = [];
        const result = await call('test_tool_with_progress', {}, { onprogress: update => seen.push(update) });
        expect(!result.isError, 'a result', result);
        // This client drops a notification that it reads together with the answer, so the last step may be missing.
        expect(seen.length >= 2 && '0,50,100'.startsWith(seen.map(update => update.progress).join()), 'steps', seen);
        expect(seen.every(update => update.total === 100), 'the total', seen);
    });
    await check('cancels_a_running_call', async () => {
        const id = `typescript-${era}-${process.pid}`;
        const status = async () => text(await call('interop_slow_status', { id }));
        const controller = new AbortController();
        const running = failure(call('interop_slow', { id, ms: 60_000 }, { signal: controller.signal }));
        await until('the call runs', async () => (await status()) === 'running');
        controller.abort('enough');
        await running;
        await until('the server saw the cancellation', async () => (await status()) === 'cancelled');
    });
    await check('lets_a_slow_call_finish', async () => {
        const id = `typescript-${era}-${process.pid}-finished`;
        const status = async name => text(await call('interop_slow_status', { id: name }));
        await call('interop_slow', { id, ms: 50 });
        const [seen, never] = [await status(id), await status(`${id}-never`)];
        expect(seen === 'completed' && never === 'unknown', 'completed and unknown', [seen, never]);
    });
    await check('contains_a_panic', async () => {
        const error = await failure(call('interop_panic', {}));
        expect(error.code === -32603, '-32603', { code: error.code, message: error.message });
        expect(text(await call('test_simple_text')), 'alive afterwards');
    });
    await check('refuses_to_ask_a_client_without_the_capability', async () => {
        const plain = await open({ capabilities: {} });
        try {
            const name = era === 'legacy' ? 'test_sampling' : 'test_missing_capability';
            const args = era === 'legacy' ? { prompt: 'never asked' } : {};
            const outcome = await plain.client.callTool({ name, arguments: args }).catch(error => error);
            if (era === 'legacy') expect(outcome.isError === true || outcome.code < 0, 'a refusal', outcome);
            else expect(outcome.code === -32021, '-32021', { code: outcome.code, message: outcome.message, outcome });
        } finally {
            await plain.client.close();
        }
    });

    await check('reads_a_text_resource', async () => {
        const [content] = (await client.readResource({ uri: 'test://static-text' })).contents;
        expect(content.text === 'This is the content of the static text resource.', 'the text', content);
        expect(content.uri === 'test://static-text' && content.mimeType === 'text/plain', 'uri and type', content);
    });
    await check('reads_a_binary_resource', async () => {
        const [content] = (await client.readResource({ uri: 'test://static-binary' })).contents;
        expect(content.blob?.startsWith(PNG) && content.mimeType === 'image/png', 'a PNG', content);
    });
    await check('reads_through_a_template', async () => {
        const [content] = (await client.readResource({ uri: 'test://template/123/data' })).contents;
        expect(content.uri === 'test://template/123/data' && JSON.parse(content.text).id === '123', 'the id', content);
    });
    await check('answers_an_unknown_resource_with_an_error', async () => {
        const uri = 'test://no-such-resource';
        const error = await failure(client.readResource({ uri }));
        // This client shows the code of the handshake era, -32002, as the other one.
        expect(error.code === -32602, 'the code', { code: error.code, data: error.data });
        expect(error.data?.uri === uri, 'data.uri', error.data);
    });

    await check('gets_a_simple_prompt', async () => {
        const [message] = (await client.getPrompt({ name: 'test_simple_prompt' })).messages;
        expect(message.role === 'user', 'the role', message);
        expect(message.content.text === 'This is a simple prompt for testing.', 'the text', message);
    });
    await check('gets_a_prompt_with_arguments', async () => {
        const params = { name: 'test_prompt_with_arguments', arguments: { arg1: 'one', arg2: 'two' } };
        const [message] = (await client.getPrompt(params)).messages;
        expect(message.content.text === "Prompt with arguments: arg1='one', arg2='two'", 'the text', message);
    });
    await check('gets_a_prompt_with_an_embedded_resource', async () => {
        const params = { name: 'test_prompt_with_embedded_resource', arguments: { resourceUri: 'test://mine' } };
        const { messages } = await client.getPrompt(params);
        const block = messages.find(message => message.content.type === 'resource')?.content;
        expect(block?.resource.uri === 'test://mine', 'the resource', messages);
    });
    await check('gets_a_prompt_with_an_image', async () => {
        const { messages } = await client.getPrompt({ name: 'test_prompt_with_image' });
        expect(messages.some(message => message.content.type === 'image'), 'an image', messages);
    });
    await check('answers_a_missing_prompt_argument_with_an_error', async () => {
        const error = await failure(client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'one' } }));
        expect(error.code === -32602, '-32602', { code: error.code, message: error.message });
    });
    await check('completes_a_prompt_argument', async () => {
        const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
        const { completion } = await client.complete({ ref, argument: { name: 'arg1', value: 'test' } });
        expect(Array.isArray(completion.values), 'values', completion);
    });
}

function same(left, right) {
    return JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
}

function sorted(value) {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.keys(value).sort().map(key => [key, sorted(value[key])]));
}

const TOOLS = [
    'test_simple_text',
    'test_image_content',
    'test_audio_content',
    'test_embedded_resource',
    'test_multiple_content_types',
    'test_tool_with_logging',
    'test_tool_with_progress',
    'test_error_handling',
    'test_sampling',
    'test_elicitation',
    'test_elicitation_sep1034_defaults',
    'test_elicitation_sep1330_enums',
    'test_reconnection',
    'json_schema_2020_12_tool',
    'test_x_mcp_header',
    'interop_structured',
    'interop_echo',
    'interop_slow',
    'interop_slow_status',
    'interop_touch',
    'interop_panic'
];

const PROMPTS = [
    'test_simple_prompt',
    'test_prompt_with_arguments',
    'test_prompt_with_embedded_resource',
    'test_prompt_with_image'
];
