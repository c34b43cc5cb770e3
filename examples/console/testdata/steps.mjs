// What is done in the browser for each promise. A step is given a profile without
// cookies, a way to open tabs, and the server; it throws if the promise is not kept.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const axe = await readFile(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

const password = "correct horse & battery";
const iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";
const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0";

// What is shown, by the words that a user has for it.
const button = (tab, name, exact = true) => tab.getByRole("button", { name, exact });
const shows = (tab, text) => tab.getByText(text).first().waitFor();
const row = (tab, section, text) => tab.locator(`#${section} li`, { hasText: text });
const isIn = (tab) => tab.getByRole("heading", { name: "Your account" }).waitFor();
const isOut = (tab) => tab.getByRole("heading", { name: "Sign in" }).waitFor();
const loaded = (tab) => tab.waitForFunction(() => !document.querySelector("#view-console [aria-busy=true]"));
const outage = (tab, is) => tab.locator("#outage").waitFor({ state: is ? "visible" : "hidden" });

async function signIn(tab, name = "ada") {
  await isOut(tab);
  await tab.fill("#username", name);
  await tab.fill("#password", password);
  await button(tab, "Sign in").click();
  await isIn(tab);
  await loaded(tab);
}

/** device signs in as ada from somewhere else, and returns the cookies. */
async function device(app, label) {
  const answer = await fetch(app + "/auth/login", {
    method: "POST", headers: { "User-Agent": label }, body: new URLSearchParams({ username: "ada", password }),
  });
  assert.equal(answer.status, 204);
  return answer.headers.getSetCookie().map((c) => c.split(";")[0]).join("; ");
}

/** makeKey makes one with the mouse. */
async function makeKey(tab, name) {
  await button(tab, "New key").click();
  await tab.fill("#key-name", name);
  await button(tab, "Make the key").click();
  await tab.getByRole("dialog", { name: "Your new key" }).waitFor();
}

/** calls makes many calls at once, and returns how many were answered. */
const calls = (tab, n) =>
  tab.evaluate(async (n) => {
    const { call } = await import("/client.js");
    const answers = await Promise.all(Array.from({ length: n }, () => call("GET", "/account")));
    return answers.filter((a) => a.login === "ada").length;
  }, n);

export async function expires({ context, open, server }) {
  const tab = await open();
  await signIn(tab);
  const refreshes = async () => (await server.asked("POST /auth/refresh")).length;
  const before = await refreshes();
  await server.does("advance?by=16m");
  assert.equal(await calls(tab, 20), 20);
  assert.equal(await refreshes(), before + 1);
  await context.clearCookies({ name: "__Host-access_token" }); // as it goes when it expires
  assert.equal(await calls(tab, 20), 20);
  assert.equal(await refreshes(), before + 2);
}

export async function expiresInTwoTabs({ context, open, server }) {
  const tabs = [await open(), await open()];
  await signIn(tabs[0]);
  await isIn(tabs[1]); // the other tab has heard of it
  await Promise.all(tabs.map(loaded));
  const count = async (what) => (await server.asked(what)).length;
  const before = await count("POST /auth/refresh");
  const looked = await count("GET /account");
  await server.does("advance?by=16m");
  // The refresh takes until all calls were refused, and the other tab could have begun one.
  await context.route("**/auth/refresh", async (route) => {
    while ((await count("GET /account")) < looked + 40);
    await new Promise((end) => setTimeout(end, 300));
    await route.continue();
  });
  assert.deepEqual(await Promise.all(tabs.map((tab) => calls(tab, 20))), [20, 20]);
  assert.equal(await count("POST /auth/refresh"), before + 1);
}

export async function twoTabs({ open }) {
  const [one, other] = [await open(), await open()];
  await signIn(one);
  await isIn(other);
  await button(one, "Sign out").click();
  await shows(one, "You are signed out.");
  await shows(other, "You signed out in another tab.");
  await signIn(one, "bob");
  await isIn(other);
  await loaded(other);
  assert.equal(await other.textContent("#login"), "bob");
  assert.equal(await other.textContent("#tier"), "Premium");
  await makeKey(one, "Shop");
  await row(other, "keys", "Shop").waitFor(); // it hears of that, too
}

