// The rows of a scan by what there is to say of them: found wrong first, then measured, then not measured.
import { badness, count } from "./words.js";
import { imageWords, plain, short, withUnit } from "./numbers-words.js";

/**
 * @param {object[]} trends
 * @param {object[]} flags life of the scan's findings
 * @returns {{name: string, charts: boolean, rows: object[]}[]}
 */
export function grouped(trends, flags) {
  const found = worstByRow(flags);
  const rows = trends.map((trend) => ({ trend, severity: found.get(trend.info.row) ?? "" }));
  const measured = ({ trend }) => trend.values.some((value) => value !== null);
  return [
    {
      name: "Outside a limit",
      charts: true,
      rows: rows.filter(({ severity }) => severity).sort((a, b) => badness(b.severity) - badness(a.severity)),
    },
    { name: "Measured, within limits", charts: true, rows: rows.filter((row) => !row.severity && measured(row)) },
    { name: "Not measured", charts: false, rows: rows.filter((row) => !row.severity && !measured(row)) },
  ].filter((group) => group.rows.length);
}

/** Row -> the worst that was found by it. */
function worstByRow(flags) {
  const found = new Map();
  for (const { measurement, severity } of flags) {
    if (badness(severity) > badness(found.get(measurement.row) ?? "")) found.set(measurement.row, severity);
  }
  return found;
}

/** Newest value; null: none was measured. */
export function latest({ values }) {
  return values.findLast((value) => value !== null) ?? null;
}

/** The newest detection limit of a row; null: it has none, or none was told. */
export function detectionLimit({ info, limits }) {
  return info.detect ?? limits.findLast((limit) => limit !== null) ?? null;
}

/** Name of a row, and its number in the documentation. */
export function rowName({ info }) {
  return plain(info.name || info.kind || info.row);
}

/**
 * The limits of a row in words, each with where it comes from.
 * @returns {{what: string, source: string}[]}
 */
export function limitWords(trend) {
  const { info } = trend;
  const side = info.high_is_bad ? "above" : "below";
  const told = [];
  const detect = detectionLimit(trend);
  if (detect !== null) {
    const own = info.detect === null ? " (follows from each image)" : "";
    told.push({ what: `seen ${side} ${withUnit(detect, info.unit)}${own}`, source: imageWords(info.detect_source) });
  } else if (info.detect_source) {
    told.push({ what: "seen by a limit that follows from each image", source: imageWords(info.detect_source) });
  }
  for (const [name, word] of [["warn", "warning"], ["rescan", "repeat"]]) {
    if (info[name] === null) continue;
    const ofValue = info[`${name}_of_value`];
    const number = `${withUnit(info[name], info[`${name}_unit`])}${ofValue ? "" : " of impact"}`;
    told.push({ what: `${word} ${ofValue ? side : "from"} ${number}`, source: imageWords(info[`${name}_source`]) });
  }
  return told;
}

/** Limits that can be drawn beside the value, as columns. */
export function limitLines(trend) {
  const { info, limits, numbers } = trend;
  const lines = [];
  if (limits.length) lines.push({ name: "detect", values: limits });
  else if (info.detect !== null) lines.push({ name: "detect", values: numbers.map(() => info.detect) });
  for (const name of ["warn", "rescan"]) {
    if (info[name] !== null && info[`${name}_of_value`]) lines.push({ name, values: numbers.map(() => info[name]) });
  }
  return lines;
}

/** The value now, or that the newest image has none, and why. */
export function valueWords(trend) {
  const last = latest(trend);
  if (last === null) return trend.latest_why ? `not measured: ${plain(trend.latest_why)}` : "not measured";
  const said = withUnit(last, trend.info.unit);
  if (trend.latest_why) return `not measured now: ${plain(trend.latest_why)}; last ${said}`;
  return trend.values.at(-1) === null ? `not measured now; last ${said}` : said;
}

/** "not measured in 12 images: first image (1), low snr (11)"; empty: measured in all. */
export function missingWords({ why_missing, info }) {
  const reasons = Object.entries(why_missing).sort((a, b) => b[1] - a[1]);
  if (!reasons.length) return "";
  const frames = reasons.reduce((sum, [, number]) => sum + number, 0);
  const told = reasons.map(([why, number]) => `${plain(why || "no reason told")} (${number})`).join(", ");
  return `not measured in ${count(frames, "image")}: ${told}${info.mandatory ? "; without it an image is not OK" : ""}`;
}

/** The chart of a row for whoever cannot see it. */
export function chartWords(trend) {
  const { info, low, high } = trend;
  const known = [...low, ...high].filter((value) => value !== null);
  const spread = known.length ? `, between ${short(Math.min(...known))} and ${withUnit(Math.max(...known), info.unit)}` : "";
  return `${rowName(trend)} over images: ${valueWords(trend)}${spread}. ${limitWords(trend).map(({ what }) => what).join("; ")}`;
}
