// A real OpenID provider, the certified oidc-provider, over TLS on a free port of loopback.
//
// It reads one JSON object a line from its input and answers each with one on its output. The first says how to
// start: {"host", "certificate", "key", "ca", "clients": [...], "accounts": {...}}; the answer is {"issuer"}. Any
// other changes clients and accounts, or with {"rotate": true} the signing keys; sessions and grants stay. With
// {"audience": "issuer"} or "token" it takes proofs of clients' keys only for that address. It ends with its input.
//
// An account is {"sub": {"password"?, …claims}}. Whoever is in no account cannot sign in, and is refused when asked
// about again: so does a disabled user.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import https from 'node:https';
import readline from 'node:readline';
import { Provider, errors } from 'oidc-provider';

console.log = console.error; // the output is for answers only
console.info = console.error;

let settings;
let keys = [];
let provider;
let issuer;

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'ES256', use: 'sig' };
}

// Requests of the provider's own, such as logout tokens: to names under localhost, with the test's authority.
function ask(url, options) {
  const target = new URL(url);
  return new Promise((resolve, reject) => {
    const request = https.request(target, {
      method: options.method ?? 'GET',
      headers: Object.fromEntries(new Headers(options.headers)),
      ca: settings.ca,
      signal: options.signal,
      lookup: (_, { all }, done) => (all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)),
    }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const status = response.statusCode;
        resolve(new Response(status === 204 ? null : Buffer.concat(chunks), { status, headers: response.headers }));
      });
    });
    request.on('error', reject);
    request.end(options.body === undefined ? undefined : String(options.body));
  });
}

// What the provider stores outlives its instances, of which each change of its settings makes a new one.
const stored = new Map();

class Adapter {
  constructor(model) { this.model = model; }

  rows() { return [...stored].filter(([key]) => key.startsWith(`${this.model}:`)); }

  async upsert(id, payload) { stored.set(`${this.model}:${id}`, payload); }

  async find(id) { return stored.get(`${this.model}:${id}`); }

  async findByUid(uid) { return this.rows().find(([, payload]) => payload.uid === uid)?.[1]; }

  async findByUserCode(code) { return this.rows().find(([, payload]) => payload.userCode === code)?.[1]; }

  async consume(id) { stored.get(`${this.model}:${id}`).consumed = Math.floor(Date.now() / 1000); }

  async destroy(id) { stored.delete(`${this.model}:${id}`); }

  async revokeByGrantId(grant) {
    for (const [key, payload] of this.rows()) if (payload.grantId === grant) stored.delete(key);
  }
}

function build() {
  const made = new Provider(issuer, {
    adapter: Adapter,
    clients: settings.clients.map((client) => ({
      grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], id_token_signed_response_alg: 'ES256', ...client,
    })),
    jwks: { keys },
    cookies: { keys: ['not a secret: a test'] },
    scopes: ['openid', 'offline_access', 'profile', 'email', 'groups'],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
    findAccount: (_, sub) => (settings.accounts[sub] === undefined ? undefined : {
      accountId: sub,
      claims: () => ({ ...settings.accounts[sub], sub, password: undefined }),
    }),
    // As providers for companies do: who may ask again is the administrator's decision, not the user's consent.
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid offline_access profile email groups');
      await grant.save();
      return grant;
    },
    rotateRefreshToken: true,
    assertJwtClientAuthClaimsAndHeader: async (_, claims) => {
      const want = { issuer, token: `${issuer}/token` }[settings.audience];
      if (want !== undefined && claims.aud !== want) throw new errors.InvalidClientAuth(`aud must be ${want}`);
    },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    fetch: ask,
  });
  for (const event of ['server_error', 'grant.error', 'authorization.error', 'backchannel.error', 'end_session.error']) {
    made.on(event, (...args) => {
      const error = args.find((a) => a instanceof Error);
      process.stderr.write(`${event}: ${error?.stack ?? error} ${error?.error_detail ?? ''}\n`);
    });
  }
  return made;
}

async function start() {
  keys = [newKey()];
  const server = https.createServer({ cert: settings.certificate, key: settings.key }, (request, response) => provider.callback()(request, response));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `https://${settings.host}:${server.address().port}`;
  provider = build();
  return { issuer };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  let answer = {};
  if (settings === undefined) {
    settings = { clients: [], accounts: {}, ...told };
    answer = await start();
  } else {
    if (told.rotate) keys = [newKey()];
    settings = { ...settings, ...told };
    provider = build();
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
