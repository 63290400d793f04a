// Views by the part of the address after #; nothing in it but scans' pseudonyms and numbers.
import { useEffect, useState } from "./vendor/htm-preact.mjs";

function read() {
  const [view, ...args] = location.hash.replace(/^#\//, "").split("/");
  return { view: view || "glance", args: args.map(decoded) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function go(hash) {
  location.hash = hash;
}

/** The view and what of it, as the address says. */
export function useRoute() {
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const changed = () => setRoute(read());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export function scanHref(scan) {
  return `#/scan/${encodeURIComponent(scan)}`;
}

export function numbersHref(scan) {
  return `#/numbers/${encodeURIComponent(scan)}`;
}

export function lookHref(scan, number = null) {
  return number === null ? `#/look/${encodeURIComponent(scan)}` : `#/look/${encodeURIComponent(scan)}/${number}`;
}
