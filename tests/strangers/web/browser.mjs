// What pages of an allowed and of a foreign origin can do in Chromium:
// node browser.mjs CHROMIUM PORT-OF-PAGES OPEN-SERVER CLOSED-SERVER, of which only the open one allows anybody.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { chromium } from 'playwright-core';

import { expect, Report } from '../typescript/report.mjs';

const [program, port, open, closed] = process.argv.slice(2);
const report = new Report();

// The pages are all of this server, under the names that Chromium is told to look for here.
const pages = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'));
await new Promise(resolve => pages.listen(Number(port), '127.0.0.1', resolve));
const profile = await mkdtemp(join(tmpdir(), 'turbomcp-browser-'));
const browser = await chromium.launchPersistentContext(profile, {
    executablePath: program,
    headless: true,
    args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync',
        '--host-resolver-rules=MAP *.example 127.0.0.1'
    ]
});

async function page(host) {
    const page = await browser.newPage();
    await page.goto(`http://${host}:${port}/`);
    await page.evaluate(inPage);
    return page;
}

try {
    await allowed(await page('allowed.example'));
    await foreign(await page('foreign.example'), open);
    // By default there is nobody whom a server allows.
    await foreign(await page('allowed.example'), closed);
} finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
    pages.close();
}
process.exit(report.close());

async function allowed(page) {
    const at = `http://${open}/mcp`;
    await report.check('allowed_modern_call', async () => {
        const { status, body } = await page.evaluate(([at]) => modern(at, 'add', { a: 1, b: 2 }), [at]);
        expect(status === 200 && body.result?.content[0].text === '3', 'the sum', { status, body });
    });
    await report.check('allowed_modern_stream', async () => {
        const { kind, events } = await page.evaluate(([at]) => modern(at, 'wait', { ms: 50 }, 'token'), [at]);
        expect(kind === 'text/event-stream', 'a stream', kind);
        const progress = events.filter(event => event.method === 'notifications/progress');
        expect(progress.length > 0 && events.at(-1).result !== undefined, 'progress, then the answer', events);
    });
    await report.check('allowed_legacy_session', async () => {
        const seen = await page.evaluate(([at]) => session(at), [at]);
        expect(/^[\x21-\x7e]{22,}$/.test(seen.id ?? ''), 'the page reads the id of its session', seen);
        expect(seen.tools > 0, 'it lists the tools', seen);
        expect(seen.listening === 'text/event-stream', 'it listens', seen);
        expect(seen.ended === 200 || seen.ended === 204, 'it ends its session', seen);
        expect(seen.after === 404, 'which is no more', seen);
    });
    await report.check('allowed_page_reads_what_is_exposed', async () => {
        const names = await page.evaluate(([at]) => exposed(at), [at]);
        const known = ['cache-control', 'content-length', 'content-type', 'mcp-session-id'];
        expect(names.every(name => known.includes(name)) && names.includes('mcp-session-id'), 'these headers', names);
    });
    for (const era of ['modern', 'legacy']) {
        await report.check(`allowed_websocket_${era}`, async () => {
            const { protocol, answers } = await page.evaluate(([at, era]) => socket(at, era), [`ws://${open}/ws`, era]);
            expect(protocol === 'mcp', 'the subprotocol', protocol);
            expect(answers.at(-1)?.result?.content[0].text === '3', 'the sum', answers);
        });
    }
}

async function foreign(page, server) {
    const name = server === open ? 'foreign' : 'default';
    const at = `http://${server}/mcp`;
    for (const [what, body] of [['modern', 'modern(at, "add", { a: 1, b: 2 })'], ['legacy', 'session(at)']]) {
        await report.check(`${name}_fetch_${what}_is_refused`, async () => {
            const outcome = await page.evaluate(`(at => ${body}.catch(error => String(error)))(${JSON.stringify(at)})`);
            expect(outcome === 'TypeError: Failed to fetch', 'a fetch that fails', outcome);
        });
    }
    await report.check(`${name}_form_is_refused`, async () => {
        // What needs no leave of anybody: the page sees nothing of the answer, but a status of 200 would be an accident.
        const [response] = await Promise.all([
            page.waitForResponse(response => response.url() === at),
            page.evaluate(([at]) => fetch(at, { method: 'POST', mode: 'no-cors', body: '{}' }), [at])
        ]);
        expect(response.status() === 403, '403', response.status());
    });
    await report.check(`${name}_websocket_is_refused`, async () => {
        const outcome = await page.evaluate(`socket("ws://${server}/ws", "modern").catch(error => String(error))`);
        expect(outcome === 'closed 1006', 'a connection that is not made', outcome);
    });
}

/** Runs in the page, and gives it what the checks call. */
function inPage() {
    const kept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const names = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'page', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {}
    };
    const initialize = {
        jsonrpc: '2.0', id: 1, method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'page', version: '1' } }
    };
    const events = text => text.split('\n').filter(line => line.startsWith('data: {')).map(line => JSON.parse(line.slice(6)));
    const kindOf = response => response.headers.get('content-type')?.split(';')[0];

    async function read(response) {
        const kind = kindOf(response);
        const text = await response.text();
        const all = kind === 'text/event-stream' ? events(text) : [JSON.parse(text)];
        return { status: response.status, kind, events: all, body: all.at(-1) };
    }

    const call = (tool, args, token) => ({
        jsonrpc: '2.0', id: 2, method: 'tools/call',
        params: { name: tool, arguments: args, _meta: { ...names, ...(token && { progressToken: token }) } }
    });

    window.modern = async (at, tool, args, token) => {
        const headers = { ...kept, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': tool };
        return read(await fetch(at, { method: 'POST', headers, body: JSON.stringify(call(tool, args, token)) }));
    };

    window.session = async at => {
        const post = (message, headers) =>
            fetch(at, { method: 'POST', headers: { ...kept, ...headers }, body: JSON.stringify(message) });
        const first = await post(initialize);
        const id = first.headers.get('mcp-session-id');
        await read(first);
        const own = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
        await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, own);
        const tools = (await read(await post({ jsonrpc: '2.0', id: 2, method: 'tools/list' }, own))).body.result.tools;
        const stop = new AbortController();
        const stream = await fetch(at, { headers: { ...own, accept: 'text/event-stream' }, signal: stop.signal });
        const listening = kindOf(stream);
        stop.abort();
        const ended = (await fetch(at, { method: 'DELETE', headers: own })).status;
        const after = (await post({ jsonrpc: '2.0', id: 3, method: 'tools/list' }, own)).status;
        return { id, tools: tools.length, listening, ended, after };
    };

    window.exposed = async at => {
        const response = await fetch(at, { method: 'POST', headers: kept, body: JSON.stringify(initialize) });
        return [...response.headers.keys()];
    };

    window.socket = (at, era) =>
        new Promise((resolve, reject) => {
            const socket = new WebSocket(at, 'mcp');
            const answers = [];
            const say = message => socket.send(JSON.stringify(message));
            const add = call('add', { a: 1, b: 2 });
            socket.onopen = () => say(era === 'modern' ? add : initialize);
            socket.onclose = event => reject(`closed ${event.code}`);
            socket.onmessage = ({ data }) => {
                answers.push(JSON.parse(data));
                if (era === 'legacy' && answers.length === 1) {
                    say({ jsonrpc: '2.0', method: 'notifications/initialized' });
                    say({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'add', arguments: add.params.arguments } });
                    return;
                }
                const { protocol } = socket;
                socket.onclose = () => resolve({ protocol, answers });
                socket.close();
            };
        });
}
