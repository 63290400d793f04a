// k-space as magnitude, with the lines and samples that were found; and what each coil element sees.
import { url } from "./api.js";
import { NotKept } from "./look-not-kept.js";
import { measuredHere } from "./look-where.js";
import { verdictLook } from "./words.js";
import { html } from "./vendor/htm-preact.mjs";

/** Lines that are marked one by one; a finding may name more. */
const MARKED = 64;

/**
 * @param {{scan: string, frame: object, picture: object, findings: object[]}} props
 */
export function KSpace({ scan, frame, picture, findings }) {
  if (!picture.kinds.includes("kspace")) {
    return html`<section class="look-kspace"><h2>k-space</h2><${NotKept} scan=${scan} frame=${frame} findings=${findings} /></section>`;
  }
  const [lines, samples] = picture.kspace_size;
  const found = lines > 0 ? distinct(findings.filter((finding) => measuredHere(finding, frame)).flatMap((finding) => spots(finding, lines, samples))).slice(0, MARKED) : [];
  const other = findings.find((finding) => !measuredHere(finding, frame) && spots(finding, lines, samples).length);
  const elsewhere = other ? `not marked: measured in image ${other.placed_number}.` : "nothing was found in single lines.";
  const path = `scans/${encodeURIComponent(scan)}/frames/${frame.number}/kspace.png`;
  return html`<section class="look-kspace">
    <h2>k-space, magnitude (logarithmic)</h2>
    <div class="kspace-box">
      <img src=${url(path)} alt=${`k-space of image ${frame.number}: ${told(found, elsewhere)}`} />
      <svg class="look-overlay" aria-hidden="true">${found.map(mark)}</svg>
    </div>
    <p class="quiet">line ↓ sample → ${told(found, elsewhere)}</p>
  </section>`;
}

/** What of a finding lies in k-space: whole lines, or samples in a line, as shares of the picture. */
function spots({ where, severity, kind }, lines, samples) {
  const [marked, single] = [where.lines ?? [], where.samples ?? []];
  const base = { severity, kind };
  if (!marked.length) {
    return single.map((sample) => ({ ...base, sample, x: (sample + 0.5) / samples }));
  }
  return marked.map((line, n) => {
    const sample = single.length === marked.length ? single[n] : null;
    return { ...base, line, sample, y: (line + 0.5) / lines, x: sample === null ? null : (sample + 0.5) / samples };
  });
}

/** A line that one finding marks is not marked by the next, which knows no more of it. */
function distinct(found) {
  return found.filter((spot, n) => !found.slice(0, n).some(({ line, sample }) => line === spot.line && (sample === spot.sample || spot.sample === null)));
}

function told(found, elsewhere) {
  if (!found.length) return elsewhere;
  const names = found.slice(0, 6).map(({ line, sample }) =>
    [line === undefined ? "" : `line ${line}`, sample === null || sample === undefined ? "" : `sample ${sample}`].filter(Boolean).join(", "),
  );
  return `marked: ${names.join("; ")}${found.length > names.length ? ` and ${found.length - names.length} more` : ""}.`;
}

/** Pointers from the edges leave the line itself in sight; a ring marks a sample. */
function mark({ x, y, severity }, n) {
  const across = x === null || x === undefined ? null : `${100 * x}%`;
  const down = y === undefined ? null : `${100 * y}%`;
  const strokes = [];
  if (down && across) strokes.push(html`<circle cx=${across} cy=${down} r="9" />`);
  if (down) {
    strokes.push(html`<line x1="0" x2="6%" y1=${down} y2=${down} />`, html`<line x1="94%" x2="100%" y1=${down} y2=${down} />`);
    if (!across) strokes.push(html`<line class="dashed" x1="6%" x2="94%" y1=${down} y2=${down} />`);
  } else if (across) {
    strokes.push(html`<line class="dashed" x1=${across} x2=${across} y1="0" y2="100%" />`);
  }
  return html`<g key=${n} class=${`mark mark-${verdictLook(severity).name}`}>
    <g class="mark-case">${strokes}</g>
    <g class="mark-edge">${strokes}</g>
  </g>`;
}
