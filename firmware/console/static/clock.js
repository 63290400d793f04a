// Times: the appliance's clock as the last beat told it, counted on by a clock that never jumps; where that stood still
// while the machine slept, by the wall clock.

/** ms by which wall clock and running clock may part before the machine must have slept, or a clock have been set. */
export const SLEPT_MS = 5000;

let told = null;

/** The appliance has just said what time it is. */
export function setServerTime(iso) {
  const time = Date.parse(iso);
  if (!Number.isNaN(time)) told = { time, at: performance.now(), wall: Date.now() };
}

/** @returns {Date} now, by the appliance's clock; by this machine's until it has told */
export function serverNow() {
  if (!told) return new Date();
  const ran = performance.now() - told.at;
  const passed = Date.now() - told.wall;
  return new Date(told.time + (passed - ran > SLEPT_MS ? passed : ran));
}

/** "14:03"; empty for no time. */
export function clockTime(iso) {
  const time = new Date(iso);
  return iso && !Number.isNaN(time.valueOf())
    ? time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })
    : "";
}

/** "2026-11-25 14:03"; empty for no time. */
export function dayAndTime(iso) {
  const time = new Date(iso);
  return iso && !Number.isNaN(time.valueOf()) ? `${time.toLocaleDateString("en-CA")} ${clockTime(iso)}` : "";
}

/** "8 s", "2 min 5 s", "3 h 12 min". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
