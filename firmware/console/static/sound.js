// A tone for a new REPEAT, again every ten seconds until somebody has acknowledged it or the scan ended. Off until asked for.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.mjs";
import { alarming } from "./acknowledging.js";
import { useKeys } from "./keys.js";
import { recall, remember } from "./remembered.js";
import { useStore } from "./store.js";

const AGAIN_MS = 10_000;
const NOTES_HZ = [880, 660, 880];
const NOTE_S = 0.16;

let context = null;

/** A browser lets a page sound only after somebody has used it. */
function wake() {
  context ??= new AudioContext();
  return context.state === "suspended" ? context.resume() : Promise.resolve();
}

function play() {
  if (context?.state !== "running") return;
  NOTES_HZ.forEach((pitch, turn) => {
    const tone = context.createOscillator();
    const loudness = context.createGain();
    const begin = context.currentTime + turn * NOTE_S;
    tone.frequency.value = pitch;
    loudness.gain.setValueAtTime(0.25, begin);
    loudness.gain.exponentialRampToValueAtTime(0.001, begin + NOTE_S);
    tone.connect(loudness).connect(context.destination);
    tone.start(begin);
    tone.stop(begin + NOTE_S);
  });
}

/** Which findings ask for a repeat, as one text. */
function alarm(page) {
  if (page.lost) return "";
  return Object.values(page.series)
    .flatMap((series) => alarming(series).map(({ finding }) => `${series.scan}/${finding}`))
    .sort()
    .join(" ");
}

/** A finding that is new sounds at once; one that goes changes nothing for those that stay. */
function useTones(asking) {
  const before = useRef([]);
  const timer = useRef(0);
  useEffect(() => {
    const findings = asking.split(" ").filter(Boolean);
    const news = findings.some((finding) => !before.current.includes(finding));
    before.current = findings;
    if (news || !findings.length) clearInterval(timer.current);
    if (!news) return;
    play();
    timer.current = setInterval(play, AGAIN_MS);
  }, [asking]);
  useEffect(() => () => clearInterval(timer.current), []);
}

export function SoundSwitch() {
  const [on, setOn] = useState(() => recall("sound") === "on");
  const [heard, setHeard] = useState(false);
  const asking = useStore(alarm);
  useEffect(() => {
    if (!on) return undefined;
    const allow = () => wake().then(() => setHeard(context.state === "running"), () => setHeard(false));
    if (navigator.userActivation?.hasBeenActive) allow();
    for (const event of ["pointerdown", "keydown"]) window.addEventListener(event, allow);
    return () => {
      for (const event of ["pointerdown", "keydown"]) window.removeEventListener(event, allow);
    };
  }, [on]);
  useTones(on && heard ? asking : "");
  const toggle = () => {
    remember("sound", on ? "off" : "on");
    setOn(!on);
  };
  useKeys({ m: ["Sound on or off", toggle] });
  const says = !on ? "Sound off" : heard ? "Sound on" : "Sound: press a key";
  return html`<button class="button" type="button" aria-pressed=${String(on)} onClick=${toggle}
    title=${on && !heard ? "The browser lets the page sound after a click or a key" : "A tone for a new REPEAT"}>${says}</button>`;
}
