// The page: who is signed in, and which of its views is shown.
import { call, client, forget, hurry, Refused, signIn, signOut, SignedOut } from "./client.js";
import { $, busy, say, toast } from "./dom.js";
import { allow, clear as clearKeyForm, isOpen, keys, open } from "./keys.js";
import { sessions } from "./sessions.js";
import { hear, tell } from "./tabs.js";
import * as usage from "./usage.js";
import { capital, duration, number } from "./words.js";

let user = null; // who is signed in
let left = null; // who was when the session ended, while a key was being made

function view(name) {
  for (const part of document.querySelectorAll(".view")) part.hidden = part.id !== `view-${name}`;
  $("#who").hidden = name !== "console";
  document.title = name === "console" ? "Your account · Console" : "Sign in · Console";
}

/** enter shows the account of whoever is signed in. */
async function enter() {
  let account;
  try {
    account = await call("GET", "/account");
  } catch (err) {
    if (!(err instanceof SignedOut)) leave("", `The server refused the request. ${err.message}`);
    return;
  }
  if (user?.id !== account.id) clear(left?.id !== account.id);
  user = account;
  $("#password").value = "";
  $("#login").textContent = account.login;
  $("#tier").textContent = capital(account.tier);
  $("#seats").textContent = number(account.seats);
  $("#scopes").textContent = account.scopes.map(capital).join(", ") || "All";
  allow(account.scopes);
  const signedIn = !$("#view-signin").hidden;
  view("console");
  if (signedIn) $("#title").focus();
  if (left?.id === account.id) open();
  left = null;
  usage.load();
  sessions.load();
  keys.load();
}

/** leave shows the form to sign in, and why. */
function leave(note, error = "") {
  forget();
  left = isOpen() ? user : null;
  if (left) $("#key-form").close();
  clear(!left);
  user = null;
  view("signin");
  say($("#signin-note"), left ? `${note} What you typed is kept until you sign in again.` : note);
  say($("#signin-error"), error);
  $("#username").focus();
}

/** clear forgets what the page knows of a user. */
function clear(typed) {
  usage.clear();
  sessions.clear();
  keys.clear();
  if (typed) clearKeyForm();
  $("#confirm").close();
  toast("");
}

client.addEventListener("ended", () => leave(user ? "Your session has ended. Sign in to go on." : ""));

// Signing in and out.

$("#signin").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  for (const field of ["username", "password"]) {
    const empty = form[field].value === "";
    form[field].setAttribute("aria-invalid", empty);
    if (empty) {
      say($("#signin-error"), `Enter your ${field === "username" ? "name" : field}.`);
      return form[field].focus();
    }
  }
  busy($("#signin-button"), "Signing in…", async () => {
    say($("#signin-error"), "");
    try {
      await signIn(new URLSearchParams(new FormData(form)));
    } catch (err) {
      if (err instanceof SignedOut) return; // another tab was faster
      say($("#signin-error"), whyNot(err));
      $("#password").focus();
      $("#password").select();
      return;
    }
    conceal();
    await enter();
    tell("in");
  });
});

function whyNot(err) {
  if (!(err instanceof Refused)) return "Something went wrong. Try again.";
  if (err.status === 429) return `Too many attempts. Try again in ${duration(Math.max(err.wait, 1))}.`;
  return err.status === 400 || err.status === 401 ? "The name or the password is wrong." : `The server refused it. ${err.message}`;
}

function conceal(seen = false) {
  $("#password").type = seen ? "text" : "password";
  $("#reveal").setAttribute("aria-pressed", seen);
}

$("#reveal").addEventListener("click", () => conceal($("#password").type === "password"));

$("#sign-out").addEventListener("click", (event) =>
  busy(event.currentTarget, "Signing out…", async () => {
    try {
      await signOut();
    } catch (err) {
      if (err.status !== 400 && err.status !== 401) throw err; // else the session has ended before
    }
    clearKeyForm();
    tell("out");
    leave("You are signed out.");
  }),
);

// The other tabs.

hear({
  in: () => enter(),
  out: () => {
    if (!user) return;
    clearKeyForm();
    leave("You signed out in another tab.");
  },
  changed: () => {
    if (!user) return;
    sessions.load();
    keys.load();
  },
});

document.addEventListener("visibilitychange", () => !document.hidden && user && enter());

// A server that does not answer.

let ticking;

client.addEventListener("outage", ({ detail: next }) => {
  clearInterval(ticking);
  const bar = $("#outage");
  if (next === 0) {
    bar.hidden = true;
    $("#outage-says").textContent = "";
    if (user) toast("The server answers again.");
    return;
  }
  bar.hidden = false;
  $("#outage-says").textContent = navigator.onLine ? "The server does not answer. Nothing is lost." : "This device is offline. Nothing is lost.";
  const tick = () => {
    const seconds = Math.ceil((next - Date.now()) / 1000);
    $("#outage-next").textContent = seconds > 0 ? `Next attempt in ${seconds} s.` : "Trying…";
  };
  tick();
  ticking = setInterval(tick, 1000);
});
$("#outage-try").addEventListener("click", hurry);

setInterval(() => user && !document.hidden && (sessions.show(), keys.show()), 30_000); // "3 minutes ago"

if (isSecureContext) enter();
else leave("", "Browsers keep the cookies of a login over HTTPS only, or on 127.0.0.1. Open this page there.");
