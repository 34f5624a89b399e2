// Logs the official TypeScript client in for servers that take tokens: node protected.mjs legacy|modern JSON
//
// The JSON says where the servers, their issuer, and the user's browser are.

import process from 'node:process';

import { Client, DpopSession, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

import { expect, failure, Report, sleep } from './report.mjs';

const CALLBACK = 'http://127.0.0.1/callback';
const SHORT_MS = 5_000;

const [era, told] = process.argv.slice(2);
if (!['legacy', 'modern'].includes(era) || told === undefined) {
    console.error('usage: protected.mjs legacy|modern JSON');
    process.exit(2);
}
const world = JSON.parse(told);

/** What the client keeps, and a user who agrees to everything. */
class User {
    redirectUrl = CALLBACK;
    clientMetadata = {
        client_name: 'stranger-typescript',
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        application_type: 'native',
    };
    visits = [];
    refreshes = 0;

    constructor(session) {
        if (session) this.dpop = () => session;
    }

    clientInformation() {
        return this.client;
    }

    saveClientInformation(client) {
        this.client = client;
    }

    tokens() {
        return this.kept;
    }

    saveTokens(tokens) {
        // Without a visit before it, it is a refresh.
        if (this.kept && this.answer === undefined) this.refreshes += 1;
        this.kept = tokens;
        this.answer = undefined;
    }

    async redirectToAuthorization(url) {
        this.visits.push(url.searchParams);
        const visited = await fetch(world.browser, { method: 'POST', body: `${url}\n${CALLBACK}` });
        const answer = await visited.text();
        if (!visited.ok) throw new Error(answer);
        this.answer = new URL(answer).searchParams;
    }

    saveDiscoveryState(state) {
        this.discovered = state;
    }

    discoveryState() {
        return this.discovered;
    }

    saveCodeVerifier(verifier) {
        this.verifier = verifier;
    }

    codeVerifier() {
        return this.verifier;
    }
}

/** Does something, and again after the user was asked. */
async function authorized(user, transport, action) {
    try {
        return await action();
    } catch (error) {
        if (!(error instanceof UnauthorizedError) || user.answer === undefined) throw error;
        await transport().finishAuth(user.answer);
        return action();
    }
}

/** Connects, and has the user log in where that is needed. */
async function connect(url, user, options = {}) {
    let client, transport;
    await authorized(user, () => transport, async () => {
        transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: user, ...options });
        client = new Client(
            { name: 'stranger-typescript', version: '1.0.0' },
            { versionNegotiation: { mode: era === 'legacy' ? 'legacy' : 'auto' }, defaultCacheTtlMs: 0 }
        );
        client.onerror = () => {};
        await client.connect(transport);
    });
    const call = name => authorized(user, () => transport, async () => (await client.callTool({ name })).content[0].text);
    return { client, call };
}

/** Gets a token by logging in. */
async function token(url) {
    const user = new User();
    const { client } = await connect(url, user);
    await client.close();
    return { value: user.kept.access_token, client: user.client.client_id };
}

/** What a client meets that has nothing but this token. */
const bare = value => ({ authProvider: undefined, requestInit: { headers: { Authorization: `Bearer ${value}` } } });

async function refused(url, value, why) {
    const error = await failure(connect(url, new User(), bare(value)));
    // While it finds out what the server speaks, the client tells the status and not the reason.
    expect(error.message.includes(why) || error.message.includes('(HTTP 401)'), 'the reason', error.message);
    const answer = await fetch(url, { method: 'POST', headers: { Authorization: `Bearer ${value}` } });
    const challenge = answer.headers.get('www-authenticate');
    expect(answer.status === 401 && challenge.includes(`error_description="${why}"`), 'the challenge', challenge);
}

const report = new Report();

for (const name of ['notes', 'opaque']) {
    await report.check(`finds_the_issuer_and_logs_in_for_${name}`, async () => {
        const user = new User();
        const { client, call } = await connect(world[name], user);
        expect((await call('who')) === 'alice', 'who calls');
        const version = client.getNegotiatedProtocolVersion();
        expect(version === (era === 'legacy' ? '2025-11-25' : '2026-07-28'), 'the protocol version', version);
        await client.close();
        expect(user.visits.length === 1, 'one login', user.visits.length);
        const asked = Object.fromEntries(user.visits[0]);
        expect(asked.code_challenge_method === 'S256' && asked.code_challenge.length === 43, 'PKCE', asked);
        expect(asked.resource === world[name], 'the resource', asked);
        expect(asked.scope.split(' ').includes('notes:read'), 'the scope of the challenge', asked);
        expect(!asked.scope.split(' ').includes('notes:write'), 'no other scope', asked);
    });
    await report.check(`steps_up_for_${name}`, async () => {
        const user = new User();
        const { client, call } = await connect(world[name], user);
        expect((await call('write')) === 'written', 'what the tool says');
        expect((await call('write')) === 'written', 'what the tool says');
        await client.close();
        expect(user.visits.length === 2, 'a login and a step', user.visits.length);
        const scopes = user.visits[1].get('scope').split(' ');
        expect(scopes.includes('notes:read') && scopes.includes('notes:write'), 'both scopes', scopes);
    });
    await report.check(`is_refused_without_the_scope_of_a_tool_of_${name}`, async () => {
        const { value } = await token(world[name]);
        const { client, call } = await connect(world[name], new User(), bare(value));
        expect((await call('who')) === 'alice', 'who calls');
        const error = await failure(call('write'));
        expect(error.name === 'InsufficientScopeError' || error.data?.status === 403, 'the error', String(error));
        await client.close();
    });
}
await report.check('refreshes_what_has_expired', async () => {
    const user = new User();
    const { client, call } = await connect(world.short, user);
    expect((await call('who')) === 'alice', 'who calls');
    await sleep(SHORT_MS);
    expect((await call('who')) === 'alice', 'who calls');
    await client.close();
    expect(user.visits.length === 1 && user.refreshes >= 1, 'a refresh and no login', [user.visits.length, user.refreshes]);
});
await report.check('signs_its_requests', async () => {
    const user = new User(await DpopSession.create());
    const { client, call } = await connect(world.bound, user);
    for (let i = 0; i < 3; i++) expect((await call('who')) === 'alice', 'who calls');
    expect((await call('write')) === 'written', 'what the tool says');
    await client.close();
    expect(user.kept.token_type === 'DPoP', 'the type of the token', user.kept.token_type);
    await refused(world.bound, user.kept.access_token, 'the token is bound to a key, so it is shown by the scheme `DPoP`');
});
await report.check('is_refused_with_tokens_for_another_server', async () => {
    await refused(world.short, (await token(world.notes)).value, 'the token is for another audience');
    await refused(world.vault, (await token(world.opaque)).value, 'the token is for another audience');
});
await report.check('is_refused_with_a_token_that_has_expired', async () => {
    const { value } = await token(world.short);
    await sleep(SHORT_MS);
    await refused(world.short, value, 'the token has expired');
});
await report.check('is_refused_with_a_token_that_was_revoked', async () => {
    const { value, client: id } = await token(world.opaque);
    const { client, call } = await connect(world.opaque, new User(), bare(value));
    expect((await call('who')) === 'alice', 'who calls');
    const body = new URLSearchParams({ token: value, client_id: id });
    const revoked = await fetch(`${world.issuer}/token/revocation`, { method: 'POST', body });
    expect(revoked.ok, 'it is revoked', revoked.status);
    const error = await failure(call('who'));
    expect(String(error).includes('the token is not active'), 'the error', String(error));
    await client.close();
    await refused(world.opaque, value, 'the token is not active');
});
process.exit(report.close());
