// What the browser does for each promise. A step is given a profile without
// cookies, a way to open tabs, the origins, and what the promise wants; it throws
// if that is not so.
import assert from "node:assert/strict";

const person = { username: "ada", password: "correct horse & battery" };

// ask is what a script of the tab's page does with fetch, and all that it learns.
const ask = (tab, method, url, form) =>
  tab.evaluate(
    async ([method, url, form]) => {
      const answer = await fetch(url, { method, credentials: "include", body: form && new URLSearchParams(form) });
      return { status: answer.status, headers: [...answer.headers], body: await answer.text() };
    },
    [method, url, form],
  );

// A page of the app leaves app away, and one of another origin names it.
async function signIn(tab, app = "") {
  const answer = await ask(tab, "POST", app + "/auth/login", person);
  assert.equal(answer.status, 204, answer.body);
}

async function isIn(tab, app = "") {
  const answer = await ask(tab, "GET", app + "/me");
  assert.deepEqual([answer.status, answer.body], [200, "u-ada"]);
}

async function isOut(tab, app = "") {
  assert.equal((await ask(tab, "GET", app + "/me")).status, 401);
}

async function refreshes(tab, app = "") {
  assert.equal((await ask(tab, "POST", app + "/auth/refresh")).status, 204);
}

async function refreshesNot(tab) {
  assert.equal((await ask(tab, "POST", "/auth/refresh")).status, 400);
}

// isFor asks the page itself whom the app has made it for.
const isFor = async (tab, whom) => assert.equal(await tab.textContent("#who"), whom);

const valuesOf = async (context) => (await context.cookies()).map((c) => c.value).sort();

// opens tells whether a script of the page gets a WebSocket.
const opens = (tab, app) =>
  tab.evaluate(
    (url) =>
      new Promise((done) => {
        const socket = new WebSocket(url);
        socket.onopen = () => done(true);
        socket.onerror = () => done(false);
      }),
    app.replace(/^http/, "ws") + "/socket",
  );

const form = (url) => `<form method="post" target="other" action="${url}">
  <input name="username" value="${person.username}"><input name="password" value="${person.password}"><button></button></form>`;

export async function hidden({ context, open, app }) {
  const tab = await open(app);
  for (const path of ["/auth/login", "/auth/refresh"]) {
    const answer = await ask(tab, "POST", path, person);
    assert.equal(answer.status, 204);
    assert.equal(answer.body, "");
    const seen = await tab.evaluate(async () => ({
      cookie: document.cookie,
      all: await cookieStore.getAll(),
      kept: { ...localStorage, ...sessionStorage },
    }));
    assert.deepEqual(seen, { cookie: "", all: [], kept: {} });
    const values = await valuesOf(context);
    assert.equal(values.length, 2);
    for (const value of values) assert.ok(!JSON.stringify(answer).includes(value), "a header has it");
    await tab.evaluate(() => {
      document.cookie = "__Host-access_token=planted; path=/; secure";
      document.cookie = "__Secure-refresh_token=planted; path=/auth; secure";
    });
    assert.deepEqual(await valuesOf(context), values, "a script has overwritten one");
  }
}

export async function reported({ context, open, app, jar }) {
  const tab = await open(app);
  await signIn(tab);
  const cookies = (await context.cookies()).sort((a, b) => (a.name < b.name ? -1 : 1));
  const attributes = cookies.map(({ value, expires, ...others }) => others);
  const domain = new URL(app).hostname; // without a dot in front: this host only
  assert.deepEqual(attributes, jar.map((c) => ({ domain, httpOnly: true, secure: true, ...c })));
  const [access, refresh] = cookies.map((c) => c.expires);
  assert.ok(access > 0, "the access cookie goes when the browser is closed");
  assert.ok(refresh > access, "the refresh cookie does not outlive the access cookie");
}

export async function enters({ context, open, app }) {
  const tab = await open(app);
  await isFor(tab, "anonymous");
  await isOut(tab);
  await tab.setContent(form("/auth/login").replace("other", "_self"));
  const [answer] = await Promise.all([tab.waitForResponse(app + "/auth/login"), tab.click("button")]);
  assert.equal(answer.status(), 204);
  await isIn(tab);
  assert.equal((await ask(tab, "POST", "/notes")).status, 200);
  assert.equal((await ask(tab, "GET", "/notes")).body, "1");
  assert.ok(await opens(tab, app));
  await tab.goto(app);
  await isFor(tab, "u-ada");
}

