// Window, zoom and the value under the pointer, in the unit of the image.
import { short } from "./numbers-words.js";
import { html } from "./vendor/htm-preact.mjs";

const UNITS = { snr: "SNR units", arbitrary: "(no unit)" };

/**
 * @param {{window: {low: number, high: number}, own: boolean, view: {zoom: number},
 *   point: {column: number, row: number, middle: boolean, value: number|null, other: number|null}|null,
 *   picture: {unit: string}}} props
 *   own: somebody changed the window
 */
export function Reading({ window, own, view, point, picture }) {
  const unit = UNITS[picture.unit] ?? picture.unit;
  return html`<div class="look-reading">
    <span>Window ${short(window.low)} to ${short(window.high)}${own ? "" : ", as proposed"}</span>
    <span>Zoom ${view.zoom.toFixed(1)}×</span>
    <span class="look-value">${point && pointWords(point, unit)}</span>
  </div>`;
}

function pointWords({ column, row, middle, value, other }, unit) {
  const where = middle ? "Middle" : `Column ${column}, row ${row}`;
  if (value === null) return `${where}: outside the picture`;
  return `${where}: ${short(value)} ${unit}${other === null || other === undefined ? "" : `; processed ${short(other)}`}`;
}
