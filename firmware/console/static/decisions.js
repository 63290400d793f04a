// The decisions of a scan, a page at a time, when somebody asks for them.
import { html, useState } from "./vendor/htm-preact.mjs";
import { useFetch } from "./api.js";
import { clockTime } from "./clock.js";
import { lookHref } from "./router.js";
import { Badge } from "./shapes.js";
import { withoutVerdict } from "./words.js";

const PAGE = 100;

export function Decisions({ path, scan }) {
  const [open, setOpen] = useState(false);
  return html`<details class="panel" onToggle=${(event) => setOpen(event.target.open)}>
    <summary>Every decision</summary>${open && html`<${Pages} path=${path} scan=${scan} />`}</details>`;
}

function Pages({ path, scan }) {
  const [starts, setStarts] = useState([""]);
  const after = starts.at(-1);
  const { data, error, loading } = useFetch(`${path}/decisions?limit=${PAGE}${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`);
  if (error) return html`<p class="notice bad">${error.message}</p>`;
  if (!data) return html`<p class="quiet">${loading ? "Looking it up" : ""}</p>`;
  const hasNext = data.next !== null && data.next !== "" && data.next !== 0;
  return html`<table class="table">
      <thead><tr><th scope="col">Image</th><th scope="col">Time</th><th scope="col">Verdict</th><th scope="col">Why</th></tr></thead>
      <tbody>${data.decisions.map(
        (one) => html`<tr key=${one.id}>
          <th scope="row">${one.number === null ? "series" : html`<a href=${lookHref(scan, one.number)}>${one.number}</a>`}</th>
          <td class="number">${clockTime(one.time)}</td><td><${Badge} verdict=${one.verdict} /></td><td>${withoutVerdict(one.sentence)}</td></tr>`,
      )}</tbody></table>
    <p class="row">
      <button class="button" type="button" disabled=${starts.length === 1} onClick=${() => setStarts(starts.slice(0, -1))}>Earlier</button>
      <button class="button" type="button" disabled=${!hasNext} onClick=${() => setStarts([...starts, data.next])}>Later</button>
    </p>`;
}
