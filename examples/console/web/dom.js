// What several parts of the page do with its elements.

export const $ = (selector, within = document) => within.querySelector(selector);

/** copyOf is the element of a template. */
export const copyOf = (id) => $(id).content.firstElementChild.cloneNode(true);

/** become shows what a section has for a state: loading, ready, empty or error. */
export function become(section, state) {
  section.setAttribute("aria-busy", state === "loading");
  for (const part of section.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
}

/** say shows a text, or hides the place for it if there is none. */
export function say(place, text) {
  place.textContent = text;
  place.hidden = text === "";
}

/** busy keeps a button from being used twice while something is done. It keeps the focus. */
export async function busy(button, text, does) {
  if (button.getAttribute("aria-disabled") === "true") return;
  const before = button.textContent;
  button.setAttribute("aria-disabled", "true");
  button.textContent = text;
  try {
    await does();
  } finally {
    button.removeAttribute("aria-disabled");
    button.textContent = before;
  }
}

let fading;

/** toast tells what was done. */
export function toast(text) {
  const place = $("#toast");
  place.textContent = text;
  clearTimeout(fading);
  fading = setTimeout(() => (place.textContent = ""), 8000);
}

let questions = 0;

/** confirmed asks before something that cannot be undone. */
export function confirmed(title, text, action) {
  const dialog = $("#confirm");
  $("#confirm-title").textContent = title;
  $("#confirm-text").textContent = text;
  $("#confirm-yes").textContent = action;
  dialog.returnValue = "";
  dialog.showModal();
  const question = ++questions;
  return new Promise((answer) => {
    // The event comes a little later than the answer, and may be that of the question before.
    dialog.addEventListener("close", function closed() {
      if (dialog.open) return;
      dialog.removeEventListener("close", closed);
      answer(question === questions && dialog.returnValue === "yes");
    });
  });
}

/** facts puts texts and times one behind the other. */
export function facts(place, ...texts) {
  place.replaceChildren(...texts.filter(Boolean).map((text) => Object.assign(document.createElement("span"), { textContent: text })));
}
