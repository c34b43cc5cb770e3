// The devices where the user is signed in.
import { call, SignedOut } from "./client.js";
import { $, busy, confirmed, toast } from "./dom.js";
import { list } from "./list.js";
import { changed } from "./tabs.js";
import { date, device, when } from "./words.js";

const section = $("#sessions");
const others = $("#end-others");

export const sessions = list({
  section,
  path: "/account/sessions",
  member: "sessions",
  row(s) {
    const { name, kind } = device(s.label);
    const began = new Date(s.created_at);
    return {
      icon: kind,
      name: s.act ? "Support" : name,
      hint: s.label,
      badge: s.current ? "This device" : s.act ? "Acts for you" : "",
      details: [s.act && s.label, `Signed in ${when(began)}`, `Active ${when(new Date(s.last_used_at))}`],
      end: s.current ? undefined : "Sign out",
      ending: "Signing out…",
      label: `Sign out ${name}, signed in ${date(began)}`,
      title: "Sign out this device?",
      text: `${name}, signed in ${date(began)}. Whoever uses it needs the password to come back.`,
      done: `${name} is signed out.`,
    };
  },
  shown(all, isMore) {
    const many = isMore || all.some((s) => !s.current);
    others.hidden = !many;
    $("#no-others").hidden = many;
  },
});

others.addEventListener("click", async () => {
  const text = "Every device but this one needs the password to come back. API keys go on working.";
  if (!(await confirmed("Sign out all other devices?", text, "Sign out all others"))) return;
  await busy(others, "Signing out…", async () => {
    try {
      await call("DELETE", "/account/sessions");
    } catch (err) {
      if (!(err instanceof SignedOut)) toast(`That was refused. ${err.message}`);
      return;
    }
    await sessions.load();
    $("h2", section).focus();
    toast("All other devices are signed out.");
    changed();
  });
});
