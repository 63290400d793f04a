// May the patient leave? In one line.
import { html } from "./vendor/htm-preact.mjs";
import { Shape } from "./shapes.js";
import { useStore } from "./store.js";

export const ANSWER_LOOKS = { yes: "ok", no: "rescan", look: "unjudged", wait: "waiting", nothing: "waiting" };

export function ExamLine() {
  const exam = useStore((page) => page.exam);
  const lost = useStore((page) => page.lost);
  const look = lost || !exam ? "lost" : ANSWER_LOOKS[exam.answer];
  const line = lost || !exam ? "Not known now" : exam.line;
  return html`<p class=${`exam-line panel edge-${look}`}><a href="#/exam">May the patient leave?</a>
    <b class=${`ink-${look}`}><${Shape} name=${look} /> ${line}</b></p>`;
}
