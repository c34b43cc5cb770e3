// Starts the browser, and tries each promise that it is told of on standard input.
// A line for each says what was wrong with it, if anything was.
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";
import * as steps from "./steps.mjs";

const patience = 200_000; // milliseconds, for a machine that is busy with other tests

const told = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({
  executablePath: told.browser,
  timeout: patience,
  args: [
    "--disable-gpu",
    "--disable-quic",
    "--test-third-party-cookie-phaseout", // third-party cookies are blocked, as users may choose
    "--ignore-certificate-errors", // the only certificate that it sees is the test's own
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost", // no other host is contacted
  ],
});

const waiting = told.promises.values();

// tries has promises tried in one profile, one after the other. Each finds it
// without a cookie. Its tabs are used again, for a new one takes most of the time.
async function tries() {
  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  const tabs = [];
  for (const { name, does, host, wants } of waiting) {
    let used = 0;
    const open = async (url) => {
      const tab = (tabs[used++] ??= await context.newPage());
      await tab.goto(url);
      return tab;
    };
    let wrong = "";
    try {
      await steps[does]({ context, open, ...host, ...wants });
    } catch (err) {
      wrong = err.stack ?? String(err);
    }
    console.log(JSON.stringify({ name, wrong }));
    await context.clearCookies();
    for (const tab of context.pages()) if (!tabs.includes(tab)) await tab.close();
  }
}

try {
  await Promise.all([tries(), tries(), tries(), tries()]); // each waits most of the time
} finally {
  await browser.close();
}
