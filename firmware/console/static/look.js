// The look: one image at full quality, where in it something is wrong, and the images before it.
import { useFetch } from "./api.js";
import { Filmstrip } from "./filmstrip.js";
import { useFrame } from "./look-frame.js";
import { LookBody } from "./look-body.js";
import { mainSeries } from "./main-series.js";
import { go, lookHref } from "./router.js";
import { useStore } from "./store.js";
import { protocolName } from "./words.js";
import { html } from "./vendor/htm-preact.mjs";

const NO_FRAMES = [];

/** @param {{args: string[]}} props scan and number; no scan: the one of the glance; no number: the newest frame is followed */
export default function Look({ args }) {
  const [chosen = "", wanted = ""] = args;
  const current = useStore((state) => (chosen ? (state.series[chosen] ?? null) : mainSeries(state)));
  const scan = chosen || current?.scan || "";
  const live = useStore((state) => state.frames[scan] ?? NO_FRAMES);
  const path = scan && !live.length ? `scans/${encodeURIComponent(scan)}` : null;
  const past = useFetch(path);
  const kept = useFetch(path && `${path}/frames?limit=64`);
  const frames = live.length ? live : (kept.data?.frames ?? NO_FRAMES);
  const held = /^\d{1,9}$/.test(wanted) ? Number(wanted) : null;
  const number = held ?? frames.at(-1)?.number ?? null;
  const shown = useFrame(scan, number, held !== null);
  const series = current ?? past.data?.series ?? null;
  const hold = (frame) => go(lookHref(scan, frame));
  const refused = past.error ?? kept.error;

  return html`<div class="look">
    <h1 class="view-title look-title">${title(series, shown.number ?? number, number, held)}</h1>
    ${!scan && html`<p class="notice">No scan yet. The picture comes with the first image.</p>`}
    ${scan && refused && !frames.length && html`<p class="notice bad">${refused.message}</p>`}
    ${scan &&
    (frames.length > 0 || held !== null) &&
    html`<${LookBody} key=${scan} shown=${shown} wanted=${number} last=${frames.at(-1)?.number ?? null} held=${held} hold=${hold} />
      <${Filmstrip} key=${scan} scan=${scan} frames=${frames} held=${held} learning=${series?.learning} onHold=${hold} />`}
    ${scan && !frames.length && held === null && !refused && !kept.loading && html`<p class="notice">No image of this scan yet.</p>`}
  </div>`;
}

/** Names the image that is seen: while another one is fetched, that is said, too. */
function title(series, seen, wanted, held) {
  if (!series) return "The look";
  if (seen === null) return protocolName(series);
  const following = series.ended ? "the last one" : "live";
  const state = held === null ? following : seen === wanted ? "held" : `fetching image ${wanted}`;
  return html`${protocolName(series)}, image ${seen} <span class=${`look-state look-state-${held === null ? "live" : "held"}`}>${state}</span>`;
}
