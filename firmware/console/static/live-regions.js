// What a screen reader is told, one sentence and only at a change: a new REPEAT at once, everything else in its turn.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.mjs";
import { orderedSeries } from "./main-series.js";
import { seriesSentence, seriesVerdict } from "./series-verdict.js";
import { useStore } from "./store.js";
import { protocolName, verdictLook } from "./words.js";

const NOTHING = { scan: "", text: "" };

export function LiveRegions() {
  const series = useStore((page) => page.series);
  const lost = useStore((page) => page.lost);
  const problem = useStore((page) => page.now?.problem ?? "");
  const known = useRef({ series: {}, lost: false, problem: "" });
  const [urgent, setUrgent] = useState(NOTHING);
  const [calm, setCalm] = useState("");
  useEffect(() => {
    for (const one of orderedSeries(series).reverse()) {
      const before = known.current.series[one.scan];
      const verdict = seriesVerdict(one);
      const changed = verdict && (!before || seriesVerdict(before) !== verdict);
      const urgently = changed && verdict === "rescan";
      if (urgently) setUrgent({ scan: one.scan, text: said(one) });
      else if (changed) setCalm(said(one));
      const over = changed || (before && one.ended && !before.ended);
      if (over && !urgently) setUrgent((now) => (now.scan === one.scan ? NOTHING : now));
    }
    known.current.series = series;
  }, [series]);
  useEffect(() => {
    if (lost !== known.current.lost) {
      setCalm(lost ? "Connection to the appliance lost: the last verdict may be old." : "Connected to the appliance again.");
    }
    known.current.lost = lost;
  }, [lost]);
  useEffect(() => {
    if (problem !== known.current.problem) {
      setCalm(problem || "The record can be read again.");
    }
    known.current.problem = problem;
  }, [problem]);
  return html`<div class="visually-hidden">
    <div role="alert" aria-live="assertive" aria-atomic="true">${urgent.text && html`<p key=${urgent.scan}>${urgent.text}</p>`}</div>
    <div role="status" aria-live="polite" aria-atomic="true">${calm}</div>
  </div>`;
}

function said(series) {
  return `${protocolName(series)}: ${verdictLook(seriesVerdict(series), series.learning).word}. ${seriesSentence(series)}`;
}
