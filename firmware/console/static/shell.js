// The frame around every view: room, navigation, switches, the view itself, lamps, and what a screen reader is told.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.mjs";
import { clockTime, duration, serverNow } from "./clock.js";
import { Help } from "./help.js";
import { useKeys } from "./keys.js";
import { Lamps } from "./lamps.js";
import { LiveRegions } from "./live-regions.js";
import { go, lookHref, numbersHref, useRoute } from "./router.js";
import { seriesVerdict } from "./series-verdict.js";
import { Shape } from "./shapes.js";
import { silenceWords } from "./silence.js";
import { SoundSwitch } from "./sound.js";
import { isOfBefore, mainSeries } from "./main-series.js";
import { state, useStore } from "./store.js";
import { switchTheme, useTheme } from "./theme.js";
import { useTick } from "./tick.js";
import { View, VIEWS } from "./views.js";
import { LOST, verdictLook } from "./words.js";

export function Shell() {
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const main = useRef(null);
  useTitle();
  useKeys({
    ...Object.fromEntries(VIEWS.filter(({ key }) => key).map(({ key, title, view }) => [key, [title, () => go(target(view))]])),
    t: ["Light or dark room", switchTheme],
    "?": ["These keys", () => setHelp(!help)],
    Escape: ["Back", () => (help ? setHelp(false) : back(route))],
  });
  const skip = (event) => {
    event.preventDefault();
    main.current.focus();
  };
  return html`<div class="shell">
    <a class="skip button" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="shell-header">
      <${Room} />
      <nav class="shell-nav" aria-label="Views"><ul>${VIEWS.filter(({ key }) => key).map((entry) => navItem(entry, route))}</ul></nav>
      <div class="shell-tools"><${Clock} /><${SoundSwitch} /><${ThemeSwitch} />
        <button class="button" type="button" aria-label="Keys and help" onClick=${() => setHelp(true)}>?</button>
      </div>
    </header>
    <${ProblemBar} />
    <main class="shell-main" id="main" tabindex="-1" ref=${main}>
      ${route.view !== "glance" && html`<${LostBar} />`}
      <${View} view=${route.view} args=${route.args} />
    </main>
    <${Lamps} />
    <${LiveRegions} />
    ${help && html`<${Help} onClose=${() => setHelp(false)} />`}
  </div>`;
}

/** A view's address for what runs now. */
function target(view) {
  const series = mainSeries(state());
  if (view === "look" && series) return lookHref(series.scan);
  if (view === "numbers" && series) return numbersHref(series.scan);
  return `#/${view === "glance" ? "" : view}`;
}

/** To what a view was opened from: a scan's page to the list, everything else to the glance. */
function back(route) {
  go(route.view === "scan" ? "#/past" : "#/");
}

function navItem({ view, title }, route) {
  const current = route.view === view || (view === "past" && route.view === "scan");
  return html`<li key=${view}><a href=${`#/${view === "glance" ? "" : view}`} aria-current=${current ? "page" : undefined}>${title}</a></li>`;
}

function Room() {
  const now = useStore((page) => page.now);
  return html`<span class="shell-room">${now ? now.room || now.appliance : "scanside"}</span>`;
}

function Clock() {
  useTick(1000);
  return html`<span class="shell-clock quiet">${clockTime(serverNow().toISOString())}</span>`;
}

function ThemeSwitch() {
  const theme = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  return html`<button class="button" type="button" onClick=${switchTheme}>${other === "light" ? "Light" : "Dark"}<span class="visually-hidden"> room</span></button>`;
}

/** Above every view but the glance, which says it in large. */
function LostBar() {
  const lost = useStore((page) => page.lost);
  const fresh = useStore((page) => page.fresh);
  const why = useStore(silenceWords);
  useTick(1000);
  if (!lost) return null;
  const age = Number.isFinite(fresh) ? ` for ${duration((performance.now() - fresh) / 1000)}` : "";
  return html`<p class="shell-lost"><${Shape} name="lost" /> ${LOST.word}${age}: ${why} What is shown here may be old.</p>`;
}

/** Above every view: the loop lives and judges, but not everything reaches the page. */
function ProblemBar() {
  const problem = useStore((page) => page.now?.problem ?? "");
  if (!problem) return null;
  return html`<p class="shell-problem"><${Shape} name="unjudged" /> ${problem}</p>`;
}

/** Verdict and room; nothing of scan, protocol or patient. */
function useTitle() {
  const series = useStore(mainSeries);
  const ofBefore = useStore(isOfBefore);
  const lost = useStore((page) => page.lost);
  const now = useStore((page) => page.now);
  const word = lost ? "LOST" : series && !ofBefore ? verdictLook(seriesVerdict(series), series.learning).word : "Waiting";
  useEffect(() => {
    document.title = now ? `${word} - ${now.room || now.appliance}` : lost ? "LOST" : "scanside";
  }, [word, now, lost]);
}
