// What a person says of a series: heard it, it was fine, it was bad. Each is one click, and shown as recorded.
import { html, useEffect, useState } from "./vendor/htm-preact.mjs";
import { unacknowledged } from "./acknowledging.js";
import { post, useFetch } from "./api.js";
import { clockTime } from "./clock.js";
import { useKeys } from "./keys.js";
import { useStore } from "./store.js";
import { protocolName } from "./words.js";

/** So many notes go at once, further ones at this pace: the appliance takes five a second. */
const AT_ONCE = 4;
const PACE_MS = 260;
/** So long after another series has taken the place of the one before, nothing is recorded: it may not be the one that was meant. */
const SETTLES_MS = 1000;

/** Buttons and what came of them. */
export function NoteButtons({ series }) {
  const lost = useStore((page) => page.lost);
  const [sending, setSending] = useState(false);
  const [wrong, setWrong] = useState("");
  const [refused, setRefused] = useState("");
  const told = useTold(series);
  const settled = useSettled(series.scan);
  useEffect(() => {
    setWrong("");
    setRefused("");
  }, [series.scan]);

  async function send(notes) {
    setSending(true);
    setWrong("");
    try {
      for (const [turn, note] of notes.entries()) {
        if (turn >= AT_ONCE) await new Promise((resolve) => setTimeout(resolve, PACE_MS));
        await post("notes", { scan: series.scan, ...note });
      }
    } catch (error) {
      setWrong(`Not recorded: ${error.message}`);
    } finally {
      setSending(false);
    }
  }

  const waiting = unacknowledged(series);
  const stopped = lost ? "no connection" : sending ? "being recorded" : settled ? "" : "another series has just come";
  const notNow = {
    acknowledge: stopped || (waiting.length > 0 ? "" : series.acknowledged.length > 0 ? "acknowledged" : "nothing to acknowledge"),
    fine: stopped || (series.opinion === "fine" ? "recorded" : series.verdict ? "" : "no verdict yet"),
    bad: stopped || (series.opinion === "bad" ? "recorded" : series.verdict ? "" : "no verdict yet"),
  };
  const act = (name, notes) => () => {
    setRefused(notNow[name] ? name : "");
    if (!notNow[name]) send(notes);
  };
  const acts = {
    acknowledge: act("acknowledge", waiting.map(({ finding }) => ({ kind: "acknowledge", finding }))),
    fine: act("fine", [{ kind: "opinion", opinion: "fine" }]),
    bad: act("bad", [{ kind: "opinion", opinion: "bad" }]),
  };
  const why = stopped || notNow[refused];
  useKeys({ A: ["Acknowledge: silent, the verdict stays", acts.acknowledge], F: ["It was fine", acts.fine], B: ["It was bad", acts.bad] });
  const noted = [told.acknowledged, told.opinion].filter(Boolean).join("; ");
  const said = noted && html`<span class="notes-of">${protocolName(series)}</span>: ${noted}`;
  return html`<div class="notes" role="group" aria-label="Say about this series">
    ${button("Acknowledge", "A", acts.acknowledge, notNow.acknowledge)}
    ${button("Was fine", "F", acts.fine, notNow.fine, series.opinion === "fine")}
    ${button("Was bad", "B", acts.bad, notNow.bad, series.opinion === "bad")}
    <span class=${wrong ? "notes-said ink-rescan" : "notes-said quiet"} role="status">${wrong || html`${why && `Not now: ${why}. `}${said}`}</span>
  </div>`;
}

/** One that cannot be used now keeps the focus, and tells why. */
function button(word, key, act, notNow, pressed = undefined) {
  return html`<button class="button" type="button" aria-disabled=${notNow ? "true" : undefined} title=${notNow || `Shift ${key}`}
    aria-keyshortcuts=${`Shift+${key}`} aria-pressed=${pressed === undefined ? undefined : String(pressed)} onClick=${act}>${word}</button>`;
}

/** Whether a scan has been the one that is spoken of for long enough to be the one that is meant. */
function useSettled(scan) {
  const [meant, setMeant] = useState(scan);
  useEffect(() => {
    if (meant === scan) return undefined;
    const timer = setTimeout(() => setMeant(scan), SETTLES_MS);
    return () => clearTimeout(timer);
  }, [meant, scan]);
  return meant === scan;
}

/** "acknowledged 14:03" and "was fine 14:05", from the notes of the stream or, for older ones, of the record. */
function useTold(series) {
  const live = useStore((page) => page.notes);
  const mine = live.filter((note) => note.scan === series.scan);
  const unknown =
    (series.acknowledged.length > 0 && !mine.some(({ kind }) => kind === "acknowledge")) ||
    (series.opinion && !mine.some(({ kind }) => kind === "opinion"));
  const { data } = useFetch(unknown ? `scans/${encodeURIComponent(series.scan)}` : null);
  const notes = [...(data?.notes ?? []), ...mine];
  const last = (kind) => clockTime(notes.filter((note) => note.kind === kind).at(-1)?.time ?? "");
  return {
    acknowledged: series.acknowledged.length > 0 ? `acknowledged ${last("acknowledge")}`.trim() : "",
    opinion: series.opinion ? `said to be ${series.opinion} ${last("opinion")}`.trim() : "",
  };
}
