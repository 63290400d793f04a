// What was found in the image beside its picture: what, how sure, where, what to do.
import { lookHref, numbersHref } from "./router.js";
import { Badge, Shape } from "./shapes.js";
import { placeWords } from "./look-where.js";
import { plain } from "./numbers-words.js";
import { verdictLook, withoutVerdict } from "./words.js";
import { html } from "./vendor/htm-preact.mjs";

/** @param {{detail: object}} props */
export function Side({ detail }) {
  const { frame, findings, reasons, missing_rows, latency_ms } = detail;
  return html`<aside class="look-side" aria-label="What was found in this image">
    <p class="look-verdict"><${Badge} verdict=${frame.verdict} /></p>
    <p>${withoutVerdict(frame.sentence)}</p>
    ${findings.length > 0 &&
    html`<ul class="look-findings">
      ${findings.map((finding) => html`<${Finding} key=${finding.finding} finding=${finding} frame=${frame} all=${findings} />`)}
    </ul>`}
    ${reasons.length > 0 && html`<p><strong>Not judged because:</strong> ${reasons.map(plain).join("; ")}.</p>`}
    <dl class="facts">
      <dt>Image</dt><dd>${frame.number}: ${indexWords(frame)}</dd>
      ${missing_rows.length > 0 && html`<dt>Not measured</dt><dd>${missing_rows.join(", ")}</dd>`}
      ${Object.entries(latency_ms).map(([stage, ms]) => html`<dt key=${stage}>${plain(stage)}</dt><dd>${ms.toFixed(1)} ms</dd>`)}
    </dl>
    <p><a href=${numbersHref(frame.scan)}>Every measurement of this scan</a></p>
  </aside>`;
}

function Finding({ finding, frame, all }) {
  const { name, word } = verdictLook(finding.severity);
  const cause = finding.caused_by && all.find((other) => other.finding === finding.caused_by);
  const rows = [
    ["How sure", finding.evidence],
    ["Where", placeWords(finding, frame)],
    ["Because of", cause && cause.message],
    ["What to do", cause ? "" : finding.action],
    ["Since", html`<a href=${lookHref(frame.scan, finding.first_number)}>image ${finding.first_number}</a>`],
  ];
  return html`<li class=${`look-finding look-finding-${name}`}>
    <p class=${`ink-${name}`}><${Shape} name=${name} /> <strong>${finding.message}</strong><span class="visually-hidden"> (${word})</span></p>
    <dl class="facts">${rows.filter(([, said]) => said).map(([what, said]) => html`<dt key=${what}>${what}</dt><dd>${said}</dd>`)}</dl>
  </li>`;
}

/** "slice 3, repetition 7", counted from 0 as in the data. */
export function indexWords(frame) {
  const others = ["contrast", "phase", "set"].filter((name) => frame[name]).map((name) => `, ${name} ${frame[name]}`);
  return `slice ${frame.slice}, repetition ${frame.repetition}${others.join("")}`;
}
