// That an image's raw data were not kept as pictures, and where the next ones are.
import { lookHref } from "./router.js";
import { html } from "./vendor/htm-preact.mjs";

/** Images that are named. */
const NAMED = 4;

/** @param {{scan: string, frame: object, findings: object[]}} props */
export function NotKept({ scan, frame, findings }) {
  const began = new Set(findings.map(({ first_number }) => first_number).filter((first) => first !== frame.number));
  const firsts = [...began].sort((a, b) => a - b).slice(0, NAMED);
  return html`<p class="notice">
    Not kept of this image. ${firsts.length ? "It is kept where something began: " : "It is kept where something begins, and of some images between."}
    ${firsts.map((first, n) => html`${n > 0 && ", "}<a key=${first} href=${lookHref(scan, first)}>image ${first}</a>`)}
  </p>`;
}
