// A certified OpenID provider on loopback, for tests: `node openid_provider.mjs <node_modules>` prints its issuer.
//
// Its one client is every school of the tests. Whoever signs in types an address: it is the subject, and it is verified
// unless it begins with "unverified".
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.argv[2]}/`);
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{ client_id: 'collegium', client_secret: 'a secret: 100% + more', redirect_uris: ['https://school.test/'] }],
  claims: { email: ['email', 'email_verified'], profile: ['given_name', 'family_name', 'name'] },
  cookies: { keys: ['of a test'] },
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id, email: id, email_verified: !id.startsWith('unverified'), given_name: 'Noor', family_name: 'Haddad',
    }),
  }),
});
// Each test has a school of its own, whose host is made up, or a server on a free port.
provider.Client.prototype.redirectUriAllowed = (uri) => (
  /^https?:\/\/(school-[0-9a-f]+\.test|127\.0\.0\.1:[0-9]+)\/api\/v1\/auth\/oauth\/[a-z]+\/callback$/.test(uri)
);
server.on('request', provider.callback());
console.log(issuer);

// Whoever started it closes its standard input, or is gone.
process.stdin.resume().on('end', () => process.exit());
