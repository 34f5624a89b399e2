// What is protected: one MCP server under several URLs, each with rules of its own. Every token is checked.

import { createHash, randomUUID } from 'node:crypto';
import { request as forward } from 'node:http';

import { calculateJwkThumbprint, createRemoteJWKSet, EmbeddedJWK, jwtVerify } from 'jose';

const SCOPES = ['notes:read', 'notes:write'];

const RULES = {
    // Calls need more than the rest.
    mcp: { scopes: SCOPES, seconds: 3600, needs: method => (method === 'tools/call' ? 'notes:write' : 'notes:read') },
    // Its tokens are due as soon as they are there.
    short: { scopes: ['notes:read'], seconds: 10, needs: () => 'notes:read' },
    // Its tokens are bound to a key, and each proof to a nonce.
    bound: { scopes: ['notes:read'], seconds: 3600, needs: () => 'notes:read', isBound: true },
    // No scope will do.
    never: { scopes: [...SCOPES, 'notes:all'], seconds: 3600, needs: method => method === 'tools/call' && 'notes:none' },
};

export class Resources {
    #upstream;
    #issuer;
    #log;
    #keys;
    #nonce = randomUUID();
    #proofs = new Set();
    // Tokens that were seen, and those that are refused from now on.
    #seen = new Set();
    #revoked = new Set();

    constructor({ upstream, issuer, origin, log }) {
        this.#upstream = new URL(upstream);
        this.#issuer = issuer;
        this.origin = origin;
        this.#log = log;
        this.#keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
    }

    /** The rules of the resource that a token is asked for. */
    named(indicator) {
        const name = indicator.startsWith(`${this.origin}/`) ? indicator.slice(this.origin.length + 1) : '';
        return Object.hasOwn(RULES, name) ? RULES[name] : undefined;
    }

    async answer(request, response) {
        try {
            const { pathname } = new URL(request.url, this.origin);
            const metadata = pathname.match(/^\/\.well-known\/oauth-protected-resource(\/.+)$/);
            if (metadata && this.named(this.origin + metadata[1])) return this.#publish(response, metadata[1]);
            if (pathname === '/log') return json(response, 200, this.#log);
            if (pathname === '/revoke' && request.method === 'POST') {
                this.#revoked = new Set(this.#seen);
                return json(response, 200, {});
            }
            const rules = this.named(this.origin + pathname);
            if (rules === undefined) return json(response, 404, {});
            const body = await read(request);
            await this.#guard(rules, pathname, request, response, body);
        } catch (error) {
            console.error(error);
            if (response.headersSent) response.destroy();
            else json(response, 500, { error: String(error) });
        }
    }

    #publish(response, path) {
        const rules = this.named(this.origin + path);
        json(response, 200, {
            resource: this.origin + path,
            authorization_servers: [this.#issuer],
            scopes_supported: rules.scopes,
            bearer_methods_supported: ['header'],
            ...(rules.isBound && {
                dpop_bound_access_tokens_required: true,
                dpop_signing_alg_values_supported: ['ES256'],
            }),
        });
    }

    async #guard(rules, path, request, response, body) {
        const method = body.length > 0 ? JSON.parse(body).method : undefined;
        const scheme = rules.isBound ? 'DPoP' : 'Bearer';
        const [given, token] = (request.headers.authorization ?? '').split(' ');
        const refuse = (status, parameters) => {
            const metadata = `${this.origin}/.well-known/oauth-protected-resource${path}`;
            const all = { resource_metadata: metadata, ...parameters };
            const written = Object.entries(all).map(([name, value]) => `${name}="${value}"`);
            response.setHeader('WWW-Authenticate', `${scheme} ${written.join(', ')}`);
            // Who comes without a token is not told the nonce yet.
            if (rules.isBound && token) response.setHeader('DPoP-Nonce', this.#nonce);
            json(response, status, { error: parameters.error ?? 'unauthorized' });
        };
        if (token === undefined) return refuse(401, { scope: 'notes:read' });
        let claims;
        try {
            if (given !== scheme) throw new Error(`the scheme is ${given}`);
            claims = await this.#token(token, path);
            if (rules.isBound) await this.#proof(request, path, token, claims);
        } catch (error) {
            const name = error.nonce ? 'use_dpop_nonce' : 'invalid_token';
            this.#log.push({ event: 'refused', path, error: name, why: error.message });
            return refuse(401, { error: name });
        }
        const granted = (claims.scope ?? '').split(' ');
        const needed = rules.needs(method);
        if (needed && !granted.includes(needed)) {
            this.#log.push({ event: 'refused', path, error: 'insufficient_scope', scope: needed });
            return refuse(403, { error: 'insufficient_scope', scope: needed });
        }
        const { client_id: client, sub, scope } = claims;
        this.#log.push({ event: 'request', path, method, scheme, client, sub, scope });
        this.#seen.add(token);
        if (rules.isBound) response.setHeader('DPoP-Nonce', this.#nonce);
        this.#forward(request, response, body);
    }

    async #token(token, path) {
        const expected = { issuer: this.#issuer, audience: this.origin + path, typ: 'at+jwt' };
        const { payload } = await jwtVerify(token, this.#keys, expected);
        if (this.#revoked.has(token)) throw new Error('the token is revoked');
        return payload;
    }

    async #proof(request, path, token, claims) {
        const { payload, protectedHeader } = await jwtVerify(request.headers.dpop ?? '', EmbeddedJWK, {
            typ: 'dpop+jwt',
            algorithms: ['ES256'],
            maxTokenAge: 60,
        });
        const expect = (what, condition) => {
            if (!condition) throw new Error(`the proof: ${what}`);
        };
        expect('htm', payload.htm === request.method);
        expect('htu', payload.htu === this.origin + path);
        expect('ath', payload.ath === createHash('sha256').update(token).digest('base64url'));
        expect('jkt', claims.cnf?.jkt === (await calculateJwkThumbprint(protectedHeader.jwk)));
        if (payload.nonce !== this.#nonce) throw Object.assign(new Error('the nonce'), { nonce: true });
        expect('jti', !this.#proofs.has(payload.jti));
        this.#proofs.add(payload.jti);
        // Each answer gives the nonce of the next request.
        this.#nonce = randomUUID();
    }

    #forward(request, response, body) {
        const { host, authorization, dpop, connection, ...headers } = request.headers;
        const options = { method: request.method, headers: { ...headers, 'content-length': body.length } };
        const forwarded = forward(this.#upstream, options, answer => {
            response.writeHead(answer.statusCode, answer.headers);
            answer.pipe(response);
        });
        forwarded.on('error', () => response.destroy());
        response.on('close', () => forwarded.destroy());
        forwarded.end(body);
    }
}

/** Resources that are served by somebody else; all that is here is what happened. */
export class Elsewhere {
    #rules;
    #log;

    constructor({ rules, origin, log }) {
        this.#rules = new Map(Object.entries(rules));
        this.origin = origin;
        this.#log = log;
    }

    named(indicator) {
        return this.#rules.get(indicator);
    }

    answer(request, response) {
        json(response, request.url === '/log' ? 200 : 404, request.url === '/log' ? this.#log : {});
    }
}

function json(response, status, value) {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export async function read(request) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    return Buffer.concat(chunks);
}
