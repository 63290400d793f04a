// The glance: from two metres, in half a second, whether to go on.
import { html } from "./vendor/htm-preact.mjs";
import { clockTime, duration, serverNow } from "./clock.js";
import { ExamLine } from "./exam-line.js";
import { Filmstrip } from "./filmstrip.js";
import { isOfBefore, orderedSeries, otherSeries } from "./main-series.js";
import { NoteButtons } from "./notes.js";
import { Picture } from "./picture.js";
import { Progress } from "./progress.js";
import { go, lookHref, scanHref } from "./router.js";
import { seriesVerdict } from "./series-verdict.js";
import { Badge, Shape } from "./shapes.js";
import { silenceWords } from "./silence.js";
import { useStore } from "./store.js";
import { useTick } from "./tick.js";
import { Story, story, VerdictWord } from "./verdict-field.js";
import { count, LOST, ordinal, protocolName, verdictLook, withoutVerdict } from "./words.js";

const NO_FRAMES = [];

export default function Glance() {
  const all = useStore((page) => page.series);
  const lost = useStore((page) => page.lost);
  const known = useStore((page) => page.now !== null);
  const ofBefore = useStore(isOfBefore);
  const series = orderedSeries(all)[0] ?? null;
  const frames = useStore((page) => (series && page.frames[series.scan]) || NO_FRAMES);
  if (!series || ofBefore) {
    return html`<div class="glance glance-empty">${lost ? html`<${LostField} series=${null} />` : html`<${WaitingField} known=${known} before=${series} />`}<${ExamLine} /></div>`;
  }
  const others = otherSeries(all);
  return html`<div class=${lost ? "glance glance-lost" : "glance"}>
    ${others.length > 0 && html`<${Others} others=${others} lost=${lost} />`}
    <div class="glance-body">
      <div class="glance-left">
        ${lost ? html`<${LostField} series=${series} frames=${frames} />` : html`<${Verdict} series=${series} />`}
        <div class="glance-bar panel">
          <${Progress} series=${series} frames=${frames} lost=${lost} />
          <${NoteButtons} series=${series} />
        </div>
      </div>
      <${Newest} series=${series} frames=${frames} />
    </div>
    <section class="glance-strip" aria-label="Last images">
      <${Filmstrip} scan=${series.scan} frames=${frames} held=${null} learning=${series.learning} quiet=${true} onHold=${(number) => number !== null && go(lookHref(series.scan, number))} />
    </section>
    <${ExamLine} />
  </div>`;
}

function Verdict({ series }) {
  const look = verdictLook(seriesVerdict(series), series.learning);
  return html`<section class=${`verdict field field-${look.name}`} aria-label="Verdict">
    <p class="verdict-scan"><${ScanName} series=${series} /></p>
    <${VerdictWord} look=${look} />
    ${look.name !== "waiting" && html`<${Story} told=${story(series)} />`}
    ${look.name === "learning" && html`<p class="verdict-learning">Still learning this protocol: ${series.learning.seen} of ${count(series.learning.needed, "series", "series")}</p>`}
  </section>`;
}

/** What it is of, and when: an old verdict is not to be taken for that of the patient on the table. */
function ScanName({ series }) {
  useTick(1000);
  const ended = series.ended && duration((serverNow() - Date.parse(series.ended)) / 1000);
  const when = series.ended ? `ended ${clockTime(series.ended)}, ${ended} ago` : `running since ${clockTime(series.began)}`;
  return html`<a href=${scanHref(series.scan)}>${protocolName(series)}</a> <span>${when}</span>`;
}

/** before: the last series of the patient before, or null. */
function WaitingField({ known, before }) {
  const look = { word: known ? "Waiting for the scanner" : "Connecting", name: "waiting" };
  return html`<section class="verdict field field-waiting" aria-label="Verdict">
    <h1 class="verdict-waiting" data-verdict="waiting"><${Shape} name="waiting" /> ${look.word}</h1>
    ${known && html`<p class="story-what">${before ? "" : "No scan has come yet. "}The first image appears here by itself.</p>`}
    ${before && html`<p class="verdict-last verdict-before"><span>The patient before:</span> <${Badge} verdict=${seriesVerdict(before)} learning=${before.learning} /> <span class="verdict-scan"><${ScanName} series=${before} /></span></p>`}
  </section>`;
}

/** The page cannot trust what it last heard: it says so, greys it, and counts its age. */
function LostField({ series, frames = NO_FRAMES }) {
  useTick(1000);
  const why = useStore(silenceWords);
  return html`<section class="verdict field field-lost" aria-label="Verdict">
    ${series && html`<p class="verdict-scan"><${ScanName} series=${series} /></p>`}
    <${VerdictWord} look=${LOST} />
    <p class="story-what">${why} The page tries again by itself.</p>
    ${series?.verdict && html`<p class="verdict-last"><span>Last verdict</span> <${Badge} verdict=${seriesVerdict(series)} learning=${series.learning} /> <span>${age(series, frames)}</span></p>`}
    <p class="story-act glance-action"><span aria-hidden="true">→ </span>Judge the images yourself</p>
  </section>`;
}

function age(series, frames) {
  const time = series.ended || frames.at(-1)?.time;
  return time ? `${duration((serverNow() - Date.parse(time)) / 1000)} old` : "of unknown age";
}

function Newest({ series, frames }) {
  const newest = frames.at(-1) ?? null;
  return html`<figure class="newest panel" data-scan=${series.scan} data-number=${newest?.number}>
    <${Picture} frame=${newest} name=${protocolName(series)} />
    ${newest && html`<figcaption><span><a href=${lookHref(series.scan, newest.number)}>Image ${newest.number}</a> <span class="quiet">(the ${ordinal(newest.number + 1)})</span></span> <${Badge} verdict=${newest.verdict} learning=${series.learning} /></figcaption>`}
  </figure>`;
}

/** Further scanners' scans, small: the worst of all is the large one. */
function Others({ others, lost }) {
  return html`<ul class="others" aria-label="Other running scans">${others.map(
    (series) => html`<li key=${series.scan} class="panel"><a href=${scanHref(series.scan)}>
      <${Badge} verdict=${lost ? "" : series.verdict} learning=${series.learning} /> <b>${protocolName(series)}</b>
      <span class="quiet">${lost ? "not known now" : withoutVerdict(series.sentence)}</span></a></li>`,
  )}</ul>`;
}
