// The drawn shapes of the verdicts: silhouettes that differ without colour, at any size.
// No question mark in the diamond: it would be the sign that browsers show for broken text.
import { html } from "./vendor/htm-preact.mjs";
import { verdictLook } from "./words.js";

const DRAWN = {
  ok: html`<circle class="solid" cx="50" cy="50" r="46" /><path class="cut" d="M27 52 L44 69 L74 34" />`,
  learning: html`<circle class="outline dashed" cx="50" cy="50" r="41" /><path class="mark" d="M30 52 L45 67 L71 36" />`,
  warn: html`<path class="solid" d="M50 5 L98 93 L2 93 Z" /><path class="cut" d="M50 36 L50 64" /><circle class="cut-solid" cx="50" cy="79" r="7" />`,
  rescan: html`<rect class="solid" x="4" y="4" width="92" height="92" />
    <path class="cut" d="M71 37 A26 26 0 1 0 76 54" /><path class="cut-solid" d="M82 20 L80 47 L56 36 Z" />`,
  unjudged: html`<path class="solid" d="M50 1 L99 50 L50 99 L1 50 Z" />
    <path class="cut" d="M30 50 L70 50" />`,
  lost: html`<path class="outline" d="M20 20 L80 80 M80 20 L20 80" />`,
  waiting: html`<circle class="solid" cx="16" cy="50" r="10" /><circle class="solid" cx="50" cy="50" r="10" /><circle class="solid" cx="84" cy="50" r="10" />`,
};

/** The shape of a css name of verdictLook, 1em high; decoration beside the word. */
export function Shape({ name }) {
  return html`<svg class=${`shape shape-${name}`} viewBox="0 0 100 100" aria-hidden="true" focusable="false">
    ${DRAWN[name] ?? DRAWN.waiting}
  </svg>`;
}

/** Small shape and word of a verdict. */
export function Badge({ verdict, learning = null }) {
  const look = verdictLook(verdict, learning);
  return html`<span class=${`badge ink-${look.name}`}><${Shape} name=${look.name} /> <span>${look.word}</span></span>`;
}
