import assert from "node:assert/strict";
import { ResourceOwnerPassword } from "simple-oauth2";
import { told, done, refused, let_in, kept_out } from "./steps.mjs";

const code = (err) => err.data?.payload?.error;

const client = new ResourceOwnerPassword({
  client: { id: told.id, secret: told.secret },
  auth: { tokenHost: told.issuer, tokenPath: "/oauth/token", revokePath: "/oauth/revoke" },
});
const login = (password = told.password) => client.getToken({ username: told.login, password });

const first = await login();
done("login");
await let_in(first.token.access_token);
done("call");

await refused(login("wrong"), code);
done("wrong password");

const second = await first.refresh();
assert.notEqual(second.token.refresh_token, first.token.refresh_token);
await let_in(second.token.access_token);
done("refresh");

await second.revoke("refresh_token");
await refused(second.refresh(), code);
await kept_out(second.token.access_token);
done("revoke");

const third = await login();
const fourth = await third.refresh();
await refused(third.refresh(), code);
await refused(fourth.refresh(), code);
await kept_out(fourth.token.access_token);
done("reuse");