export async function rotates({ context, open, app }) {
  const tab = await open(app);
  await signIn(tab);
  const seen = new Set(await valuesOf(context));
  for (let i = 1; i <= 3; i++) {
    await context.clearCookies({ name: "__Host-access_token" }); // as it goes when it expires
    await isOut(tab);
    await refreshes(tab);
    for (const value of await valuesOf(context)) seen.add(value);
    assert.equal(seen.size, 2 + 2 * i, "a token is there twice");
    await isIn(tab);
  }
}

export async function holds({ context, open, app }) {
  const tab = await open(app);
  await signIn(tab);
  const access = (await context.cookies()).find((c) => c.name === "__Host-access_token");
  assert.ok(access.value.length > 3900, `it has ${access.value.length} bytes`);
  await refreshes(tab);
  await isIn(tab);
}

// race has two tabs refresh with the same cookie before either has an answer.
async function race({ context, open, app }) {
  const tabs = [await open(app), await open(app)];
  await signIn(tabs[0]);
  await isIn(tabs[1]);
  const answers = await Promise.all(tabs.map((tab) => ask(tab, "POST", "/auth/refresh/together")));
  return { tabs, statuses: answers.map((a) => a.status).sort() };
}

export async function bothStay(told) {
  const { tabs, statuses } = await race(told);
  assert.deepEqual(statuses, [204, 204]);
  for (const tab of tabs) {
    await isIn(tab);
    await refreshes(tab);
    await isIn(tab);
  }
}

export async function bothGo(told) {
  const { tabs, statuses } = await race(told);
  assert.deepEqual(statuses, [204, 400]);
  for (const tab of tabs) await isOut(tab);
  await refreshesNot(tabs[0]);
  assert.deepEqual(await told.context.cookies(), []);
  await signIn(tabs[1]);
  await isIn(tabs[0]);
}

export async function leaves({ context, open, app, path }) {
  const tab = await open(app);
  await signIn(tab);
  const copied = await context.cookies();
  const answer = await ask(tab, "POST", path);
  assert.equal(answer.status, 204, answer.body);
  assert.deepEqual(await context.cookies(), []);
  await tab.goto(app);
  await isFor(tab, "anonymous");
  await context.addCookies(copied); // as an attacker would
  await isOut(tab);
  await refreshesNot(tab);
  assert.deepEqual(await context.cookies(), []);
}

export async function endedElsewhere({ context, open, app }) {
  const tab = await open(app);
  await signIn(tab);
  const cookies = await context.cookies();
  const phone = await context.browser().newContext();
  try {
    await phone.addCookies(cookies);
    const there = await phone.newPage();
    await there.goto(app);
    assert.equal((await ask(there, "POST", "/auth/everywhere")).status, 204);
  } finally {
    await phone.close();
  }
  assert.equal((await tab.goto(app)).status(), 401);
  assert.equal((await tab.goto(app)).status(), 200);
  await isFor(tab, "anonymous");
  await refreshesNot(tab);
  assert.deepEqual(await context.cookies(), []);
}

// elsewhere clicks on what opens a tab, and closes it once it is there: what is sent
// to one that is still coming may be lost.
async function elsewhere(tab, what) {
  const [other] = await Promise.all([tab.waitForEvent("popup"), tab.click(what)]);
  await other.waitForLoadState();
  await other.close();
}

// ways in which a page has a browser send a POST to another origin, which nothing
// asks for its leave first.
const ways = {
  async form(tab, url) {
    await tab.setContent(form(url));
    await elsewhere(tab, "button");
  },
  fetch: (tab, url) =>
    tab.evaluate(
      async ([url, form]) => void (await fetch(url, { method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams(form) })),
      [url, person],
    ),
  beacon: (tab, url) => tab.evaluate(([url, form]) => navigator.sendBeacon(url, new URLSearchParams(form)), [url, person]),
};

