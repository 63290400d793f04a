// May the patient leave? One line, then every series of the examination.
import { html, useState } from "./vendor/htm-preact.mjs";
import { post } from "./api.js";
import { clockTime } from "./clock.js";
import { ANSWER_LOOKS } from "./exam-line.js";
import { scanHref } from "./router.js";
import { Shape } from "./shapes.js";
import { useStore } from "./store.js";
import { imagesOf, protocolName, splitSentence, verdictLook, withoutVerdict } from "./words.js";

/** Status -> word and shape; a done series shows its own verdict's shape. */
const STATUS = {
  running: { word: "Running", name: "waiting" },
  done: { word: "Done", name: "ok" },
  accepted: { word: "Done: a person said it was fine", name: "ok" },
  repeat_advised: { word: "Repeat advised", name: "rescan" },
  repeated: { word: "Repeated", name: "lost" },
  not_judged: { word: "Not judged", name: "unjudged" },
  incomplete: { word: "Images missing", name: "unjudged" },
  not_needed: { word: "Not counted", name: "waiting" },
};
const COMPARED = { better: "Better than before", worse: "Worse than before", same: "As good as before" };

export default function ExamView() {
  const exam = useStore((page) => page.exam);
  const lost = useStore((page) => page.lost);
  if (!exam) return html`<h1>May the patient leave?</h1><p class="notice">Not known yet: the appliance has not answered.</p>`;
  const look = lost ? "lost" : ANSWER_LOOKS[exam.answer];
  return html`<div class="stack list-view">
    <h1>May the patient leave?</h1>
    <p class=${`exam-answer panel edge-${look} ink-${look}`}><${Shape} name=${look} /> <b>${lost ? "Not known now" : exam.line}</b></p>
    ${exam.series.length > 0 && html`<${SeriesTable} series=${exam.series} />`}
    <${NewExam} empty=${exam.series.length === 0} lost=${lost} />
  </div>`;
}

function SeriesTable({ series }) {
  const named = new Map(series.map((one) => [one.scan, one]));
  return html`<table class="table panel">
    <caption class="visually-hidden">Series of this examination</caption>
    <thead><tr><th scope="col">Series</th><th scope="col">State</th><th scope="col">Why, or what to do</th><th scope="col">Images</th><th scope="col">Time</th></tr></thead>
    <tbody>${series.map((one) => html`<${SeriesRow} key=${one.scan} one=${one} before=${named.get(one.repeats)} again=${series.some(({ repeats }) => repeats === one.scan)} />`)}</tbody>
  </table>`;
}

/** before: what it repeats; again: something repeats it. */
function SeriesRow({ one, before, again }) {
  const status = STATUS[one.status];
  const name = one.status === "done" ? verdictLook(one.verdict).name : status.name;
  return html`<tr data-scan=${one.scan} data-status=${one.status}>
    <th scope="row"><a href=${scanHref(one.scan)}>${protocolName(one)}</a>
      ${one.repeats && html`<div class="quiet exam-repeat">repeat of ${before ? `${protocolName(before)}, ${clockTime(before.began)}` : "an earlier series"}</div>`}</th>
    <td><span class=${`badge ink-${name}`}><${Shape} name=${name} /> <span>${status.word}</span></span>
      ${one.status === "done" && one.verdict === "warn" && html`<div class="ink-warn">with a warning</div>`}
      ${COMPARED[one.compared] && html`<div>${COMPARED[one.compared]}</div>`}
      ${one.keep && (one.repeats || again) && html`<div><b>Keep this one</b></div>`}</td>
    <td>${one.status === "repeated" ? splitSentence(one.sentence).what : withoutVerdict(one.sentence)}</td>
    <td class="number">${imagesOf(one.frames, one.frames_expected)}</td>
    <td class="number">${clockTime(one.began)}${one.ended ? ` to ${clockTime(one.ended)}` : ""}</td>
  </tr>`;
}

/** The list begins again, after a second click. */
function NewExam({ empty, lost }) {
  const [asked, setAsked] = useState(false);
  const [said, setSaid] = useState("");
  const begin = async () => {
    setAsked(false);
    try {
      await post("notes", { kind: "new_exam" });
      setSaid("A new examination has begun; the series so far are under Past.");
    } catch (error) {
      setSaid(`Not recorded: ${error.message}`);
    }
  };
  const stopped = lost ? "no connection" : empty ? "no series yet" : "";
  return html`<div class="row">
    ${asked
      ? html`<span>Begin a new list for the next patient?</span>
          <button class="button" type="button" onClick=${begin}>Yes, begin</button>
          <button class="button" type="button" onClick=${() => setAsked(false)}>No</button>`
      : html`<button class="button" type="button" disabled=${Boolean(stopped)} onClick=${() => setAsked(true)}>Next patient</button>
          ${stopped && html`<span class="quiet">Not now: ${stopped}</span>`}`}
    <span role="status">${said}</span>
  </div>`;
}
