// What the page says of a series: its verdict and sentence, but never OK of one that ended with fewer images than promised.
import { imagesOf, withoutVerdict } from "./words.js";

function lacksImages(series) {
  const missing = series.ended && series.frames < (series.frames_expected ?? 0);
  return missing && series.role === "imaging" && series.opinion !== "fine" && ["", "ok"].includes(series.verdict);
}

export function seriesVerdict(series) {
  return lacksImages(series) ? "warn" : series.verdict;
}

/** Without the word of its verdict. */
export function seriesSentence(series) {
  if (lacksImages(series)) return `${imagesOf(series.frames, series.frames_expected)} came. Look at the images.`;
  return withoutVerdict(series.sentence);
}
