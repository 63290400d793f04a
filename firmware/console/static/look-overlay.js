// Where it is wrong, drawn over the image: hatched and named, so that colour alone says nothing.
import { bounds } from "./look-turn.js";
import { measuredHere, placeWords } from "./look-where.js";
import { verdictLook } from "./words.js";
import { html } from "./vendor/htm-preact.mjs";

/** CSS pixels that a marked place is wide at least. */
const LEAST = 6;
const LABEL = { height: 22, letter: 6.9 };
/** Findings that lie not in this image and are named over it all the same. */
const LISTED = 4;
/** CSS pixels from the top that the letter of the upper edge takes. */
const UNDER_LETTER = 32;

/**
 * @param {{findings: object[], frame: object, matrix: number[], image: {width: number, height: number},
 *   room: {width: number, height: number}}} props
 */
export function Overlay({ findings, frame, matrix, image, room }) {
  const here = findings.filter((finding) => measuredHere(finding, frame));
  const marks = here.flatMap((finding) => places(finding, image).map((box) => ({ finding, box: atLeast(bounds(matrix, box)) })));
  const elsewhere = findings.filter((finding) => !marks.some((mark) => mark.finding === finding));
  const labels = [...named(marks, room), ...listed(elsewhere, frame, room)];
  return html`<svg class="look-overlay" aria-hidden="true" width=${room.width} height=${room.height}>
    <defs>
      ${["warn", "rescan", "unjudged"].map((name) => html`<${Hatch} key=${name} name=${name} />`)}
    </defs>
    ${marks.map(({ finding, box: [left, top, right, bottom] }, n) => {
      const name = verdictLook(finding.severity).name;
      const size = { x: left, y: top, width: right - left, height: bottom - top };
      return html`<g key=${n} class=${`mark mark-${name}`}>
        <rect ...${size} class="mark-case" />
        <rect ...${size} class="mark-edge" fill=${`url(#hatch-${name})`} />
      </g>`;
    })}
    ${labels.map(({ finding, x, y, width, text }) => {
      const { name } = verdictLook(finding.severity);
      return html`<g key=${finding.finding} class=${`mark mark-${name}`}>
        <rect x=${x} y=${y} width=${width} height=${LABEL.height} rx="3" class="mark-plate" />
        <text x=${x + 7} y=${y + 15.5}>${text}</text>
      </g>`;
    })}
  </svg>`;
}

/** Warnings are hatched one way, what asks for a repeat both ways: told apart without colour. */
function Hatch({ name }) {
  return html`<pattern id=${`hatch-${name}`} width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
    <path class=${`hatch hatch-${name}`} d=${name === "rescan" ? "M0 0V9M0 0H9" : "M0 0V9"} />
  </pattern>`;
}

/** Boxes `[left, top, right, bottom]` of a finding in image pixels; none: it is not a place in the image. */
export function places({ where }, image) {
  const columns = runs(where.columns ?? []).map(([first, last]) => [first, 0, last + 1, image.height]);
  return where.box ? [where.box, ...columns] : columns;
}

/** Neighbouring numbers joined, as [first, last]. */
function runs(numbers) {
  const joined = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const run = joined.at(-1);
    if (run && number <= run[1] + 1) run[1] = number;
    else joined.push([number, number]);
  }
  return joined;
}

function atLeast([left, top, right, bottom]) {
  const [wider, higher] = [Math.max(LEAST - (right - left), 0) / 2, Math.max(LEAST - (bottom - top), 0) / 2];
  return [left - wider, top - higher, right + wider, bottom + higher];
}

/** One label for each finding at its first place, inside the stage and none over another. */
function named(marks, room) {
  const placed = [];
  for (const { finding, box: [left, top] } of marks) {
    if (placed.some((label) => label.finding === finding)) continue;
    const text = `${verdictLook(finding.severity).word}: ${finding.kind.replaceAll("-", " ")}`;
    const width = text.length * LABEL.letter + 14;
    const x = Math.min(Math.max(left, 4), Math.max(room.width - width - 4, 4));
    let y = Math.min(Math.max(top - LABEL.height - 3, 30), Math.max(room.height - LABEL.height - 4, 4));
    while (placed.some((other) => Math.abs(other.y - y) < LABEL.height && x < other.x + other.width && other.x < x + width)) {
      y += LABEL.height + 3;
    }
    placed.push({ finding, x, y, width, text });
  }
  return placed;
}

/** What is no place in this image - coil elements, lines of k-space, all of it, a place in another - is named in the corner. */
function listed(findings, frame, room) {
  const most = Math.max(Math.floor((room.width - 30) / LABEL.letter), 8);
  const labels = findings.slice(0, LISTED).map((finding) => {
    const place = placeWords(finding, frame);
    const told = `${verdictLook(finding.severity).word}: ${finding.kind.replaceAll("-", " ")}${place ? `, ${place}` : ""}`;
    const text = told.length > most ? `${told.slice(0, most - 1)}…` : told;
    return { finding, text, width: text.length * LABEL.letter + 14 };
  });
  const reachesMiddle = labels.some(({ width }) => width > room.width / 2 - 24);
  return labels.map((label, n) => ({ ...label, x: 8, y: (reachesMiddle ? UNDER_LETTER : 8) + n * (LABEL.height + 3) }));
}
