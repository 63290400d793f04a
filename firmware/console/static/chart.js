// One trend as a chart: value, its spread, and its limits, in the theme's colours.
import { css, useTheme } from "./theme.js";
import { html, useEffect, useLayoutEffect, useRef } from "./vendor/htm-preact.mjs";
import uPlot from "./vendor/uplot.mjs";

const HEIGHT = 132;
/** A limit farther from the values than this many times their span would press them flat: it is told in words alone. */
const FAR = 6;

/**
 * @param {{numbers: number[], values: (number|null)[], low: (number|null)[], high: (number|null)[],
 *   limits: {values: (number|null)[], name: "detect"|"warn"|"rescan"}[], group: string, label: string,
 *   onPick: (number: number) => void}} props
 *   group: charts of one group share their cursor
 */
export function Chart({ numbers, values, low, high, limits, group, label, onPick }) {
  const box = useRef(null);
  const plot = useRef(null);
  const pick = useRef(onPick);
  pick.current = onPick;
  const theme = useTheme();
  const names = limits.map(({ name }) => name).join(" ");
  const data = [numbers, high, low, values, ...limits.map((limit) => limit.values)];

  useLayoutEffect(() => {
    const width = Math.max(box.current.clientWidth, 120);
    plot.current = new uPlot(options(width, names ? names.split(" ") : [], group), data, box.current);
    const picked = () => {
      const { idx } = plot.current.cursor;
      if (idx !== null && idx !== undefined) pick.current(plot.current.data[0][idx]);
    };
    plot.current.over.addEventListener("click", picked);
    const follow = new ResizeObserver(([{ contentRect }]) => contentRect.width > 0 && plot.current.setSize({ width: contentRect.width, height: HEIGHT }));
    follow.observe(box.current);
    return () => {
      follow.disconnect();
      plot.current.destroy();
    };
  }, [theme, names, group]);
  useEffect(() => plot.current.setData(data), [numbers, values, limits]);
  return html`<div class="chart" ref=${box} role="img" aria-label=${label}></div>`;
}

function options(width, limits, group) {
  const axis = {
    stroke: css("--quiet"),
    grid: { stroke: `color-mix(in srgb, ${css("--line")} 45%, transparent)`, width: 1 },
    ticks: { stroke: css("--line"), size: 4 },
    font: "11px system-ui",
  };
  const ink = css("--link");
  const lines = { detect: [css("--warn-ink"), [2, 3]], warn: [css("--warn-ink"), [8, 4]], rescan: [css("--rescan-ink"), []] };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [6, 8, 0, 0],
    cursor: { sync: { key: group, setSeries: false }, drag: { x: false, y: false }, points: { show: true, size: 7 }, y: false },
    scales: { x: { time: false, range: frames }, y: { range: withLimits } },
    axes: [
      { ...axis, size: 24, gap: 2, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
      { ...axis, size: 46, gap: 2 },
    ],
    bands: [{ series: [1, 2], fill: `color-mix(in srgb, ${ink} 22%, transparent)` }],
    series: [
      {},
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: ink, width: 1.75, points: { size: 4, fill: ink } },
      ...limits.map((name) => ({ stroke: lines[name][0], dash: lines[name][1], width: 1.5, points: { show: false } })),
    ],
  };
}

/** A single frame is no range. */
function frames(_, first, last) {
  return first === last ? [first - 1, last + 1] : [first, last];
}

/** The values and the limits near them. */
function withLimits(plot) {
  const [, high, low, values, ...limits] = plot.data;
  const known = [high, low, values].flatMap((column) => column.filter((value) => value !== null));
  if (!known.length) return [0, 1];
  let [least, most] = [Math.min(...known), Math.max(...known)];
  const span = spanOf(least, most);
  for (const limit of limits) {
    for (const value of limit) {
      if (value === null || value > most + FAR * span || value < least - FAR * span) continue;
      [least, most] = [Math.min(least, value), Math.max(most, value)];
    }
  }
  const room = 0.08 * spanOf(least, most);
  return [least >= 0 && least - room < 0 ? 0 : least - room, most + room];
}

/** Values that do not change have a span, too: a tenth of them, or one. */
function spanOf(least, most) {
  return most - least || 0.1 * Math.abs(most) || 1;
}

/** Whether a limit is drawn, or lies too far from the values. */
export function isNear(limit, values) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return false;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const span = spanOf(least, most);
  return limit <= most + FAR * span && limit >= least - FAR * span;
}
