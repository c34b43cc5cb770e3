// What front ends of a FastAPI application send, each in the way that its own
// documentation shows. All of them are in one process, for most of the time goes into
// starting one.
import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import axios from "axios";
import got from "got";
import ky from "ky";
import superagent from "superagent";
import * as hey from "@hey-api/openapi-ts";
import codegen from "openapi-typescript-codegen";
import ts from "typescript";
import { told, done } from "./steps.mjs";

const url = (at) => new URL(at, told.issuer).href;
const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const login = url("/auth/jwt/login"), refresh = url("/auth/jwt/refresh"), logout = url("/auth/jwt/logout"), me = url("/users/me");

// A client logs in, refreshes, logs out and asks who it is. What it makes of an answer
// is the status and the body.
const clients = {
  axios: () => {
    const http = axios.create({ validateStatus: () => true });
    const made = async (answer) => ({ status: (await answer).status, body: (await answer).data });
    return {
      login: (username, password) => {
        const formData = new FormData(); // as fastapi-users documents it
        formData.set("username", username);
        formData.set("password", password);
        return made(http.post(login, formData, { headers: { "Content-Type": "multipart/form-data" } }));
      },
      refresh: (token) => made(http.post(refresh, {}, { headers: { "refresh-token": token } })),
      logout: (token) => made(http.post(logout, null, { headers: bearer(token) })),
      me: (token) => made(http.get(me, { headers: bearer(token) })),
    };
  },
  superagent: () => {
    const made = async (request) => {
      const answer = await request.ok(() => true);
      return { status: answer.status, body: answer.body };
    };
    return {
      login: (username, password) => made(superagent.post(login).type("form").send({ username, password })),
      refresh: (token) => made(superagent.post(refresh).set("refresh-token", token).send({})),
      logout: (token) => made(superagent.post(logout).set(bearer(token)).send({})),
      me: (token) => made(superagent.get(me).set(bearer(token))),
    };
  },
  ky: () => {
    const http = ky.create({ throwHttpErrors: false, retry: 0 });
    const made = async (request) => {
      const answer = await request;
      const text = await answer.text();
      return { status: answer.status, body: text && JSON.parse(text) };
    };
    return {
      login: (username, password) => made(http.post(login, { body: new URLSearchParams({ username, password }) })),
      refresh: (token) => made(http.post(refresh, { headers: { "refresh-token": token }, json: {} })),
      logout: (token) => made(http.post(logout, { headers: bearer(token), json: {} })),
      me: (token) => made(http.get(me, { headers: bearer(token) })),
    };
  },
  got: () => {
    const http = got.extend({ throwHttpErrors: false, retry: { limit: 0 } });
    const made = async (request) => {
      const answer = await request;
      return { status: answer.statusCode, body: answer.body && JSON.parse(answer.body) };
    };
    return {
      login: (username, password) => made(http.post(login, { form: { grant_type: "password", username, password, scope: "" } })),
      refresh: (token) => made(http.post(refresh, { headers: { "refresh-token": token }, json: {} })),
      logout: (token) => made(http.post(logout, { headers: bearer(token) })),
      me: (token) => made(http.get(me, { headers: bearer(token) })),
    };
  },
  "openapi-typescript-codegen": async (folder) => {
    await codegen.generate({ input: "fastapi.json", output: folder, httpClient: "axios", useOptions: true });
    const { AuthService, UsersService, OpenAPI } = await built(folder);
    OpenAPI.BASE = told.issuer;
    const made = async (request, status) => {
      try {
        return { status, body: await request() };
      } catch (err) {
        return { status: err.status, body: err.body };
      }
    };
    const as = (token, request, status) => {
      OpenAPI.TOKEN = token;
      return made(request, status);
    };
    return {
      login: (username, password) => as("", () => AuthService.authJwtLogin({ formData: { username, password } }), 200),
      refresh: (token) => made(() => AuthService.authJwtRefresh({ refreshToken: token }), 200),
      logout: (token) => as(token, () => AuthService.authJwtLogout(), 204),
      me: (token) => as(token, () => UsersService.usersCurrentUser(), 200),
    };
  },
  "@hey-api/openapi-ts": async (folder) => {
    await hey.createClient({ input: "fastapi.json", output: folder, logs: { level: "silent" } });
    const sdk = await built(folder);
    const { client } = await import(pathToFileURL(path.join(folder, "client.gen.js")));
    let token = "";
    client.setConfig({ baseUrl: told.issuer, auth: () => token });
    const made = async (request) => {
      const { response, data, error } = await request;
      return { status: response.status, body: data ?? error };
    };
    const as = (who, request) => {
      token = who;
      return made(request());
    };
    return {
      login: (username, password) => made(sdk.authJwtLogin({ body: { grant_type: "password", username, password } })),
      refresh: (old) => made(sdk.authJwtRefresh({ headers: { "refresh-token": old } })),
      logout: (who) => as(who, () => sdk.authJwtLogout()),
      me: (who) => as(who, () => sdk.usersCurrentUser()),
    };
  },
};

// built translates what was generated, and imports it.
async function built(folder) {
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith(".ts")) continue;
    const text = await readFile(path.join(folder, name), "utf8");
    const { outputText } = ts.transpileModule(text, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
    const resolved = outputText.replace(/(from\s+|import\()(['"])(\.[^'"]*)\2/g, (whole, before, quote, to) =>
      before + quote + (/\.js$/.test(to) ? to : to + ".js") + quote,
    );
    await writeFile(path.join(folder, name.replace(/\.ts$/, ".js")), resolved.replace(/(['"])(\.[^'"]*\/(?:client|core))\.js\1/g, (whole, quote, to) => quote + to + "/index.js" + quote));
  }
  return import(pathToFileURL(path.join(folder, "index.js")));
}

async function tries(name, client) {
  const first = await client.login(told.login, told.password);
  assert.equal(first.status, 200, JSON.stringify(first.body));
  assert.deepEqual(Object.keys(first.body), ["access_token", "refresh_token", "token_type", "expires_in"]);
  assert.equal(first.body.token_type, "bearer");
  assert.equal(first.body.expires_in, 3600);
  done(name + " login");

  const wrong = await client.login(told.login, "wrong");
  assert.deepEqual(wrong, { status: 400, body: { detail: "LOGIN_BAD_CREDENTIALS" } });
  done(name + " wrong password");

  assert.equal((await client.me(first.body.access_token)).status, 200);
  const out = await client.me("x.y.z");
  assert.deepEqual(out, { status: 401, body: { detail: "Unauthorized" } });
  done(name + " call");

  const second = await client.refresh(first.body.refresh_token);
  assert.equal(second.status, 200, JSON.stringify(second.body));
  assert.notEqual(second.body.refresh_token, first.body.refresh_token);
  done(name + " refresh");

  assert.equal((await client.logout(second.body.access_token)).status, 204);
  assert.equal((await client.refresh(second.body.refresh_token)).status, 401);
  done(name + " logout");
}

const wanted = process.argv.slice(2);
const folders = await mkdtemp("node_modules/.generated-");
try {
  for (const name of wanted) {
    const folder = path.resolve(folders, name.replace(/\W/g, "-"));
    await tries(name, await clients[name](folder));
  }
} finally {
  await rm(folders, { recursive: true });
}
