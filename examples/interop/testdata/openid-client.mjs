import assert from "node:assert/strict";
import * as client from "openid-client";
import { told, done, refused, let_in, kept_out } from "./steps.mjs";

const code = (err) => err.error;

// The issuer is on this machine, without TLS.
const config = await client.discovery(new URL(told.issuer), told.id, undefined, client.ClientSecretBasic(told.secret), {
  algorithm: "oauth2",
  execute: [client.allowInsecureRequests],
});
done("discovery");

const login = (password = told.password) =>
  client.genericGrantRequest(config, "password", { username: told.login, password });

const first = await login();
assert.equal(first.token_type, "bearer");
assert.equal(first.expires_in, 3600);
done("login");
await let_in(first.access_token);
done("call");

await refused(login("wrong"), code);
done("wrong password");

const second = await client.refreshTokenGrant(config, first.refresh_token);
assert.notEqual(second.refresh_token, first.refresh_token);
await let_in(second.access_token);
done("refresh");

const active = await client.tokenIntrospection(config, second.access_token);
assert.equal(active.active, true);
assert.equal(active.client_id, told.id);
assert.equal(active.sub, "u-ada");
done("introspect");

await client.tokenRevocation(config, second.refresh_token);
assert.deepEqual(await client.tokenIntrospection(config, second.refresh_token), { active: false });
assert.deepEqual(await client.tokenIntrospection(config, second.access_token), { active: false });
await refused(client.refreshTokenGrant(config, second.refresh_token), code);
await kept_out(second.access_token);
done("revoke");

const third = await login();
const fourth = await client.refreshTokenGrant(config, third.refresh_token);
await refused(client.refreshTokenGrant(config, third.refresh_token), code);
await refused(client.refreshTokenGrant(config, fourth.refresh_token), code);
await kept_out(fourth.access_token);
done("reuse");
