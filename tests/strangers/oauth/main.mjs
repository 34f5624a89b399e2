// An authorization server and resources that it protects: node main.mjs UPSTREAM-URL
//
// With --resources JSON in place of the URL the resources are elsewhere: scopes, format and life of their tokens by URL.
//
// Both listen on ports of their own. One line of JSON on stdout says where; the end of stdin ends the process.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import process from 'node:process';

import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';

import { METADATA_URL, provider } from './provider.mjs';
import { Elsewhere, Resources, read } from './resource.mjs';

const [upstream, listed] = process.argv.slice(2);
if (upstream === undefined || (upstream === '--resources') !== (listed !== undefined)) {
    console.error('usage: main.mjs (UPSTREAM-URL | --resources JSON)');
    process.exit(2);
}

// Nobody reads stdout after its one line.
console.info = console.warn = console.error;

const log = [];
const secret = randomBytes(24).toString('base64url');
const key = await generateKeyPair('ES256', { extractable: true });
const issuing = createServer();
const protecting = createServer();
const issuer = await listen(issuing);
const origin = await listen(protecting);
const resources = listed
    ? new Elsewhere({ rules: JSON.parse(listed), origin, log })
    : new Resources({ upstream, issuer, origin, log });
const jobs = { secret, jwk: { ...(await exportJWK(key.publicKey)), use: 'sig', alg: 'ES256' } };
const authorization = await provider(issuer, jobs, resources, log);
const authorize = authorization.callback();
issuing.on('request', async (request, response) => {
    // Clients register with the first scope that they were told of. To widen it later is what they shall be able to.
    if (request.url === '/reg') {
        const { scope, ...client } = JSON.parse(await read(request));
        request.body = client;
    }
    authorize(request, response);
});
protecting.on('request', (request, response) => resources.answer(request, response));

const line = {
    issuer,
    origin: resources.origin,
    secret,
    private_key_pem: await exportPKCS8(key.privateKey),
    metadata_url: METADATA_URL,
};
console.log(JSON.stringify(line));

process.stdin.on('end', () => process.exit(0)).resume();

function listen(server) {
    return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
    });
}
