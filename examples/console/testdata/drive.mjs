// Starts the browser, and tries each promise that it is told of on standard input, a few
// at a time. A line for each says what was wrong with it, if anything was.
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";
import * as steps from "./steps.mjs";

const patience = 120_000; // milliseconds, for a machine that is busy with other tests
const told = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({
  executablePath: told.browser,
  timeout: patience,
  args: ["--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"], // no other host is contacted
});

// try_ has a promise tried in a profile of its own. Whatever it is about, no script fails,
// the policy of the page stops nothing, and no other host is asked for anything.
async function try_({ does, wants, app, control }) {
  const wrong = [];
  const context = await browser.newContext({
    viewport: { width: wants?.width ?? 1280, height: 800 },
    colorScheme: wants?.scheme ?? "light",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
    ...steps[does].context,
  });
  context.setDefaultTimeout(patience);
  context.on("console", (message) => /Content Security Policy|Trusted/.test(message.text()) && wrong.push(message.text()));
  context.on("weberror", (event) => wrong.push(event.error().stack));
  context.on("request", (request) => request.url().startsWith(app + "/") || wrong.push("asked for " + request.url()));
  const server = {
    asked: async (what) => (await (await fetch(control + "/log")).json()).filter((r) => r.what === what),
    does: async (what) => assert.ok((await fetch(`${control}/${what}`, { method: "POST" })).ok, what),
  };
  const open = async () => {
    const tab = await context.newPage();
    await tab.goto(app);
    return tab;
  };
  try {
    await steps[does]({ context, open, server, app, ...wants });
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
  }
}

const waiting = told.promises.values();
async function tries() {
  for (const promise of waiting) {
    let wrong = "";
    try {
      await try_(promise);
    } catch (err) {
      wrong = err.stack ?? String(err);
    }
    console.log(JSON.stringify({ name: promise.name, wrong }));
  }
}

try {
  await Promise.all([tries(), tries(), tries()]);
} finally {
  await browser.close();
}
