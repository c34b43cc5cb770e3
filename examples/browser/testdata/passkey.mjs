// Adds a passkey at examples/signin/passkey, and logs in with it, with the authenticator
// that Chromium has for tests: node passkey.mjs BROWSER ORIGIN PASSWORD. It fails if a
// page says something else than it should.
import assert from "node:assert/strict";
import { launch, patience } from "./launch.mjs";

const [executablePath, origin, password] = process.argv.slice(2);
const browser = await launch(executablePath);
try {
  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  const tab = await context.newPage();
  const protocol = await context.newCDPSession(tab);
  await protocol.send("WebAuthn.enable");
  const { authenticatorId } = await protocol.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await tab.goto(origin);
  const says = async (text) => {
    await tab.waitForFunction(() => document.querySelector("#says").textContent !== "");
    const said = await tab.textContent("#says");
    assert.ok(said.startsWith(text), said);
  };
  const click = async (button, text) => {
    await tab.click(button);
    await says(text);
  };

  await click("#login", "Refused"); // there is no passkey yet
  await tab.fill("[name=password]", password);
  await click("#password button", 'You are logged in: {"methods":["pwd"]');
  await click("#add", "You are logged in");
  await click("#add", "Refused"); // the authenticator has one of this user
  await click("#logout", "You are logged out");
  await click("#login", 'You are logged in: {"methods":["hwk","user","mfa"],"user":"u-1"}');
  await click("#logout", "You are logged out");

  // The user does not show a PIN or a finger.
  await protocol.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await click("#login", "Refused");
  await protocol.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });

  // A copy of the key counts from where it was copied.
  const { credentials } = await protocol.send("WebAuthn.getCredentials", { authenticatorId });
  assert.equal(credentials.length, 1);
  await click("#login", "You are logged in");
  await click("#logout", "You are logged out");
  await protocol.send("WebAuthn.clearCredentials", { authenticatorId });
  await protocol.send("WebAuthn.addCredential", { authenticatorId, credential: credentials[0] });
  await click("#login", "Refused: 403");
} finally {
  await browser.close();
}
