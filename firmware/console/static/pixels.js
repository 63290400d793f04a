// Pixels as numbers: fetched as they are stored, windowed here, so that brightness costs no request.
import { getBuffer } from "./api.js";

/**
 * @typedef {{width: number, height: number, stored: Uint16Array, offset: number, step: number}} Plane
 * value = offset + step * stored
 */

/**
 * One plane of a frame.
 * @param {string} path of `image.raw` or `processed.raw`
 * @param {{width: number, height: number}} size
 * @param {AbortSignal} signal
 * @returns {Promise<Plane>}
 */
export async function fetchPlane(path, size, signal) {
  const { buffer, headers } = await getBuffer(path, { signal });
  const offset = Number(headers.get("X-Scanside-Offset"));
  const step = Number(headers.get("X-Scanside-Step"));
  if (buffer.byteLength !== size.width * size.height * 2 || !Number.isFinite(offset) || !Number.isFinite(step)) {
    throw new Error("The picture that came is not of the size it was announced with. Choose another image.");
  }
  return { ...size, stored: littleEndian(buffer), offset, step };
}

/** @param {ArrayBuffer} bytes @returns {Uint16Array} */
function littleEndian(bytes) {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return new Uint16Array(bytes);
  const view = new DataView(bytes);
  return Uint16Array.from({ length: bytes.byteLength / 2 }, (_, n) => view.getUint16(2 * n, true));
}

/**
 * Value at a pixel, in the unit of the image; null outside.
 * @param {Plane} plane
 */
export function valueAt(plane, column, row) {
  if (column < 0 || row < 0 || column >= plane.width || row >= plane.height) return null;
  return plane.offset + plane.step * plane.stored[row * plane.width + column];
}

/**
 * The plane as grey levels, on a canvas of its own size.
 * @param {Plane} plane
 * @param {{low: number, high: number, inverted: boolean}} shown
 * @param {HTMLCanvasElement} canvas
 */
export function paint(plane, shown, canvas) {
  canvas.width = plane.width;
  canvas.height = plane.height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(plane.width, plane.height);
  const grey = new Uint32Array(image.data.buffer);
  const levels = greyLevels(plane, shown);
  for (let n = 0; n < grey.length; n += 1) grey[n] = levels[plane.stored[n]];
  context.putImageData(image, 0, 0);
}

/** Stored value -> opaque grey as one 32-bit pixel; all four bytes of a grey but alpha agree, so their order matters not. */
function greyLevels(plane, { low, high, inverted }) {
  const levels = new Uint32Array(65536);
  const opaque = new Uint32Array(new Uint8ClampedArray([0, 0, 0, 255]).buffer)[0];
  const ones = new Uint32Array(new Uint8ClampedArray([1, 1, 1, 0]).buffer)[0];
  const slope = 255 / Math.max(high - low, Number.MIN_VALUE);
  for (let n = 0; n < levels.length; n += 1) {
    const level = Math.round(Math.min(Math.max((plane.offset + plane.step * n - low) * slope, 0), 255));
    levels[n] = opaque + ones * (inverted ? 255 - level : level);
  }
  return levels;
}
