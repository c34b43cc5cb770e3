import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { told, done, refused, let_in, kept_out } from "./steps.mjs";

const issuer = new URL(told.issuer);
const insecure = { [oauth.allowInsecureRequests]: true }; // the issuer is on this machine, without TLS
const client = { client_id: told.id };
const auth = oauth.ClientSecretPost(told.secret);
const code = (err) => err.error;

const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure }),
);
done("discovery");

async function login(password = told.password) {
  const response = await oauth.genericTokenEndpointRequest(
    as, client, auth, "password", { username: told.login, password }, insecure,
  );
  return oauth.processGenericTokenEndpointResponse(as, client, response);
}

async function refresh(token) {
  const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, insecure);
  return oauth.processRefreshTokenResponse(as, client, response);
}

async function introspect(token) {
  return oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, token, insecure));
}

const first = await login();
done("login");
await let_in(first.access_token);
done("call");

// RFC 9068, by somebody else's reading: typ, iss, aud, exp, client_id, jti, and the key by its kid
const request = new Request(new URL("/me", issuer), { headers: { Authorization: `Bearer ${first.access_token}` } });
const claims = await oauth.validateJwtAccessToken(as, request, process.env.AUDIENCE, insecure);
assert.equal(claims.sub, "u-ada");
assert.equal(claims.client_id, told.id);
done("verify");

await refused(login("wrong"), code);
done("wrong password");

const second = await refresh(first.refresh_token);
assert.notEqual(second.refresh_token, first.refresh_token);
await let_in(second.access_token);
done("refresh");

const active = await introspect(second.access_token);
assert.equal(active.active, true);
assert.equal(active.sub, "u-ada");
done("introspect");

await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, second.refresh_token, insecure));
assert.equal((await introspect(second.access_token)).active, false);
await refused(refresh(second.refresh_token), code);
await kept_out(second.access_token);
done("revoke");

const third = await login();
const fourth = await refresh(third.refresh_token);
await refused(refresh(third.refresh_token), code);
await refused(refresh(fourth.refresh_token), code);
await kept_out(fourth.access_token);
done("reuse");
