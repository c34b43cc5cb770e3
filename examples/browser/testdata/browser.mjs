// Starts the browsers, and tries each promise that it is told of on standard input.
// A line for each says what was wrong with it, if anything was.
import { text } from "node:stream/consumers";
import { launch, patience } from "./launch.mjs";
import * as steps from "./steps.mjs";

const told = JSON.parse(await text(process.stdin));
const start = (executablePath) => launch(
  executablePath,
  "--test-third-party-cookie-phaseout", // third-party cookies are blocked, as users may choose
  "--ignore-certificate-errors", // the only certificate that it sees is the test's own
);

// tries has promises tried in one profile, one after the other. Each finds it
// without a cookie. Its tabs are used again, for a new one takes most of the time.
async function tries(browser, waiting) {
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

// triesAll has promises tried in one browser, in this many profiles at a time.
async function triesAll(executablePath, promises, profiles) {
  const browser = await start(executablePath);
  const waiting = promises.values();
  try {
    await Promise.all(Array.from({ length: profiles }, () => tries(browser, waiting)));
  } finally {
    await browser.close();
  }
}

// The shell is the same browser without windows and without settings: it takes a third of
// the time.
const whole = told.promises.filter((p) => p.whole || !told.shell);
const rest = told.promises.filter((p) => !whole.includes(p));
await Promise.all([triesAll(told.browser, whole, told.shell ? 1 : 4), rest.length && triesAll(told.shell, rest, 4)]);
