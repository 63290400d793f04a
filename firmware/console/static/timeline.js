// The life of a scan's findings over its images: when each began, grew and ended.
import { plain } from "./numbers-words.js";
import { lookHref } from "./router.js";
import { Shape } from "./shapes.js";
import { badness, verdictLook } from "./words.js";
import { html } from "./vendor/htm-preact.mjs";

/** Findings that are drawn: the newest. */
const DRAWN = 60;

/** @param {{flags: object[], frames: number, scan: string}} props flags: oldest first; frames: how many there are */
export function Timeline({ flags, frames, scan }) {
  const lives = livesOf(flags);
  const drawn = lives.slice(-DRAWN);
  return html`<section class="timeline panel">
    <h2>Findings over images</h2>
    ${!lives.length && html`<p class="quiet">Nothing was found.</p>`}
    ${lives.length > drawn.length && html`<p class="quiet">The newest ${drawn.length} of ${lives.length} findings.</p>`}
    ${drawn.length > 0 && html`<ol>${drawn.map((life) => html`<${Life} key=${life.finding} life=${life} frames=${frames} scan=${scan} />`)}</ol>`}
  </section>`;
}

function Life({ life, frames, scan }) {
  const { name, word } = verdictLook(life.severity);
  const last = life.ended ? life.last : Math.max(frames - 1, life.last);
  const of = Math.max(frames, last + 1);
  const bar = { left: `${(100 * life.first) / of}%`, width: `${(100 * (last - life.first + 1)) / of}%` };
  return html`<li>
    <p class="timeline-said">
      <span class=${`ink-${name}`}><${Shape} name=${name} /><span class="visually-hidden"> ${word}:</span></span> ${life.message}
      <span class="quiet"> · <a href=${lookHref(scan, life.first)}>from image ${life.first}</a>${courseWords(life)}</span>
    </p>
    <div class="timeline-track" aria-hidden="true">
      <span class=${`timeline-bar timeline-bar-${name}${life.ended ? "" : " timeline-open"}`} style=${bar}></span>
      ${life.updates.map((number) => html`<span key=${number} class="timeline-update" style=${{ left: `${(100 * (number + 0.5)) / of}%` }}></span>`)}
    </div>
  </li>`;
}

function courseWords({ last, ended, updates, evidence }) {
  const grew = updates.length ? `, changed at ${updates.slice(-4).join(", ")}` : "";
  const until = ended ? ` to ${last}, ended: ${plain(ended)}` : ", still there";
  return `${until}${grew}${evidence ? ` · ${evidence}` : ""}`;
}

/** One entry for each finding, in the order in which they began, the worst first. */
function livesOf(flags) {
  const lives = new Map();
  for (const flag of flags) {
    const life = lives.get(flag.finding) ?? { finding: flag.finding, first: flag.first_number, severity: "", updates: [], ended: "" };
    lives.set(flag.finding, life);
    life.last = flag.placed_number;
    life.message = flag.message;
    life.evidence = flag.evidence;
    if (badness(flag.severity) >= badness(life.severity)) life.severity = flag.severity;
    if (flag.life === "update") life.updates.push(flag.placed_number);
    if (flag.life === "end") life.ended = flag.end_reason || "ended";
  }
  return [...lives.values()].sort((a, b) => a.first - b.first || badness(b.severity) - badness(a.severity));
}
