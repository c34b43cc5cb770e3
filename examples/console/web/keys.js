// API keys: made, shown once, revoked.
import { call, Refused, SignedOut, Unanswered } from "./client.js";
import { $, busy, say } from "./dom.js";
import { list } from "./list.js";
import { snippets } from "./snippets.js";
import { changed } from "./tabs.js";
import { capital, date, when } from "./words.js";

export const keys = list({
  section: $("#keys"),
  path: "/account/api-keys",
  member: "api_keys",
  row(k) {
    const name = k.label || "Without a name";
    const ends = k.expires_at && new Date(k.expires_at);
    return {
      icon: "key",
      name,
      badge: ends && ends <= Date.now() ? "Ended" : k.replaced_by ? "Replaced" : "",
      details: [
        k.hint && `…${k.hint}`,
        k.scope && capital(k.scope.replaceAll(" ", ", ")),
        k.last_used_at ? `Used ${when(new Date(k.last_used_at))}` : "Never used",
        ends ? `${ends <= Date.now() ? "Ended" : "Ends"} ${when(ends)}` : "Never ends",
      ],
      hint: `Made ${date(new Date(k.created_at))}`,
      end: "Revoke",
      ending: "Revoking…",
      label: `Revoke ${name}${k.hint ? `, which ends in ${k.hint}` : ""}`,
      title: `Revoke “${name}”?`,
      text: "Scripts that use this key stop working at once. This cannot be undone.",
      done: `“${name}” is revoked.`,
    };
  },
});

const dialog = $("#key-form");
const form = $("form", dialog);
const error = $("#key-error");
const made = $("#key-made");

let allowed = "";

/** allow offers the scopes that the user has. */
export function allow(scopes) {
  if (allowed === scopes.join(" ")) return; // what was chosen stays
  allowed = scopes.join(" ");
  const boxes = scopes.map((scope, i) => {
    const label = Object.assign(document.createElement("label"), { className: "check" });
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "scope", value: scope, defaultChecked: i === 0 });
    label.append(box, ` ${capital(scope)}`);
    return label;
  });
  $(".checks", dialog).replaceChildren(...boxes);
  $("#key-scopes").hidden = scopes.length === 0;
}

/** isOpen tells whether somebody has begun to make a key. */
export const isOpen = () => dialog.open;

/** open goes on where they were. */
export function open() {
  dialog.showModal();
  $("#key-name").focus();
}

/** clear forgets what was typed, and the key. */
export function clear() {
  form.reset();
  say(error, "");
  dialog.close();
  made.close();
}

$("#new-key").addEventListener("click", open);
$("#key-cancel").addEventListener("click", clear);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const data = new FormData(form);
  const label = data.get("label").trim();
  const scope = data.getAll("scope").join(" ");
  const hasScopes = !$("#key-scopes").hidden;
  $("#key-name").setAttribute("aria-invalid", label === "");
  if (label === "") return refuse("Give the key a name.", $("#key-name"));
  if (hasScopes && scope === "") return refuse("Choose at least one permission.", $("#key-scopes input"));
  const json = { label };
  if (hasScopes) json.scope = scope;
  if (data.get("expires")) json.expires_in = Number(data.get("expires"));
  busy($("#key-make"), "Making…", () => make(json));
});

async function make(json) {
  say(error, "");
  try {
    const key = await call("POST", "/account/api-keys", { json, once: true });
    clear();
    show(key);
    changed();
    keys.load();
  } catch (err) {
    if (err instanceof SignedOut) return;
    if (err instanceof Unanswered) {
      refuse("The server did not answer. Look in the list whether there is a new key that you have not seen, and revoke it. Then try again: what you typed is kept.", $("#key-make"));
      keys.load(); // repeats itself until the server answers
    } else {
      refuse(err instanceof Refused && err.message ? `The key was not made. ${err.message}.` : "The key was not made.", $("#key-make"));
    }
  }
}

function refuse(text, place) {
  say(error, text);
  place.focus();
}

// The key is in this dialog and nowhere else, until the dialog is closed.
let program = { curl: "", go: "", python: "" };

function show(key) {
  $("#key-made-name").textContent = key.label;
  $("#key").value = key.key;
  for (const language of Object.keys(program)) program[language] = snippets[language](location.origin, key.key);
  choose($("#tab-curl"));
  made.showModal();
}

made.addEventListener("close", () => {
  $("#key").value = "";
  $("#key-says").textContent = "";
  program = { curl: "", go: "", python: "" };
  $("code", made).textContent = "";
  $("#keys-title").focus();
});
made.addEventListener("cancel", (event) => {
  if ($("#key-says").textContent !== "") return;
  event.preventDefault(); // once: the browser closes it the second time
  $("#key-says").textContent = "You have not copied the key, and it is not shown again. Choose Done to close this.";
});
$("#key-done").addEventListener("click", () => made.close());

const tabs = [...made.querySelectorAll("[role=tab]")];

function choose(tab) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", other === tab);
    other.tabIndex = other === tab ? 0 : -1;
  }
  $("#snippet").setAttribute("aria-labelledby", tab.id);
  $("code", made).textContent = program[tab.id.replace("tab-", "")];
  $("#snippet").scrollTo(0, 0);
}

for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.indexOf(tab), End: tabs.length - 1 - tabs.indexOf(tab) };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const other = tabs.at((tabs.indexOf(tab) + steps[event.key]) % tabs.length);
    choose(other);
    other.focus();
  });
}

/** copy puts a text on the clipboard, or selects it where the browser has none. */
async function copy(text, place, said) {
  try {
    await navigator.clipboard.writeText(text);
    $("#key-says").textContent = said;
  } catch {
    getSelection().selectAllChildren(place);
    place.select?.();
    $("#key-says").textContent = "It is selected: copy it with your keyboard.";
  }
}

$("#key-copy").addEventListener("click", () => copy($("#key").value, $("#key"), "The key is copied."));
$("#snippet-copy").addEventListener("click", () => copy($("code", made).textContent, $("code", made), "The program is copied. The key stands in it."));
