// What the tabs of one browser tell each other. No message has a secret.

const channel = new BroadcastChannel("console");

/** tell tells the other tabs: "in", "out" or "changed". */
export const tell = (what) => channel.postMessage(what);

/** changed tells the other tabs that a list is another now. */
export const changed = () => tell("changed");

/** hear calls one of these functions when another tab tells of it. */
export function hear(functions) {
  channel.addEventListener("message", ({ data }) => functions[data]?.());
}
