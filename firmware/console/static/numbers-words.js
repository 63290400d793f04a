// Numbers and names of the engine as people read them.

const UNITS = { 1: "", "1e-6": "ppm" };

/** Words of the engine: what is a frame there is an image to people. */
export function imageWords(text) {
  return text.replace(/\bframe(s?)\b/g, "image$1");
}

/** A name of the engine, with spaces. */
export function plain(name) {
  return imageWords(name.replaceAll("_", " "));
}

/** Three significant digits, no exponent where none is needed; null has no number. */
export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(1);
  return String(Number(value.toPrecision(size >= 1000 ? 4 : 3)));
}

/** Number and unit. */
export function withUnit(value, unit) {
  const said = UNITS[unit] ?? unit;
  return said ? `${short(value)} ${said}` : short(value);
}

/** Unit alone, as beside a heading. */
export function unitWords(unit) {
  return UNITS[unit] ?? unit;
}
