// Opens connections with the official client and remembers what the server sent on them.

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

export const ROOT = { uri: 'file:///test/root', name: 'Test Root' };

const EVERYTHING = { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } };

/** Returns a function that opens one more connection to the server that the command line named. */
export function opener({ era, command, url, sse }) {
    return async function open({ capabilities = EVERYTHING } = {}) {
        const transport =
            url === undefined
                ? new StdioClientTransport({ command: command[0], args: command.slice(1) })
                : new (sse ? SSEClientTransport : StreamableHTTPClientTransport)(new URL(url));
        const mode = era === 'legacy' ? 'legacy' : 'auto';
        const client = new Client(
            { name: 'stranger-typescript', version: '1.0.0' },
            { capabilities, versionNegotiation: { mode }, defaultCacheTtlMs: 0 }
        );
        const connection = { client, transport, logs: [], updated: [], changed: [], asked: [], answer: accept };
        listen(connection, capabilities);
        await client.connect(transport);
        return connection;
    };
}

function listen(connection, capabilities) {
    const { client } = connection;
    client.onerror = () => {};
    client.setNotificationHandler('notifications/message', ({ params }) => void connection.logs.push(params));
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => void connection.updated.push(params.uri));
    for (const what of ['tools', 'prompts', 'resources']) {
        client.setNotificationHandler(`notifications/${what}/list_changed`, () => void connection.changed.push(what));
    }
    const asked = request => void connection.asked.push({ method: request.method, params: request.params });
    if (capabilities.elicitation) {
        client.setRequestHandler('elicitation/create', request => {
            asked(request);
            return connection.answer(request.params);
        });
    }
    if (capabilities.sampling) {
        client.setRequestHandler('sampling/createMessage', request => {
            asked(request);
            return { model: 'stranger', role: 'assistant', stopReason: 'endTurn', content: { type: 'text', text: 'Paris' } };
        });
    }
    if (capabilities.roots) {
        client.setRequestHandler('roots/list', request => {
            asked(request);
            return { roots: [ROOT] };
        });
    }
}

/** Accepts a form and fills every property with its default or a fitting value. */
export function accept(params) {
    const content = {};
    for (const [name, schema] of Object.entries(params.requestedSchema.properties)) content[name] = fill(schema);
    return { action: 'accept', content };
}

function fill(schema) {
    if (schema.default !== undefined) return schema.default;
    if (schema.enum) return schema.enum[0];
    if (schema.oneOf) return schema.oneOf[0].const;
    switch (schema.type) {
        case 'boolean':
            return true;
        case 'integer':
        case 'number':
            return schema.minimum ?? 1;
        case 'array':
            return [schema.items.enum?.[0] ?? schema.items.anyOf[0].const];
        default:
            return schema.format === 'email' ? 'alice@example.com' : 'Alice';
    }
}
