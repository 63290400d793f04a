// How a picture is turned, stretched, zoomed and moved, as affine maps `[a, b, c, d, e, f]` in canvas order.
/**
 * Image pixels -> millimetres as displayed, top left of the turned picture at 0.
 * @param {{transpose: boolean, flip_rows: boolean, flip_columns: boolean}} place
 * @param {{width: number, height: number}} size
 * @param {[number, number]} pixelMm between columns, between rows
 * @returns {{matrix: number[], size: [number, number]}}
 */
export function turned(place, size, pixelMm) {
  const [across, down] = pixelMm.map((mm) => (mm > 0 ? mm : 1));
  let matrix = place.transpose ? [0, across, down, 0, 0, 0] : [across, 0, 0, down, 0, 0];
  const wide = place.transpose ? size.height * down : size.width * across;
  const high = place.transpose ? size.width * across : size.height * down;
  if (place.flip_columns) matrix = compose([-1, 0, 0, 1, wide, 0], matrix);
  if (place.flip_rows) matrix = compose([1, 0, 0, -1, 0, high], matrix);
  return { matrix, size: [wide, high] };
}

/**
 * Image pixels -> CSS pixels of the box that shows them.
 * @param {{matrix: number[], size: [number, number]}} picture
 * @param {{width: number, height: number}} box
 * @param {{zoom: number, x: number, y: number}} view zoom 1 fits; x, y: of the picture's middle from the box's, in fits
 */
export function onScreen(picture, box, view) {
  const fit = fitting(picture, box);
  const scale = fit * view.zoom;
  const left = box.width / 2 + view.x * fit - (picture.size[0] * scale) / 2;
  const top = box.height / 2 + view.y * fit - (picture.size[1] * scale) / 2;
  return compose([scale, 0, 0, scale, left, top], picture.matrix);
}

/** CSS pixels per millimetre at zoom 1. */
export function fitting(picture, box) {
  return Math.max(Math.min(box.width / picture.size[0], box.height / picture.size[1]), 1e-6);
}

/** First `second`, then `first`. */
export function compose(first, second) {
  const [a, b, c, d, e, f] = first;
  const [k, l, m, n, o, p] = second;
  return [a * k + c * l, b * k + d * l, a * m + c * n, b * m + d * n, a * o + c * p + e, b * o + d * p + f];
}

export function apply([a, b, c, d, e, f], x, y) {
  return [a * x + c * y + e, b * x + d * y + f];
}

export function inverse([a, b, c, d, e, f]) {
  const det = a * d - b * c;
  return [d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det];
}

/** Bounds `[left, top, right, bottom]` on the screen of a box in image pixels; turns are by quarters, so it stays a box. */
export function bounds(matrix, [left, top, right, bottom]) {
  const [x0, y0] = apply(matrix, left, top);
  const [x1, y1] = apply(matrix, right, bottom);
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}