// write is the status of each way to write; any refusal will do where it has none.
export async function otherOrigins({ context, open, app, from, write, ...told }) {
  const home = await open(app);
  await signIn(home);
  const before = await valuesOf(context);
  const other = await open(told[from]);
  for (const [way, send] of Object.entries(ways)) {
    for (const path of ["/auth/login", "/auth/refresh", "/auth/logout", "/auth/everywhere", "/notes"]) {
      const [answer] = await Promise.all([context.waitForEvent("response", (r) => r.url() === app + path), send(other, app + path)]);
      const statuses = path === "/notes" ? write[way] ?? [401, 403] : [403];
      assert.ok(statuses.includes(answer.status()), `a ${way} to ${path}: ${answer.status()}, want ${statuses}`);
    }
  }
  // What has to ask first is not sent at all, and a GET changes nothing.
  const asked = other.evaluate((url) => fetch(url, { method: "DELETE", credentials: "include" }), app + "/notes");
  await assert.rejects(asked, /Failed to fetch/);
  assert.equal(await opens(other, app), false);
  for (const path of ["/auth/refresh", "/auth/logout", "/auth/everywhere"]) {
    await other.setContent(`<a target="other" href="${app + path}">link</a>`);
    const [answer] = await Promise.all([context.waitForEvent("response", (r) => r.url() === app + path), elsewhere(other, "a")]);
    assert.equal(answer.status(), 405);
  }
  assert.deepEqual(await valuesOf(context), before);
  assert.equal((await ask(home, "GET", "/notes")).body, "0");
  await refreshes(home);
  await isIn(home);
}

export async function follows({ context, open, app, afar, whom }) {
  await signIn(await open(app));
  const tab = await open(afar);
  const follow = async () => {
    await tab.setContent(`<a href="${app}/">link</a>`);
    await Promise.all([tab.waitForEvent("load"), tab.click("a")]);
  };
  await follow();
  await isFor(tab, whom);
  await isIn(tab); // as far as its script is concerned
  await follow();
  await isFor(tab, "u-ada");
}

export async function frontEnd({ context, open, app, sibling, afar }) {
  const tab = await open(sibling);
  await isOut(tab, app);
  await signIn(tab, app);
  await isIn(tab, app);
  await refreshes(tab, app);
  assert.equal((await ask(tab, "POST", app + "/notes")).status, 200);
  assert.ok(await opens(tab, app));
  assert.equal(await opens(await open(afar), app), false);
  assert.equal((await ask(tab, "POST", app + "/auth/logout")).status, 204);
  assert.deepEqual(await context.cookies(), []);
}

// plants has a page of a sibling set each cookie for the whole domain.
const plants = (tab, age) =>
  tab.evaluate((age) => {
    for (const name of ["__Host-access_token", "__Host-refresh_token", "__Secure-refresh_token"]) {
      document.cookie = `${name}=planted; domain=shop.test; path=/auth; secure; max-age=${age}`;
      document.cookie = `${name}=planted; domain=shop.test; path=/; secure; max-age=${age}`;
    }
  }, age);

export async function planted({ context, open, app, sibling }) {
  const tab = await open(app);
  await signIn(tab);
  const before = await valuesOf(context);
  const neighbour = await open(sibling);
  await plants(neighbour, 1000);
  await isIn(tab);
  await refreshesNot(tab);
  await plants(neighbour, 0);
  assert.deepEqual(await valuesOf(context), before);
  await refreshes(tab);
  await isIn(tab);
}

export async function notPlanted({ context, open, app, sibling }) {
  const tab = await open(app);
  await plants(await open(sibling), 1000);
  await refreshesNot(tab);
  await signIn(tab);
  await refreshes(tab);
  await isIn(tab);
}

export async function develops({ context, open, local }) {
  const tab = await open(local);
  await signIn(tab);
  assert.equal((await context.cookies()).length, 2);
  await isIn(tab);
  await refreshes(tab);
  await isIn(tab);
}

