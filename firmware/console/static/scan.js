// One scan: its verdict, what was found and when, what people said, its pictures and decisions.
import { html } from "./vendor/htm-preact.mjs";
import { url, useFetch } from "./api.js";
import { dayAndTime } from "./clock.js";
import { Decisions } from "./decisions.js";
import { Filmstrip } from "./filmstrip.js";
import { NoteButtons } from "./notes.js";
import { go, lookHref, numbersHref } from "./router.js";
import { Badge } from "./shapes.js";
import { useStore } from "./store.js";
import { FindingsTable } from "./scan-findings.js";
import { count, imagesOf, protocolName, withoutVerdict } from "./words.js";

const STRIP = 64;

export default function ScanView({ args: [scan = ""] }) {
  const path = `scans/${encodeURIComponent(scan)}`;
  const live = useStore((page) => page.series[scan]);
  const page = useFetch(path, live?.ended ? "ended" : live ? `${live.findings.length} ${live.acknowledged.length} ${live.opinion}` : "");
  const strip = useFetch(`${path}/frames?limit=${STRIP}`, live?.frames ?? 0);
  if (!page.data) {
    return html`<div class="stack list-view">
      <h1>${page.error ? "This scan cannot be shown" : "Scan"}</h1>
      ${page.error ? html`<p class="notice bad" role="alert">${page.error.message}</p>` : html`<p class="quiet" role="status">Looking it up</p>`}
      <p><a href="#/past">All recorded scans</a></p></div>`;
  }
  const series = live ?? page.data.series;
  return html`<div class="stack list-view">
    <h1><${Badge} verdict=${series.verdict} learning=${series.learning} /> <span>${protocolName(series)}</span></h1>
    <p class="scan-sentence">${withoutVerdict(series.sentence)}</p>
    <div class="row">
      <a class="button" href=${lookHref(scan)}>Look at the images</a>
      <a class="button" href=${numbersHref(scan)}>Numbers</a>
      <a class="button" href=${url(`${path}/report.html`)} target="_blank" rel="noopener">Report</a>
      <${NoteButtons} series=${series} />
    </div>
    <${Facts} series=${series} page=${page.data} />
    <section aria-label="Images"><h2>Images</h2>
      ${strip.error && html`<p class="notice bad">${strip.error.message}</p>`}
      ${strip.data && html`<div class="scan-strip"><${Filmstrip} scan=${scan} frames=${strip.data.frames} held=${null} learning=${series.learning} quiet=${true}
        onHold=${(number) => number !== null && go(lookHref(scan, number))} /></div>`}
    </section>
    <${FindingsTable} flags=${page.data.timeline} scan=${scan} />
    <${Said} notes=${page.data.notes} />
    <${Decisions} path=${path} scan=${scan} />
  </div>`;
}

function Facts({ series, page }) {
  const without = page.without_picture ? `; ${count(page.without_picture, "image")} without one` : "";
  const facts = [
    ["Began", dayAndTime(series.began)],
    ["Ended", series.ended ? `${dayAndTime(series.ended)} (${series.ended_by || "no reason recorded"})` : "still running"],
    ["Images", imagesOf(series.frames, series.frames_expected)],
    ["Pictures kept", `${count(page.pictures, "image")}${without}`],
    ["Body part", series.body_part || "not stated"],
    ["Scanner", series.scanner || "not stated"],
    ["Scan", series.scan],
    ["Examination", series.exam || "not stated by the scanner"],
  ];
  return html`<dl class="facts panel">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function Said({ notes }) {
  if (notes.length === 0) return null;
  const words = { acknowledge: "acknowledged", opinion: "said to be", new_exam: "new examination", dropped: "" };
  return html`<section aria-label="Notes"><h2>What was said</h2><ul class="panel">${notes.map(
    (note) => html`<li key=${note.sequence}>${dayAndTime(note.time)}: ${words[note.kind]} ${note.opinion || note.text}</li>`,
  )}</ul></section>`;
}