export async function restarts({ open, server }) {
  const tab = await open();
  await signIn(tab);
  await button(tab, "New key").click();
  await tab.fill("#key-name", "Nightly backup");
  await tab.getByLabel("Write").check();
  await tab.selectOption("#key-expires", { label: "In a year" });
  await server.does("stop");
  await button(tab, "Make the key").click();
  await shows(tab, "what you typed is kept");
  await outage(tab, true);
  await shows(tab, "The server does not answer. Nothing is lost.");
  await server.does("start");
  await outage(tab, false); // by itself
  await button(tab, "Make the key").click();
  await tab.getByRole("dialog", { name: "Your new key" }).waitFor();
  await button(tab, "Done").click();
  await row(tab, "keys", "Nightly backup").getByText("Read, write").waitFor();
  assert.equal(await tab.locator("#keys li").count(), 1);
}

export async function forgets({ open, server }) {
  const tab = await open();
  await signIn(tab);
  await button(tab, "New key").click();
  await tab.fill("#key-name", "Nightly backup");
  await server.does("stop");
  await server.does("forget");
  await button(tab, "Make the key").click();
  await shows(tab, "Your session has ended. Sign in to go on. What you typed is kept until you sign in again.");
  await signIn(tab);
  assert.equal(await tab.inputValue("#key-name"), "Nightly backup");
  await button(tab, "Make the key").click();
  await tab.getByRole("dialog", { name: "Your new key" }).waitFor();
}

export async function waits({ open, server }) {
  const tab = await open();
  await isOut(tab);
  await tab.fill("#username", "ada");
  await tab.fill("#password", password);
  await server.does("unready?wait=2");
  await button(tab, "Sign in").click();
  await outage(tab, true);
  await server.does("unready");
  await isIn(tab);
  await outage(tab, false);
  const [first, second, ...others] = (await server.asked("POST /auth/login")).map((r) => r.at);
  assert.deepEqual(others, []);
  assert.ok(second - first >= 1950, `it was asked again after ${second - first} ms`);
  // One who knows better does not wait.
  await server.does("unready?wait=100");
  await button(tab, "Send a test request").click();
  await outage(tab, true);
  await server.does("unready");
  await button(tab, "Try now").click();
  await shows(tab, "The API answered in");
}

export async function ended({ open, app }) {
  const tab = await open();
  await signIn(tab);
  const cookie = await device(app, iphone);
  const answer = await fetch(app + "/account/sessions", { method: "DELETE", headers: { Cookie: cookie } });
  assert.equal(answer.status, 204);
  await button(tab, "Send a test request").click();
  await shows(tab, "Your session has ended. Sign in to go on.");
  await signIn(tab);
}

export async function meters({ open }) {
  const tab = await open();
  await signIn(tab);
  const used = () => tab.getByRole("meter").evaluateAll((all) => all.map((m) => Number(m.getAttribute("aria-valuenow"))));
  assert.deepEqual(await used(), [0, 0]);
  await tab.reload();
  await isIn(tab);
  await loaded(tab);
  assert.deepEqual(await used(), [0, 0], "to look costs something");
  const test = button(tab, "Send a test request");
  await test.click();
  await shows(tab, "It cost one request.");
  await tab.waitForFunction(() => [...document.querySelectorAll(".meter")].every((m) => m.getAttribute("aria-valuenow") === "1"));
  await tab.evaluate(async () => {
    const { call } = await import("/client.js");
    await Promise.all(Array.from({ length: 18 }, () => call("GET", "/api/hello")));
  });
  await test.click();
  await shows(tab, "Limit reached");
  assert.deepEqual(await used(), [20, 20]);
  assert.match(await tab.getByRole("meter").last().getAttribute("aria-valuetext"), /20 of 20 used, Limit reached/);
  await test.click();
  await shows(tab, /Refused: the limit is reached. Try again in \d+ seconds?\./);
}

export async function many({ open, app }) {
  for (let i = 0; i < 12; i++) await device(app, i % 2 ? iphone : firefox);
  const tab = await open();
  await signIn(tab);
  const rows = tab.locator("#sessions li");
  assert.equal(await rows.count(), 10);
  await button(tab, "Show more").click();
  await tab.waitForFunction(() => document.querySelectorAll("#sessions li").length === 13);
  await row(tab, "sessions", "Safari on iPhone").first().waitFor();
  await row(tab, "sessions", "Firefox on Windows").first().waitFor();
  const all = button(tab, "Sign out all others");
  await all.click();
  await button(tab, "Cancel").click();
  assert.equal(await rows.count(), 13);
  await all.click();
  await tab.getByRole("dialog").getByRole("button", { name: "Sign out all others" }).click();
  await shows(tab, "You are signed in nowhere else.");
  assert.equal(await rows.count(), 1);
  await row(tab, "sessions", "This device").waitFor();
}

