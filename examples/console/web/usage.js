// What is left of the quota. To look at it spends nothing.
import { call, Refused, SignedOut } from "./client.js";
import { $, become, busy, copyOf } from "./dom.js";
import { capital, duration, number, period } from "./words.js";

const section = $("#usage");
const says = $("#test-says");
let next; // the timer of the next look

/** load shows the quota, and looks again when some of it should have come back. */
export async function load() {
  clearTimeout(next);
  if (document.hidden) return;
  try {
    const { policies } = await call("GET", "/account/quota");
    show(policies);
    become(section, "ready");
    clearTimeout(next);
    next = setTimeout(load, pauseFor(policies));
  } catch (err) {
    if (err instanceof SignedOut) return;
    $(".why", section).textContent = "The usage cannot be shown.";
    become(section, "error");
  }
}

export function clear() {
  clearTimeout(next);
  next = undefined;
  says.textContent = "";
  $("#meters").replaceChildren();
  become(section, "loading");
}

const untilReset = (p) => (p.reset ? Math.max(p.reset - Date.now() / 1000, 0) : 0);

/** pauseFor is shorter the sooner something changes: 2 to 30 s. */
function pauseFor(policies) {
  const soonest = Math.min(...policies.filter((p) => p.used > 0).map(untilReset), 30);
  return 1000 * Math.max(soonest, 2);
}

/** show keeps the meters that are there, so that what reads them aloud does not lose its place. */
function show(policies) {
  const list = $("#meters");
  while (list.children.length > policies.length) list.lastElementChild.remove();
  while (list.children.length < policies.length) list.append(copyOf("#t-meter"));
  policies.forEach((policy, i) => fill(list.children[i], policy));
}

function fill(item, p) {
  const unit = capital(p.unit === undefined ? "requests" : p.unit.replaceAll("-", " "));
  const name = p.window ? `${unit} per ${period(p.window)}` : unit;
  const share = p.limit ? p.used / p.limit : 1;
  const level = p.remaining === 0 ? "out" : share >= 0.8 ? "low" : "fine";
  const left = { out: "Limit reached", low: `Only ${number(p.remaining)} left`, fine: `${number(p.remaining)} left` }[level];
  item.dataset.level = level;
  $(".name", item).textContent = name;
  $(".left", item).textContent = left;
  $(".used", item).textContent = `${number(p.used)} of ${number(p.limit)} used`;
  $(".back", item).textContent = p.used && p.reset ? `All back in ${duration(Math.max(untilReset(p), 1))}` : "";
  const meter = $(".meter", item);
  meter.setAttribute("aria-label", name);
  meter.setAttribute("aria-valuemax", p.limit);
  meter.setAttribute("aria-valuenow", p.used);
  meter.setAttribute("aria-valuetext", `${number(p.used)} of ${number(p.limit)} used, ${left}`);
  $("span", meter).style.inlineSize = `${Math.min(share, 1) * 100}%`;
}

$("#test").addEventListener("click", (event) =>
  busy(event.currentTarget, "Sending…", async () => {
    const began = performance.now();
    says.textContent = "";
    try {
      await call("GET", "/api/hello");
      says.textContent = `The API answered in ${Math.round(performance.now() - began)} ms. It cost one request.`;
    } catch (err) {
      if (err instanceof SignedOut) return;
      const limited = err instanceof Refused && err.status === 429;
      says.textContent = limited ? `Refused: the limit is reached. Try again in ${duration(Math.max(err.wait, 1))}.` : `The API refused the request. ${err.message}`;
    }
    await load();
  }),
);
$(".again", section).addEventListener("click", load);
document.addEventListener("visibilitychange", () => next !== undefined && load());
