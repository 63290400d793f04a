// The stages as lamps with words: a disc works, a triangle is in trouble, a ring is idle or unknown.
import { html } from "./vendor/htm-preact.mjs";
import { duration } from "./clock.js";
import { useStore } from "./store.js";
import { useTick } from "./tick.js";

const good = (word) => ({ state: "good", word });
const trouble = (word, why = "") => ({ state: "trouble", word, why });
const idle = (word) => ({ state: "idle", word });
const unknown = { state: "unknown", word: "unknown" };

function scannerLamp({ series, lost }) {
  if (lost) return unknown;
  const running = Object.values(series).filter((one) => !one.ended).length;
  if (running === 0) return idle("no scan");
  return good(running === 1 ? "scan running" : `${running} scans running`);
}

function loopLamp({ lost, fresh, silent }) {
  if (!lost) return good("judging");
  if (silent !== "loop") return unknown;
  return trouble(Number.isFinite(fresh) ? `silent for ${duration((performance.now() - fresh) / 1000)}` : "silent");
}

function networksLamp({ models, lost }) {
  const all = Object.values(models);
  if (lost) return unknown;
  const serving = all.filter((model) => model.state === "serving").length;
  const wrong = all.find((model) => model.state === "failed" || model.state === "restarting");
  if (wrong) return trouble(`${wrong.task} ${wrong.state}`, wrong.reason);
  if (all.every((model) => model.state === "off")) return idle("none");
  return serving === all.length ? good("serving") : idle(`${serving} of ${all.length} serving`);
}

function brokerLamp({ health, lost }) {
  if (lost || !health) return unknown;
  if (health.broker === "off") return idle("off");
  return health.broker === "away" || "mqtt" in health.problems ? trouble("away", health.problems.mqtt) : good("connected");
}

function diskLamp({ health, lost, problem }) {
  if (lost) return unknown;
  if (problem) return trouble("trouble with the record", problem);
  if (!health) return unknown;
  return "journal" in health.problems ? trouble("not recording", health.problems.journal) : good("recording");
}

const LAMPS = [
  ["Scanner", scannerLamp],
  ["Judging loop", loopLamp],
  ["Networks", networksLamp],
  ["Broker", brokerLamp],
  ["Disk", diskLamp],
];

export function Lamps() {
  const parts = {
    series: useStore((page) => page.series),
    lost: useStore((page) => page.lost),
    fresh: useStore((page) => page.fresh),
    silent: useStore((page) => page.silent),
    health: useStore((page) => page.health),
    problem: useStore((page) => page.now?.problem ?? ""),
    models: useStore((page) => page.models),
  };
  useTick(1000);
  return html`<footer><ul class="lamps" aria-label="Stages">${LAMPS.map(([name, lamp]) => drawn(name, lamp(parts)))}</ul></footer>`;
}

function drawn(name, { state, word, why = "" }) {
  return html`<li key=${name} class=${`lamp-${state}`}><a href="#/system" title=${why || undefined}>
    <span class="lamp-mark" aria-hidden="true"></span><span>${name}: ${word}</span></a></li>`;
}
