// Window, zoom and pan of the look, as one value and what changes it.
import { fitting } from "./look-turn.js";

const ZOOM = [0.5, 32];
/** Share of the window's width that one key press or button moves it by. */
const STEP = 0.08;
/** CSS pixels of a drag that double the window's width. */
const DOUBLES = 160;

/**
 * `window` null: as the appliance proposes for each frame.
 * @typedef {{window: {low: number, high: number} | null, inverted: boolean, zoom: number, x: number, y: number}} View
 * @type {View}
 */
export const AT_FIRST = { window: null, inverted: false, zoom: 1, x: 0, y: 0 };

/** Window by a drag of `right` and `down` CSS pixels: wider to the right, brighter upwards. */
export function dragged({ low, high }, right, down) {
  const width = high - low;
  return around((low + high) / 2 + (down / DOUBLES) * width * 0.5, width * 2 ** (right / DOUBLES));
}

/** Window by one step of a key: `wider` and `brighter` are -1, 0 or 1. */
export function stepped({ low, high }, wider, brighter) {
  const width = high - low;
  return around((low + high) / 2 - brighter * STEP * width, width * (1 + STEP) ** (2 * wider));
}

function around(level, width) {
  const kept = Math.max(width, 1e-6);
  return { low: level - kept / 2, high: level + kept / 2 };
}

/**
 * Zoomed by a factor so that what is under the point stays there.
 * @param {View} view
 * @param {{x: number, y: number}} point from the middle of the box, CSS pixels
 */
export function zoomed(view, factor, point, picture, box) {
  const zoom = Math.min(Math.max(view.zoom * factor, ZOOM[0]), ZOOM[1]);
  const fit = fitting(picture, box);
  const ratio = zoom / view.zoom;
  return moved({ ...view, zoom, x: point.x / fit - (point.x / fit - view.x) * ratio, y: point.y / fit - (point.y / fit - view.y) * ratio }, 0, 0, picture, box);
}

/** Moved by CSS pixels; a part of the picture always stays in sight. */
export function moved(view, right, down, picture, box) {
  const fit = fitting(picture, box);
  const limit = (size, room) => Math.max((size * view.zoom + room / fit) / 2 - 0.1 * size * view.zoom, 0);
  const kept = (value, most) => Math.min(Math.max(value, -most), most);
  return {
    ...view,
    x: kept(view.x + right / fit, limit(picture.size[0], box.width)),
    y: kept(view.y + down / fit, limit(picture.size[1], box.height)),
  };
}
