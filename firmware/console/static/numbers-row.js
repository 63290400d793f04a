// One row of measurements: its name, its value now, its chart, and where its limits come from.
import { Chart, isNear } from "./chart.js";
import { chartWords, detectionLimit, latest, limitLines, limitWords, missingWords, rowName, valueWords } from "./numbers-groups.js";
import { unitWords } from "./numbers-words.js";
import { go, lookHref } from "./router.js";
import { Badge } from "./shapes.js";
import { html, useMemo } from "./vendor/htm-preact.mjs";

/** @param {{trend: object, severity: string, charted: boolean, scan: string}} props severity: the worst found by it; empty: nothing */
export function Row({ trend, severity, charted, scan }) {
  const lines = useMemo(() => limitLines(trend), [trend]);
  const words = limitWords(trend);
  const missing = missingWords(trend);
  const limit = detectionLimit(trend);
  const far = charted && limit !== null && lines.some(({ name }) => name === "detect") && !isNear(limit, trend.values);
  return html`<article class="number-row panel">
    <h3>
      <span>${rowName(trend)} <span class="quiet">${trend.info.row}${trend.info.learned ? ", network" : ""}</span></span>
      ${charted && html`<span class="number-now">${valueWords(trend)}</span>`}
    </h3>
    ${severity && html`<p><${Badge} verdict=${severity} /></p>`}
    ${charted &&
    html`<${Chart}
      numbers=${trend.numbers}
      values=${trend.values}
      low=${trend.low}
      high=${trend.high}
      limits=${lines}
      group=${`scan ${scan}`}
      label=${chartWords(trend)}
      onPick=${(number) => go(lookHref(scan, number))}
    />`}
    ${missing && html`<p class="number-missing">${missing}</p>`}
    ${words.length > 0
      ? html`<details>
          <summary>${words.map(({ what }) => what).join("; ")}${far ? `; the limit lies ${limit > latest(trend) ? "above" : "below"} the chart` : ""}</summary>
          <ul>${words.map(({ what, source }) => html`<li key=${what}>${what}: ${source || "no source told"}</li>`)}</ul>
        </details>`
      : html`<p class="quiet">no limit${unitWords(trend.info.unit) ? `; in ${unitWords(trend.info.unit)}` : ""}</p>`}
  </article>`;
}