export async function once({ open, app, context }) {
  const tab = await open();
  const asked = [];
  context.on("request", (request) => asked.push(request.url()));
  await signIn(tab);
  await makeKey(tab, "Shop");
  const key = await tab.inputValue("#key");
  assert.match(key, /^sp_ak_/);
  const isThere = () => tab.evaluate((key) => document.documentElement.outerHTML.includes(key) || [...document.querySelectorAll("input")].some((i) => i.value.includes(key)), key);
  assert.ok(await isThere());
  await tab.keyboard.press("Escape"); // it was not copied yet
  await shows(tab, "You have not copied the key");
  await button(tab, "Done").click();
  await row(tab, "keys", "Shop").waitFor();
  assert.equal(await isThere(), false);
  await tab.reload();
  await row(tab, "keys", "Shop").waitFor();
  assert.equal(await isThere(), false);
  for (const secret of [key, password, encodeURIComponent(password)]) assert.equal(asked.concat(tab.url()).some((url) => url.includes(secret)), false);
  assert.equal(tab.url(), app + "/");
  assert.deepEqual(await tab.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]), [0, 0, ""]);
}

export async function still({ open }) {
  const tab = await open();
  const moves = () =>
    tab.evaluate(() =>
      [...document.querySelectorAll("*")].filter((e) => {
        const style = getComputedStyle(e);
        return style.animationName !== "none" || style.transitionDuration !== "0s";
      }).length,
    );
  await signIn(tab);
  await button(tab, "New key").click();
  assert.equal(await moves(), 0);
  await tab.emulateMedia({ reducedMotion: "no-preference" });
  assert.ok((await moves()) > 0, "nothing is told apart");
}

// tabTo presses Tab until something has the focus, which must be visible then.
async function tabTo(tab, name, role = "button", key = "Tab") {
  const open = tab.locator("dialog[open]");
  const wanted = ((await open.count()) ? open : tab).getByRole(role, { name, exact: typeof name === "string" });
  for (let i = 0; i < 40; i++) {
    await tab.keyboard.press(key);
    if ((await wanted.count()) !== 1 || !(await wanted.evaluate((e) => e === document.activeElement))) continue;
    const outline = await wanted.evaluate((e) => getComputedStyle(e).outlineStyle);
    assert.notEqual(outline, "none", `${name} does not show that it has the focus`);
    return;
  }
  assert.fail(`Tab does not lead to ${name}`);
}

const focused = (tab) => tab.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id);
const focusIs = (tab, text) => tab.waitForFunction((text) => document.activeElement.textContent.trim() === text, text).catch(async () => assert.equal(await focused(tab), text));

