// What every client here is told, and how it says what it has done: a line for
// each step that went as it should. The test that runs it knows which steps it wants.
import assert from "node:assert/strict";

export const told = {
  issuer: process.env.ISSUER,
  id: process.env.CLIENT_ID,
  secret: process.env.CLIENT_SECRET,
  login: process.env.LOGIN,
  password: process.env.PASSWORD,
};

export const done = (step) => console.log("ok " + step);

// refused awaits a refusal, and gives the code that the client makes of it.
export async function refused(promise, code) {
  try {
    await promise;
  } catch (err) {
    assert.equal(code(err), "invalid_grant", String(err));
    return;
  }
  assert.fail("it was not refused");
}

// call asks the API who is calling.
export async function call(token) {
  const response = await fetch(new URL("/me", told.issuer), { headers: { Authorization: `Bearer ${token}` } });
  return { status: response.status, challenge: response.headers.get("www-authenticate"), body: await response.text() };
}

export async function let_in(token) {
  const answer = await call(token);
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.body, "u-ada " + told.id);
}

export async function kept_out(token) {
  const answer = await call(token);
  assert.equal(answer.status, 401, answer.body);
  assert.match(answer.challenge, /^Bearer realm="[^"]+", error="invalid_token"/);
}
