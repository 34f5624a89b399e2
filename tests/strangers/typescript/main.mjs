// Drives a server with the official TypeScript client: node main.mjs --era legacy|modern (--stdio CMD… | --http URL | --sse URL)

import process from 'node:process';

import { both } from './both.mjs';
import { opener } from './connection.mjs';
import { legacy } from './legacy.mjs';
import { modern } from './modern.mjs';
import { expect, Report, sleep } from './report.mjs';

const options = parse(process.argv.slice(2));
const report = new Report();
const open = opener(options);

let connection;
await report.check('connects', async () => {
    connection = await open();
});
if (connection !== undefined) {
    await both(report, connection, { ...options, open });
    await (options.era === 'legacy' ? legacy : modern)(report, connection, options);
    await report.check('closes', () => connection.client.close());
}
if (options.url === undefined) {
    // The client closes stdin, and sends SIGTERM only after two seconds.
    await report.check('leaves_when_stdin_ends', () => leaves(async () => {}));
    await report.check('leaves_when_stdin_ends_during_a_call', () =>
        leaves(async ({ client }) => {
            client.callTool({ name: 'interop_slow', arguments: { id: 'at-eof', ms: 60_000 } }).catch(() => {});
            await sleep(200);
        })
    );
}
process.exit(report.close());

async function leaves(before) {
    const last = await open();
    await before(last);
    const started = performance.now();
    await last.client.close();
    const took = Math.round(performance.now() - started);
    expect(took < 1_900, 'the process ends by itself within two seconds', `${took} ms`);
}

function parse(argv) {
    const era = argv[argv.indexOf('--era') + 1];
    const rest = argv.filter((_, index) => index !== argv.indexOf('--era') && index !== argv.indexOf('--era') + 1);
    const [kind, ...target] = rest;
    if (!['legacy', 'modern'].includes(era) || !['--stdio', '--http', '--sse'].includes(kind) || target.length === 0) {
        console.error('usage: main.mjs --era legacy|modern (--stdio COMMAND [ARGUMENT…] | --http URL | --sse URL)');
        process.exit(2);
    }
    return kind === '--stdio' ? { era, command: target } : { era, url: target[0], sse: kind === '--sse' };
}
