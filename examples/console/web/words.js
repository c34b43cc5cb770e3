// What the page says of devices, times and numbers.

const browsers = [
  ["Edg/", "Edge"], ["OPR/", "Opera"], ["SamsungBrowser/", "Samsung Internet"], ["Firefox/", "Firefox"],
  ["FxiOS/", "Firefox"], ["CriOS/", "Chrome"], ["Chrome/", "Chrome"], ["Safari/", "Safari"],
];
const systems = [
  ["iPhone", "iPhone", "phone"], ["iPad", "iPad", "phone"], ["Android", "Android", "phone"], ["CrOS", "ChromeOS", "computer"],
  ["Windows", "Windows", "computer"], ["Mac OS X", "macOS", "computer"], ["Linux", "Linux", "computer"],
];

/** device is the name and the kind of what has signed in, by its User-Agent. */
export function device(label) {
  const browser = browsers.find(([mark]) => label.includes(mark))?.[1];
  const [, system, kind] = systems.find(([mark]) => label.includes(mark)) ?? [];
  if (!label.startsWith("Mozilla/") || !(browser || system)) return { name: label || "Unknown device", kind: "program" };
  return { name: [browser ?? "A browser", system].filter(Boolean).join(" on "), kind: kind ?? "computer" };
}

const units = [["year", 365 * 86400], ["month", 30 * 86400], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const numbers = new Intl.NumberFormat("en");

/** when is a time as people say it: "3 minutes ago", "in 90 days". */
export function when(at) {
  const seconds = (at - Date.now()) / 1000;
  if (Math.abs(seconds) < 57) return "just now";
  const [unit, size] = units.find(([unit, size]) => Math.abs(seconds) >= (unit === "month" ? 100 * 86400 : size * 0.95));
  return relative.format(Math.round(seconds / size), unit);
}

export const date = (at) => exact.format(at);
export const number = (n) => numbers.format(n);

const plural = (n, unit) => `${number(n)} ${unit}${n === 1 ? "" : "s"}`;

/** duration is a number of seconds in the largest unit that fits: "90 s" is "2 minutes". */
export function duration(seconds) {
  const [unit, size] = units.find(([, size]) => seconds >= size) ?? ["second", 1];
  return plural(Math.ceil(seconds / size), unit);
}

/** period is what a limit is for: "hour", "10 seconds". */
export function period(seconds) {
  const [unit, size] = units.find(([, size]) => seconds >= size && seconds % size === 0) ?? ["second", 1];
  return seconds === size ? unit : plural(seconds / size, unit);
}

/** capital has a capital at its beginning. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