export async function keyboard({ open, app }) {
  await device(app, iphone);
  await device(app, firefox);
  const tab = await open();
  const press = (...keys) => keys.reduce((before, key) => before.then(() => tab.keyboard.press(key)), Promise.resolve());
  await isOut(tab);
  // The form has the focus. A mistake is read aloud, and what is wrong gets the focus.
  await tab.keyboard.type("ada");
  await press("Tab");
  await tab.keyboard.type("wrong");
  await press("Enter");
  await tab.getByRole("alert").getByText("The name or the password is wrong.").waitFor();
  await tab.waitForFunction(() => document.activeElement.id === "password");
  await tab.keyboard.type(password); // instead of what is selected
  await tabTo(tab, "Sign in");
  await press("Enter");
  await focusIs(tab, "Your account");
  await loaded(tab);
  // The link at the beginning passes by the header.
  await press("Shift+Tab", "Shift+Tab", "Shift+Tab");
  while (!(await tab.evaluate(() => document.activeElement.className === "skip"))) await press("Shift+Tab");
  await press("Enter");
  await tabTo(tab, "Send a test request");
  await press("Enter");
  await tab.getByRole("status").getByText("The API answered").waitFor();

  await tabTo(tab, "New key");
  await press("Enter");
  await tab.waitForFunction(() => document.activeElement.id === "key-name");
  await press("Enter"); // without a name
  await tab.getByRole("alert").getByText("Give the key a name.").waitFor();
  await tab.keyboard.type("Nightly backup");
  await tabTo(tab, "Read", "checkbox");
  await press("Space", "Enter"); // without a permission
  await tab.getByRole("alert").getByText("Choose at least one permission.").waitFor();
  await press("Space");
  await tabTo(tab, "Ends", "combobox");
  await press("ArrowDown");
  await tabTo(tab, "Make the key");
  await press("Enter");
  await focusIs(tab, "Your new key");
  await tabTo(tab, "Copy");
  await press("Enter");
  await tab.getByRole("status").getByText("The key is copied.").waitFor();
  const clipboard = () => tab.evaluate(() => navigator.clipboard.readText());
  const key = await clipboard();
  assert.match(key, /^sp_ak_[A-Z2-7]+$/);
  const programs = {};
  await tabTo(tab, "curl", "tab");
  for (const [arrows, name] of [[[], "curl"], [["ArrowRight"], "Go"], [["ArrowRight"], "Python"]]) {
    await press(...arrows);
    await tab.getByRole("tab", { name, selected: true }).waitFor();
    await tabTo(tab, "Copy the program");
    await press("Enter");
    await tab.getByRole("status").getByText("The program is copied.").waitFor();
    programs[name] = await clipboard();
    assert.ok(programs[name].includes(key) && programs[name].includes(app), programs[name]);
    await press("Shift+Tab");
    assert.equal(await focused(tab), name);
  }
  await tabTo(tab, "Done");
  await press("Enter");
  await focusIs(tab, "API keys");
  await row(tab, "keys", "Nightly backup").getByText("Read").waitFor();

  const folder = await mkdtemp(join(tmpdir(), "console-"));
  try {
    await writeFile(join(folder, "main.go"), programs.Go);
    const answers = await Promise.all([
      run("bash", ["-euo", "pipefail", "-c", programs.curl]),
      run("python3", ["-c", programs.Python]),
      run("go", ["run", "main.go"], { cwd: folder, env: { ...process.env, GOWORK: "off", GOFLAGS: "" } }),
    ]);
    for (const { stdout } of answers) assert.deepEqual(JSON.parse(stdout), { hello: "u-ada" });
  } finally {
    await rm(folder, { recursive: true });
  }

  await tabTo(tab, /^Revoke Nightly backup/);
  await press("Enter");
  await tab.getByRole("dialog", { name: "Revoke “Nightly backup”?" }).waitFor();
  assert.equal(await focused(tab), "Cancel");
  await press("Escape"); // the focus is back where it was
  assert.equal(await focused(tab), "Revoke");
  await press("Enter");
  await tabTo(tab, "Revoke");
  await press("Enter");
  await tab.getByRole("status").getByText("“Nightly backup” is revoked.").waitFor();
  await shows(tab, "No API keys yet");
  await focusIs(tab, "API keys");
  await assert.rejects(run("python3", ["-c", programs.Python]), /HTTP Error 400/);

  await tabTo(tab, /^Sign out Safari on iPhone, signed in/);
  await press("Enter");
  await tab.getByRole("dialog", { name: "Sign out this device?" }).waitFor();
  await tabTo(tab, "Sign out");
  await press("Enter");
  await tab.getByRole("status").getByText("Safari on iPhone is signed out.").waitFor();
  assert.equal(await focused(tab), "Sign out"); // that of another device
  await press("Shift+Tab"); // to what is before the list
  await focusIs(tab, "Sign out all others");
  await press("Enter");
  await tab.getByRole("dialog", { name: "Sign out all other devices?" }).waitFor();
  await tabTo(tab, "Sign out all others");
  await press("Enter");
  await focusIs(tab, "Devices");
  await shows(tab, "You are signed in nowhere else.");
  await tabTo(tab, "Sign out", "button", "Shift+Tab");
  await press("Enter");
  await isOut(tab);
  await tab.waitForFunction(() => document.activeElement.id === "username");
}

// fits looks at a view with axe, and at its width.
async function fits(tab, view) {
  const { violations } = await tab.evaluate(() => axe.run({ resultTypes: ["violations"] }));
  assert.deepEqual(violations.map((v) => [v.id, ...v.nodes.map((n) => `${n.target} ${n.failureSummary}`)]), [], `axe: ${view}`);
  const wide = await tab.evaluate(() => [document.documentElement, ...document.querySelectorAll("dialog[open]")].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.tagName));
  assert.deepEqual(wide, [], `${view} is wider than the window`);
}

