// Keys of what is on the screen: registered while it is there, silent while somebody types.
import { useEffect, useRef } from "./vendor/htm-preact.mjs";

const registered = [];

/**
 * @param {Record<string, [string, (event: KeyboardEvent) => void]>} keys KeyboardEvent.key -> what it does, in words; the doing;
 *   a capital letter is one with shift: what records something is not for a stray key
 */
export function useKeys(keys) {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    registered.push(latest);
    return () => registered.splice(registered.indexOf(latest), 1);
  }, []);
}

/** [key, words] of every key that works now; the newest registration of a key counts. */
export function keysNow() {
  const words = new Map();
  for (const { current } of registered) for (const [key, [said]] of Object.entries(current)) words.set(key, said);
  return [...words];
}

function isTyping(event) {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (target.matches("input[type=range]")) return key.startsWith("Arrow") || key === "Home" || key === "End";
  return target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), select, textarea");
}

/** Space and Enter belong to the button or link that has the focus. */
function isPressing(event) {
  return (event.key === " " || event.key === "Enter") && event.target.closest?.("button, a, summary");
}

window.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isPressing(event) || (isTyping(event) && event.key !== "Escape")) return;
  const key = event.key.length > 1 ? event.key : event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase(); // caps lock
  for (const { current } of [...registered].reverse()) {
    if (!Object.hasOwn(current, key)) continue;
    event.preventDefault();
    current[key][1](event);
    return;
  }
});
