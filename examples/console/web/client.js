// Calls of the server.
//
// A call whose access cookie has ended has it renewed first: once, however many calls of
// however many tabs have found that it has. A call that the server does not answer is
// repeated until it does.

/** The server has refused a call; the message is for the user. */
export class Refused extends Error {
  constructor(status, message, wait) {
    super(message);
    this.status = status;
    this.wait = wait; // seconds after which it may be repeated; 0: unknown
  }
}

/** There is no session, or not any more. */
export class SignedOut extends Error {}

/** The server has not answered, or is not ready. */
export class Unanswered extends Error {
  constructor(wait = 0) {
    super("The server does not answer.");
    this.wait = wait; // seconds that it asks for
  }
}

/** Has the events "outage" (detail: the time of the next attempt; 0: it is over) and "ended". */
export const client = new EventTarget();

const emit = (name, detail) => client.dispatchEvent(new CustomEvent(name, { detail }));

/** call returns the JSON of an answer, or null if it has none. once: it is not repeated. */
export async function call(method, path, { json, once = false } = {}) {
  const answer = await patiently(() => renewed(method, path, json), once);
  return answer.status === 204 ? null : answer.json();
}

/** signIn opens a session. */
export async function signIn(form) {
  await patiently(() => alone(() => sent("POST", "/auth/login", form)));
}

/** signOut ends it. */
export async function signOut() {
  await patiently(() => alone(() => sent("POST", "/auth/logout")));
}

/** forget ends what is waiting for an answer: its user has left. */
export function forget() {
  present.abort(new SignedOut());
  present = new AbortController();
}

let present = new AbortController();

/** sent sends a request once. */
async function sent(method, path, body) {
  const form = body instanceof URLSearchParams;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      body: form || body === undefined ? body : JSON.stringify(body),
      headers: form || body === undefined ? {} : { "Content-Type": "application/json" },
      signal: AbortSignal.any([present.signal, AbortSignal.timeout(15_000)]),
    });
  } catch (err) {
    if (err instanceof SignedOut) throw err;
    throw new Unanswered();
  }
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  if ([502, 503, 504].includes(answer.status)) throw new Unanswered(wait);
  over();
  if (!answer.ok) throw new Refused(answer.status, await reason(answer), wait);
  return answer;
}

/** reason is what an answer says that the user may read. */
async function reason(answer) {
  try {
    const said = await answer.json();
    return said.error_description ?? said.detail ?? said.title ?? "";
  } catch {
    return "";
  }
}

/** renewed sends a request, and once more with a new access cookie if it needs one. */
async function renewed(method, path, body) {
  const held = present;
  try {
    try {
      return await sent(method, path, body);
    } catch (err) {
      if (err.status !== 401) throw err;
    }
    await renew();
    return await sent(method, path, body);
  } catch (err) {
    if (err.status !== 401 && !(err instanceof SignedOut)) throw err;
    if (held === present) emit("ended");
    throw new SignedOut();
  }
}

let renewing = null;

/** renew renews the cookies, unless another tab has done so while this one waited. */
function renew() {
  renewing ??= alone(async () => {
    try {
      await sent("GET", "/account");
      return;
    } catch (err) {
      if (err.status !== 401) throw err;
    }
    try {
      await sent("POST", "/auth/refresh");
    } catch (err) {
      throw err.status === 400 || err.status === 401 ? new SignedOut() : err;
    }
  }).finally(() => (renewing = null));
  return renewing;
}

/** alone does something while no tab of this browser signs in, signs out or renews. */
const alone = (does) => navigator.locks.request("console.cookies", does);

/** patiently repeats an attempt until the server answers. */
async function patiently(attempt, once) {
  for (;;) {
    const held = present;
    try {
      return await attempt();
    } catch (err) {
      if (!(err instanceof Unanswered) || once) throw err;
      await pause(err.wait);
      if (held !== present) throw new SignedOut();
    }
  }
}

// All calls that wait for the server wait together.
let failures = 0;
let pausing = null;
let endPause = () => {};

/** pause waits longer each time, and at least as long as the server asks for. */
function pause(wait) {
  pausing ??= new Promise((end) => {
    const seconds = Math.max(Math.min(wait, 300), Math.min(0.5 * 2 ** failures++, 30)) * (1 + Math.random() / 4);
    emit("outage", Date.now() + seconds * 1000);
    const timer = setTimeout(end, seconds * 1000);
    endPause = () => (clearTimeout(timer), end());
  }).finally(() => (pausing = null));
  return pausing;
}

/** hurry ends the pause: the user, or the network, says that it is worth trying. */
export const hurry = () => endPause();

addEventListener("online", hurry);

function over() {
  if (failures === 0) return;
  failures = 0;
  emit("outage", 0);
}
