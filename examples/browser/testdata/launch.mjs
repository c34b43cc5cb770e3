// Starts the browser for browser.mjs and passkey.mjs.
import { chromium } from "playwright-core";

export const patience = 200_000; // milliseconds, for a machine that is busy with other tests

export const launch = (executablePath, ...args) =>
  chromium.launch({
    executablePath,
    timeout: patience,
    args: ["--disable-gpu", "--disable-quic", "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost", ...args], // no other host is contacted
  });
