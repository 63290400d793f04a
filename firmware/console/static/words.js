// Word, shape and css name of each verdict: the same words as in the terminal and in the sentences.

const LOOKS = {
  ok: { word: "OK", name: "ok" },
  warn: { word: "WARNING", name: "warn" },
  rescan: { word: "REPEAT", name: "rescan" },
  cannot_judge: { word: "NOT JUDGED", name: "unjudged" },
};
const WAITING = { word: "NO IMAGE YET", name: "waiting" };
const LEARNING = { word: "OK", name: "learning" };

export const LOST = { word: "CONNECTION LOST", name: "lost" };
export const VERDICTS = Object.keys(LOOKS);

/** Worst last. */
const ORDER = ["", "ok", "warn", "cannot_judge", "rescan"];

/**
 * @param {string} verdict of a frame or series; empty: none yet
 * @param {{seen: number, needed: number} | null} [learning] not null: the protocol is not known here yet
 */
export function verdictLook(verdict, learning = null) {
  if (verdict === "ok" && learning) return LEARNING;
  return LOOKS[verdict] ?? WAITING;
}

/** Number that rises with how bad a verdict is. */
export function badness(verdict) {
  return ORDER.indexOf(verdict);
}

/** What a sentence says after its verdict. */
export function withoutVerdict(sentence) {
  return sentence.replace(/^[A-Z ]+: /, "");
}

/** A sentence without findings, as what is so and what to do: the last of its sentences is the act. */
export function splitSentence(sentence) {
  const said = withoutVerdict(sentence).replace(/\.$/, "");
  const cut = said.lastIndexOf(". ");
  return cut < 0 ? { what: said, act: "" } : { what: said.slice(0, cut), act: said.slice(cut + 2) };
}

export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

/** "1st", "22nd", "13th". */
export function ordinal(number) {
  const teens = number % 100 > 10 && number % 100 < 14;
  return `${number}${(!teens && ["", "st", "nd", "rd"][number % 10]) || "th"}`;
}

/** "12 of 20 images", or what is known of it. */
export function imagesOf(received, expected) {
  return expected === null ? count(received, "image") : `${received} of ${count(expected, "image")}`;
}

/** What a scan is called: free text of the scanner, or that it has none. */
export function protocolName(series) {
  return series.protocol || "Scan without a protocol name";
}
