// Which series the glance shows large when several are there.
import { badness } from "./words.js";

/** Series of the state as the glance orders them: the worst running one first; those that ended after all running. */
export function orderedSeries(all) {
  return Object.values(all).sort(
    (a, b) =>
      Number(Boolean(a.ended)) - Number(Boolean(b.ended)) ||
      badness(b.verdict) - badness(a.verdict) ||
      (a.began < b.began ? 1 : a.began > b.began ? -1 : 0) ||
      (a.scan < b.scan ? -1 : 1),
  );
}

/** The worst running one, else the one that ended last; null: there was none. */
export function mainSeries(state) {
  return orderedSeries(state.series)[0] ?? null;
}

/** The main series has ended and so has its examination: its verdict says nothing of the patient on the table. */
export function isOfBefore(state) {
  const series = mainSeries(state);
  const { exam, now } = state;
  if (!series?.ended || !exam || now?.problem) return false; // a list that is not up to date ends no examination
  return exam.answer === "nothing" && !exam.series.some(({ scan }) => scan === series.scan);
}

/** The other running ones. */
export function otherSeries(all) {
  return orderedSeries(all).slice(1).filter((series) => !series.ended);
}
