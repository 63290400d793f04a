// How far a scan is: received of prescribed, and when it should end.
import { html } from "./vendor/htm-preact.mjs";
import { clockTime, duration, serverNow } from "./clock.js";
import { useTick } from "./tick.js";
import { imagesOf } from "./words.js";

/** Frames that an estimate needs. */
const ENOUGH = 3;
/** So many times the pace, and so many s, without an image: it is said. */
const LATE = 2;
const LATE_S = 10;

/** s until the last image is due, from the pace of the last ones; null: cannot be told. */
export function secondsLeft(series, frames, now) {
  const left = (series.frames_expected ?? 0) - series.frames;
  const { pace, since } = timing(series, frames, now);
  return left > 0 && pace > 0 ? left * pace - Math.min(Math.max(since, 0), pace) : null;
}

/** s since the last image, or since the scan began, where the next is long overdue; else null. */
export function secondsLate(series, frames, now) {
  if (series.frames_expected !== null && series.frames >= series.frames_expected) return null;
  if (!frames.length && series.frames > 0) return null; // there were images, but when is not known
  const { pace, since } = timing(series, frames, now);
  return since > Math.max(LATE * (pace || 0), LATE_S) ? since : null;
}

/** s between the last images, NaN: too few to tell; and s since the last one or since the scan began. */
function timing(series, frames, now) {
  const first = frames[0];
  const last = frames.at(-1);
  const since = (now - Date.parse(last?.time ?? series.began)) / 1000;
  if (frames.length < ENOUGH) return { pace: NaN, since };
  return { pace: (Date.parse(last.time) - Date.parse(first.time)) / (last.number - first.number) / 1000, since };
}

export function Progress({ series, frames, lost }) {
  useTick(1000);
  const { frames: received, frames_expected: expected } = series;
  const text = imagesOf(received, expected);
  const end = series.ended || lost ? "" : endWords(series, frames);
  const share = expected ? Math.min(1, received / expected) : 0;
  return html`<div class="progress">
    <p><b>${text}</b>${end && html`<span class="quiet">${end}</span>`}</p>
    ${expected !== null && html`<div class="progress-bar" role="progressbar" aria-label="Images received" aria-valuemin="0"
      aria-valuemax=${expected} aria-valuenow=${Math.min(received, expected)} aria-valuetext=${text}>
      <div class="progress-done" style=${{ width: `${100 * share}%` }}></div></div>`}
  </div>`;
}

function endWords(series, frames) {
  const late = secondsLate(series, frames, serverNow());
  if (late !== null) return `, no image for ${duration(late)}`;
  const seconds = secondsLeft(series, frames, serverNow());
  if (seconds === null) return "";
  const end = new Date(serverNow().valueOf() + 1000 * seconds).toISOString();
  const rough = seconds < 60 ? 5 * Math.ceil(seconds / 5) : 30 * Math.ceil(seconds / 30);
  return `, about ${duration(rough)} left, until ${clockTime(end)}`;
}
