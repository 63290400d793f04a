// Light or dark room: as the system says until somebody chooses, then as chosen.
import { recall, remember } from "./remembered.js";
import { change, state, useStore } from "./store.js";

const THEMES = ["light", "dark"];

function show(theme) {
  document.documentElement.dataset.theme = theme;
  change({ theme });
}

export function startTheme() {
  const system = window.matchMedia("(prefers-color-scheme: light)");
  const chosen = () => THEMES.find((theme) => theme === recall("theme"));
  const follow = () => show(chosen() ?? (system.matches ? "light" : "dark"));
  follow();
  system.addEventListener("change", follow);
  window.addEventListener("storage", follow);
}

export function switchTheme() {
  const theme = state().theme === "dark" ? "light" : "dark";
  remember("theme", theme);
  show(theme);
}

/** "light" or "dark"; a component that draws by itself is drawn again when it changes. */
export function useTheme() {
  return useStore((now) => now.theme);
}

/** Value of a custom property as the theme has it now. */
export function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
