// A list of what can be ended, page by page: sessions, or API keys.
import { call, Refused, SignedOut } from "./client.js";
import { $, become, busy, confirmed, copyOf, facts, toast } from "./dom.js";
import { changed } from "./tabs.js";

/**
 * list is a section whose rows the server lists at path, as the member of its answer.
 * row tells what is shown of one: { icon, name, badge, details, label, hint }, and what
 * is asked and said when it is ended: { end, ending, title, text, done }. Without end it
 * stays.
 */
export function list({ section, path, member, row, shown = () => {} }) {
  const rows = $(".rows", section);
  const more = $(".more", section);
  let all = [];
  let next = "";
  let isShown = false; // and not an error in its place
  let version = 0; // of the list, so that an older answer does not replace a newer one

  async function load() {
    const asked = ++version;
    try {
      // As many as are shown: a list does not get shorter while somebody reads it.
      const answer = await call("GET", `${path}?limit=${Math.min(Math.max(all.length, 10), 1000)}`);
      if (asked !== version) return;
      all = answer[member];
      next = answer.next ?? "";
      show();
    } catch (err) {
      if (err instanceof SignedOut || asked !== version) return;
      isShown = false;
      $(".why", section).textContent = "The list cannot be shown.";
      become(section, "error");
    }
  }

  function show() {
    const focused = rows.contains(document.activeElement) ? document.activeElement.closest("li").dataset.id : "";
    rows.replaceChildren(...all.map(element));
    more.hidden = next === "";
    isShown = true;
    become(section, all.length === 0 && $("[data-when=empty]", section) ? "empty" : "ready");
    shown(all, next !== "");
    if (focused) (button(focused) ?? $("h2", section)).focus();
  }

  const button = (id) => $(`[data-id="${CSS.escape(id)}"] button`, rows);

  function element(one) {
    const item = copyOf("#t-row");
    const told = row(one);
    item.dataset.id = one.id;
    $("use", item).setAttribute("href", `#i-${told.icon}`);
    const name = $(".name span", item);
    name.textContent = told.name;
    if (told.hint) name.title = told.hint;
    if (told.badge) $(".name", item).append(Object.assign(document.createElement("span"), { className: "badge", textContent: told.badge }));
    facts($(".facts-of", item), ...told.details);
    const end = $("button", item);
    if (!told.end) end.remove();
    end.textContent = told.end ?? "";
    end.setAttribute("aria-label", told.label ?? "");
    end.addEventListener("click", () => remove(one, told, end));
    return item;
  }

  async function remove(one, told, end) {
    const sure = await confirmed(told.title, told.text, told.end);
    end = button(one.id); // the list may have been shown anew
    end?.focus();
    if (!sure || !end) return;
    await busy(end, told.ending, async () => {
      try {
        await call("DELETE", `${path}/${encodeURIComponent(one.id)}`);
      } catch (err) {
        if (err instanceof SignedOut) return;
        if (!(err instanceof Refused && err.status === 404)) { // it has ended before
          toast(`That was refused. ${err.message}`);
          return;
        }
      }
      version++;
      const at = all.findIndex((other) => other.id === one.id);
      all = all.filter((other) => other.id !== one.id);
      show();
      const near = [...all.slice(at), ...all.slice(0, Math.max(at, 0)).reverse()]; // the row of this device has no button
      (near.map((other) => button(other.id)).find(Boolean) ?? $("h2", section)).focus();
      toast(told.done);
      changed();
    });
  }

  more.addEventListener("click", () =>
    busy(more, "Loading…", async () => {
      const before = all.length;
      const answer = await call("GET", `${path}?limit=10&after=${encodeURIComponent(next)}`).catch((err) => {
        if (!(err instanceof SignedOut)) toast("The rest of the list cannot be shown at the moment.");
      });
      if (!answer) return;
      version++;
      all.push(...answer[member]);
      next = answer.next ?? "";
      show();
      if (all[before]) button(all[before].id)?.focus();
    }),
  );
  $(".again", section).addEventListener("click", () => {
    become(section, "loading");
    load();
  });

  return {
    load,
    show: () => isShown && !$("[aria-disabled]", rows) && show(), // the times of its rows have changed
    clear() {
      all = [];
      next = "";
      isShown = false;
      rows.replaceChildren();
      more.hidden = true;
      become(section, "loading");
    },
  };
}
