// When each finding of a scan came, changed and went.
import { html } from "./vendor/htm-preact.mjs";
import { clockTime } from "./clock.js";
import { imageWords } from "./numbers-words.js";
import { lookHref } from "./router.js";
import { Badge } from "./shapes.js";

const LIFE = { new: "found", update: "changed", end: "ended" };

export function FindingsTable({ flags, scan }) {
  if (flags.length === 0) return html`<section aria-label="Findings"><h2>Findings</h2><p class="quiet">Nothing was found.</p></section>`;
  return html`<section aria-label="Findings"><h2>Findings</h2><table class="table panel">
    <thead><tr><th scope="col">Time</th><th scope="col">Life</th><th scope="col">Severity</th><th scope="col">What, how sure, where</th><th scope="col">Images</th></tr></thead>
    <tbody>${flags.map(
      (flag, turn) => html`<tr key=${turn}>
        <td class="number">${clockTime(flag.time)}</td><td>${LIFE[flag.life] ?? flag.life}${flag.end_reason && `: ${flag.end_reason}`}</td>
        <td><${Badge} verdict=${flag.severity} /></td>
        <td>${flag.message}. ${[flag.evidence, flag.place].filter(Boolean).join("; ")}<div class="quiet">${imageWords(flag.limit_source)}</div></td>
        <td class="number"><a href=${lookHref(scan, flag.first_number)}>${flag.first_number}</a>${flag.placed_number > flag.first_number ? ` to ${flag.placed_number}` : ""}</td>
      </tr>`,
    )}</tbody></table></section>`;
}
