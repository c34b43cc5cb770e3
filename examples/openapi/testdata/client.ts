// Logs in, refreshes and reads the quota, with nothing but what the document says.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "" });
const form = { "Content-Type": "application/x-www-form-urlencoded" };

const wrong = await client.POST("/auth/login", { body: { username: "alice", password: "wrong" }, headers: form });
if (wrong.data || !wrong.error || !("detail" in wrong.error)) throw new Error("the wrong password is not refused");
console.log(wrong.response.status, wrong.error.detail);

const login = await client.POST("/auth/login", { body: { username: "alice", password: "correct horse" }, headers: form });
if (!login.data) throw new Error(JSON.stringify(login.error));

const refreshed = await client.POST("/auth/refresh", { params: { header: { "refresh-token": login.data.refresh_token } } });
if (!refreshed.data) throw new Error(JSON.stringify(refreshed.error));
const seconds: number = refreshed.data.expires_in;
console.log(refreshed.response.status, refreshed.data.token_type, seconds);

const quota = await client.GET("/quota", { headers: { Authorization: `Bearer ${refreshed.data.access_token}` } });
if (!quota.data) throw new Error(JSON.stringify(quota.error));
const [policy] = quota.data.policies;
console.log(quota.response.status, policy?.name, policy?.remaining);

// What the document does not have does not compile.
// @ts-expect-error
login.data.acces_token;
// @ts-expect-error
client.POST("/auth/refresh", {});
// @ts-expect-error
client.POST("/auth/login", { body: { username: "alice" }, headers: form });
// @ts-expect-error
client.GET("/auth/login");
