// The keys that work now, over the page.
import { html, useEffect, useMemo, useRef } from "./vendor/htm-preact.mjs";
import { keysNow } from "./keys.js";

const NAMES = { " ": "Space", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" };

function keyName(key) {
  return NAMES[key] ?? (/^[A-Z]$/.test(key) ? `Shift ${key}` : key);
}

export function Help({ onClose }) {
  const dialog = useRef(null);
  const keys = useMemo(keysNow, []);
  useEffect(() => {
    const before = document.activeElement;
    const shown = dialog.current;
    shown.showModal();
    return () => {
      shown.close();
      before?.focus?.();
    };
  }, []);
  return html`<dialog class="help" ref=${dialog} aria-labelledby="help-title" onClose=${onClose}>
    <h2 id="help-title">Keys</h2>
    <ul>${keys.map(([key, words]) => html`<li key=${key}><kbd>${keyName(key)}</kbd> ${words}</li>`)}</ul>
    <p class="quiet">The shapes: disc OK, ring OK while the protocol is new here, triangle WARNING, square REPEAT, diamond NOT JUDGED. For research and quality control; it decides nothing about a diagnosis.</p>
    <p><button class="button" type="button" onClick=${() => dialog.current.close()}>Close</button></p>
  </dialog>`;
}
