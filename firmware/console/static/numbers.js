// The numbers: every measurement of a scan over its frames with its limits, and the life of its findings.
import { mainSeries } from "./main-series.js";
import { useNumbers } from "./numbers-data.js";
import { grouped } from "./numbers-groups.js";
import { Row } from "./numbers-row.js";
import { NumbersTable } from "./numbers-table.js";
import { lookHref, scanHref } from "./router.js";
import { useStore } from "./store.js";
import { Timeline } from "./timeline.js";
import { count, protocolName } from "./words.js";
import { html, useMemo, useState } from "./vendor/htm-preact.mjs";

/** @param {{args: string[]}} props scan; none: the one of the glance */
export default function Numbers({ args }) {
  const [chosen = ""] = args;
  const current = useStore((state) => (chosen ? (state.series[chosen] ?? null) : mainSeries(state)));
  const scan = chosen || current?.scan || "";
  const news = useStore((state) => state.frames[scan]?.at(-1)?.number ?? "");
  const { trends, page, error } = useNumbers(scan ? `scans/${encodeURIComponent(scan)}` : null, `${news} ${current?.ended ?? ""}`);
  const [table, setTable] = useState(false);
  const flags = page?.timeline;
  const groups = useMemo(() => grouped(trends?.trends ?? [], flags ?? []), [trends, flags]);
  const series = current ?? page?.series ?? null;

  return html`<div class="numbers">
    <div class="numbers-head">
      <h1 class="view-title">${series ? `Numbers: ${protocolName(series)}` : "Numbers"}</h1>
      ${trends && html`<p class="quiet">
        ${count(trends.frames, "image")}; limits ${trends.limits_version || "without a version"}: dotted seen, dashed warning, solid repeat.
        Click a chart to see the image.
      </p>`}
      ${scan &&
      html`<p class="row">
        <button class="button" aria-pressed=${String(table)} onClick=${() => setTable(!table)}>As a table</button>
        <a class="button" href=${lookHref(scan)}>Look</a>
        <a class="button" href=${scanHref(scan)}>Scan page</a>
      </p>`}
    </div>
    ${!scan && html`<p class="notice">No scan yet. Its numbers come with the first image.</p>`}
    ${error && html`<p class="notice bad">${error}</p>`}
    ${page && trends && html`<${Timeline} flags=${flags} frames=${trends.frames} scan=${scan} />`}
    ${trends && (table ? html`<${NumbersTable} groups=${groups} />` : groups.map((group) => html`<${Group} key=${group.name} group=${group} scan=${scan} />`))}
    ${trends && !groups.length && html`<p class="notice">No image has been measured yet.</p>`}
  </div>`;
}

function Group({ group, scan }) {
  return html`<section class="numbers-group">
    <h2>${group.name} <span class="quiet">(${group.rows.length})</span></h2>
    <div class="numbers-grid">
      ${group.rows.map(({ trend, severity }) => html`<${Row} key=${trend.info.row} trend=${trend} severity=${severity} charted=${group.charts} scan=${scan} />`)}
    </div>
  </section>`;
}
