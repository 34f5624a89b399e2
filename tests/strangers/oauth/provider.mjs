// The authorization server: oidc-provider, with its own pages for the user.

import { randomBytes } from 'node:crypto';

import { exportJWK, generateKeyPair } from 'jose';
import Provider, { errors } from 'oidc-provider';

// Where the client says that it is described. No request leaves the machine: the document is answered here.
export const METADATA_URL = 'https://client.example/mcp-client.json';

const DOCUMENT = {
    client_id: METADATA_URL,
    client_name: 'A client with a document',
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
};

export async function provider(issuer, jobs, resources, log) {
    const job = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
    const app = {
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: ['https://app.example/callback'],
    };
    const device = {
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        redirect_uris: [],
        response_types: [],
    };
    const server = new Provider(issuer, {
        clients: [
            { ...job, client_id: 'job', client_secret: jobs.secret, token_endpoint_auth_method: 'client_secret_basic' },
            {
                ...job,
                client_id: 'signed-job',
                token_endpoint_auth_method: 'private_key_jwt',
                token_endpoint_auth_signing_alg: 'ES256',
                jwks: { keys: [jobs.jwk] },
            },
            { ...app, client_id: 'app', client_secret: jobs.secret, token_endpoint_auth_method: 'client_secret_basic' },
            { ...app, client_id: 'public-app', token_endpoint_auth_method: 'none' },
            { ...device, client_id: 'television', token_endpoint_auth_method: 'none' },
        ],
        clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
        cookies: { keys: [randomBytes(24).toString('base64url')] },
        jwks: { keys: [await signingKey('RS256'), await signingKey('ES256')] },
        fetch: async url => {
            if (String(url) !== METADATA_URL) throw new Error(`${url} is not to be fetched`);
            log.push({ event: 'document' });
            return new Response(JSON.stringify(DOCUMENT), { headers: { 'content-type': 'application/json' } });
        },
        features: {
            clientCredentials: { enabled: true },
            clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
            deviceFlow: { enabled: true },
            introspection: { enabled: true },
            dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
            registration: { enabled: true },
            revocation: { enabled: true },
            resourceIndicators: {
                enabled: true,
                getResourceServerInfo(_, indicator) {
                    const resource = resources.named(indicator);
                    if (resource === undefined) throw new errors.InvalidTarget();
                    return {
                        scope: resource.scopes.join(' '),
                        audience: indicator,
                        accessTokenFormat: resource.format ?? 'jwt',
                        accessTokenTTL: resource.seconds,
                        ...(resource.format !== 'opaque' && { jwt: { sign: { alg: 'ES256' } } }),
                    };
                },
            },
        },
    });
    server.on('registration_create.success', (_, client) =>
        log.push({ event: 'registration', client: client.clientId, application_type: client.applicationType })
    );
    server.on('authorization.success', ctx => {
        const { client_id: client, scope, resource, code_challenge_method } = ctx.oidc.params;
        log.push({ event: 'authorization', client, scope, resource, code_challenge_method });
    });
    server.on('grant.success', ctx => {
        const { grant_type: grant, scope, resource } = ctx.oidc.params;
        const authentication = ctx.oidc.client.clientAuthMethod;
        log.push({ event: 'grant', client: ctx.oidc.client.clientId, grant, scope, resource, authentication });
    });
    server.on('pushed_authorization_request.success', (_, client) =>
        log.push({ event: 'pushed', client: client.clientId })
    );
    server.on('refresh_token.destroyed', token =>
        log.push({ event: 'refresh token destroyed', client: token.clientId })
    );
    for (const name of ['authorization.error', 'grant.error', 'registration_create.error', 'server_error']) {
        server.on(name, (_, error) => log.push({ event: 'error', of: name, error: error.error ?? String(error) }));
    }
    return server;
}

async function signingKey(alg) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: alg };
}