export async function views({ server, app, context }) {
  const tab = await context.newPage();
  await context.route("**/account", (route) => route.abort()); // as if there were no network
  await tab.goto(app);
  await tab.evaluate(axe);
  await outage(tab, true);
  await fits(tab, "loading");
  await context.unroute("**/account");
  await isOut(tab);
  await fits(tab, "signed out");
  await tab.fill("#username", "ada");
  await tab.fill("#password", "wrong");
  await button(tab, "Sign in").click();
  await shows(tab, "The name or the password is wrong.");
  await fits(tab, "a wrong password");
  await device(app, iphone);
  await signIn(tab);
  await fits(tab, "signed in");
  await button(tab, "New key").click();
  await button(tab, "Make the key").click();
  await shows(tab, "Give the key a name.");
  await fits(tab, "a key is being made");
  await tab.fill("#key-name", "A name that is as long as a name may be, and has " + "noSpacesInItsSecondHalf".repeat(2));
  await button(tab, "Make the key").click();
  await tab.getByRole("dialog", { name: "Your new key" }).waitFor();
  await button(tab, "Copy").click();
  await fits(tab, "a key was made");
  await button(tab, "Done").click();
  await row(tab, "keys", "A name").waitFor();
  await button(tab, /^Revoke/, false).click();
  await fits(tab, "a question");
  await button(tab, "Cancel").click();
  await tab.evaluate(async () => {
    const { call } = await import("/client.js");
    await Promise.all(Array.from({ length: 20 }, () => call("GET", "/api/hello")));
  });
  await button(tab, "Send a test request").click();
  await shows(tab, "Limit reached");
  await fits(tab, "the limit is reached");
  await context.route("**/account/api-keys*", (route) => route.fulfill({ status: 500, body: "" }));
  await context.route("**/account/quota", (route) => route.fulfill({ status: 500, body: "" }));
  await tab.evaluate(() => new BroadcastChannel("console").postMessage("changed"));
  await server.does("unready?wait=50");
  await button(tab, "Send a test request").click();
  await outage(tab, true);
  await shows(tab, "The list cannot be shown.");
  await fits(tab, "errors");
}

// pictures takes those of the documentation. The letters are those of a machine that has
// a font for its system, as this one may not.
export async function pictures({ open, server, app, folder, context }) {
  await mkdir(folder, { recursive: true });
  await server.does("advance?by=-71h");
  await device(app, iphone);
  await server.does("advance?by=48h");
  await device(app, firefox);
  await server.does("advance?by=23h");
  const tab = await open();
  await tab.setViewportSize({ width: 1280, height: 860 });
  const protocol = await context.newCDPSession(tab);
  const take = async (name) => {
    const { data } = await protocol.send("Page.captureScreenshot", { format: "webp", quality: 85 });
    await writeFile(join(folder, name + ".webp"), Buffer.from(data, "base64"));
  };
  const font = () => tab.addStyleTag({ content: "body { font-family: 'Liberation Sans', sans-serif } :root { --mono: 'Liberation Mono', monospace }" });
  const everywhere = async (name, wide, narrow = wide) => {
    for (const [width, height, schemes] of [[1280, 860, wide], [360, 780, narrow]]) {
      await tab.setViewportSize({ width, height });
      if (name === "account") await tab.setViewportSize({ width, height: await tab.evaluate(() => document.documentElement.scrollHeight) });
      for (const colorScheme of schemes) {
        await tab.emulateMedia({ colorScheme });
        await take(`${name}-${width}-${colorScheme}`);
      }
    }
    await tab.setViewportSize({ width: 1280, height: 860 });
  };
  await font();
  await signIn(tab);
  for (const name of ["Staging", "Nightly backup"]) {
    await makeKey(tab, name);
    await button(tab, "Done").click();
    await row(tab, "keys", name).waitFor();
  }
  await tab.evaluate(async () => {
    const { call } = await import("/client.js");
    for (let i = 0; i < 6; i++) await Promise.all(Array.from({ length: 16 }, () => call("GET", "/api/hello").catch(() => {})));
  });
  await server.does("advance?by=10s");
  await tab.evaluate(async () => {
    const { call } = await import("/client.js");
    for (let i = 0; i < 6; i++) await call("GET", "/api/hello");
  });
  await button(tab, "Send a test request").click();
  await shows(tab, "It cost one request.");
  await loaded(tab);
  await tab.evaluate(() => (document.activeElement.blur(), scrollTo(0, 0), (document.querySelector("#toast").textContent = "")));
  await everywhere("account", ["light", "dark"]);
  await makeKey(tab, "Shop");
  await tab.getByRole("tab", { name: "Python" }).click();
  await button(tab, "Copy").click();
  await everywhere("new-key", ["dark"], ["light"]);
}
pictures.context = { deviceScaleFactor: 2, bypassCSP: true };