// inMemory is a page of another site with the script of examples/recipes/clients.
export async function inMemory({ context, open, app, afar }) {
  const tab = await open(afar);
  const seen = await tab.evaluate(
    async ([app, person]) => {
      const { openSession } = await import(app + "/session.js");
      const session = openSession(app + "/token");
      const read = async () => {
        const answer = await session.call("/me");
        return [answer.status, await answer.text()].join();
      };
      const wrong = await session.login(person.username, "wrong");
      const right = await session.login(person.username, person.password);
      const first = await read();
      await fetch(app + "/token/later", { method: "POST" });
      const many = await Promise.all(Array.from({ length: 20 }, read));
      const exposed = (await session.call("/me")).headers.get("RateLimit");
      const kept = [document.cookie, { ...localStorage, ...sessionStorage }];
      await session.logout();
      const last = await read();
      // a logout while a refresh is answered: the new tokens are not kept
      await session.login(person.username, person.password);
      await fetch(app + "/token/later", { method: "POST" });
      const send = window.fetch;
      window.fetch = async (...request) => {
        const answer = await send(...request);
        if (request[0].endsWith("/refresh")) session.logout();
        return answer;
      };
      const during = await read().catch((err) => err.message);
      window.fetch = send;
      return { wrong, right, first, many: [...new Set(many)], exposed: exposed !== null, kept, last, during, after: await read() };
    },
    [app, person],
  );
  assert.deepEqual(seen, {
    wrong: false, right: true, first: "200,u-ada, 0", many: ["200,u-ada, 1"], exposed: true, kept: ["", {}], last: seen.last,
    during: "logged out", after: seen.last,
  });
  assert.match(seen.last, /^401,/);
  assert.deepEqual(await context.cookies(), []);
}

// afarFrontEnd is what a page of another site does, which the app trusts. A browser
// that does not keep its cookies lets it do nothing.
export async function afarFrontEnd({ context, open, app, afar, kept }) {
  const tab = await open(afar);
  await signIn(tab, app);
  if (!kept) return isOut(tab, app);
  await isIn(tab, app);
  await refreshes(tab, app);
  await isIn(tab, app);
  const own = await open(app); // where the cookies of the other site do not count
  await isOut(own);
  assert.equal((await ask(tab, "POST", app + "/auth/logout")).status, 204);
  await isOut(tab, app);
  assert.deepEqual(await context.cookies(), []);
}

// forgets looks for the time at which a cookie ends; -1 is when the browser is closed.
export async function forgets({ context, open, app }) {
  const tab = await open(app);
  const ends = async () => (await context.cookies()).map((c) => c.expires > 0);
  await signIn(tab);
  assert.deepEqual(await ends(), [false, false]);
  await refreshes(tab);
  assert.deepEqual(await ends(), [false, false]);
  await isIn(tab);
  const answer = await ask(tab, "POST", "/auth/login", { ...person, remember_me: "on" });
  assert.equal(answer.status, 204);
  await refreshes(tab);
  assert.deepEqual(await ends(), [true, true]);
}

// documents does what a developer does in Swagger UI: authorize, and try a route.
export async function documents({ open, app }) {
  const tab = await open(app + "/docs");
  const status = async () => {
    await tab.click("#operations-users-users_current_user .execute");
    return (await tab.textContent(".live-responses-table .response .response-col_status")).trim();
  };
  await tab.click("#operations-users-users_current_user .opblock-summary-control");
  await tab.click("#operations-users-users_current_user .try-out__btn");
  assert.equal(await status(), "401");
  for (const [password, refused] of [["wrong", true], [person.password, false]]) {
    await tab.click(".auth-wrapper > .authorize");
    await tab.fill("#oauth_username", person.username);
    await tab.fill("#oauth_password", password);
    await tab.click(".modal-ux .auth-btn-wrapper .authorize");
    if (refused) await tab.waitForSelector(".modal-ux .errors");
    else await tab.waitForSelector(".modal-ux .auth-btn-wrapper button:has-text('Logout')");
    await tab.click(".modal-ux .btn-done");
  }
  await tab.click("#operations-users-users_current_user .btn-clear");
  assert.equal(await status(), "200");
  assert.match(await tab.textContent(".live-responses-table .response .microlight, .live-responses-table .response code"), /u-ada/);
}
