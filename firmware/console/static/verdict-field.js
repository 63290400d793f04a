// The verdict, readable from two metres: word, shape and colour; what is wrong, what to do, how sure, where.
import { html } from "./vendor/htm-preact.mjs";
import { Shape } from "./shapes.js";
import { seriesSentence, seriesVerdict } from "./series-verdict.js";
import { splitSentence } from "./words.js";

/** em of a capital letter of the verdict's font, and of the shape with its gap. */
const LETTER_EM = 0.69;
const SHAPE_EM = 1.3;

/** Word and shape as large as the field's width lets them be. */
export function VerdictWord({ look }) {
  const parts = look.word.split(" ");
  const longest = Math.max(...parts.map((part) => part.length));
  const line = look.name === "lost" ? longest : look.word.length;
  const style = { "--line": LETTER_EM * line + SHAPE_EM, "--part": LETTER_EM * longest + SHAPE_EM, "--parts": parts.length };
  return html`<h1 class="verdict-word" data-verdict=${look.name} style=${style}><${Shape} name=${look.name} /><span>${look.word}</span></h1>`;
}

/** What is wrong, how sure, where and what to do, of the finding that speaks; the sentence where none does. */
export function story(series) {
  const verdict = seriesVerdict(series);
  const finding = verdict === series.verdict && series.findings.find(({ severity }) => severity === verdict);
  if (!finding || verdict === "cannot_judge" || verdict === "ok") {
    const { what, act } = splitSentence(seriesSentence(series));
    return { what, act, sure: "", where: "" };
  }
  return { what: finding.message, act: finding.action, sure: finding.evidence ?? "", where: finding.place ?? "" };
}

export function Story({ told }) {
  return html`<div class="story">
    ${told.what && html`<p class="story-what">${told.what}</p>`}
    ${told.act && html`<p class="story-act glance-action"><span aria-hidden="true">→ </span><span class="visually-hidden">What to do: </span>${told.act}</p>`}
    <dl class="story-facts">
      ${told.sure && html`<div><dt>How sure</dt><dd>${told.sure}</dd></div>`}
      ${told.where && html`<div><dt>Where</dt><dd>${told.where}</dd></div>`}
    </dl>
  </div>`;
}
