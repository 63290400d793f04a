// What the stream's events make of the page's state: pure, so that the shared worker and every tab agree.

export const STRIP = 64;
const NOTES = 50;
const SERIES = 9;

export const EMPTY = Object.freeze({
  now: null,
  newest: 0,
  series: {},
  frames: {},
  exam: null,
  health: null,
  models: {},
  notes: [],
});

const REDUCERS = {
  now: (state, now) => ({
    ...state,
    now: { appliance: now.appliance, room: now.room, version: now.version, session: now.session, token: now.token, problem: now.problem },
    newest: now.newest,
    series: Object.fromEntries(now.running.map((series) => [series.scan, series])),
    frames: now.frames,
    exam: now.exam,
    health: now.health,
    models: Object.fromEntries(now.models.map((model) => [model.name, model])),
  }),
  series: (state, series) => shown({ ...state, series: { ...state.series, [series.scan]: series } }),
  frame: (state, frame) =>
    frame.scan in state.series
      ? { ...state, frames: { ...state.frames, [frame.scan]: appended(state.frames[frame.scan] ?? [], frame) } }
      : state,
  exam: (state, exam) => ({ ...state, exam }),
  health: (state, health) => ({ ...state, health }),
  model: (state, model) => ({ ...state, models: { ...state.models, [model.name]: model } }),
  note: (state, note) =>
    state.notes.some((known) => known.sequence === note.sequence)
      ? state
      : { ...state, notes: [...state.notes, note].slice(-NOTES) },
  beat: (state, beat) => ({ ...state, newest: beat.newest }),
};

export const EVENTS = Object.keys(REDUCERS);

/** The state after one event; what it does not know leaves it as it is. */
export function reduce(state, event, data) {
  return Object.hasOwn(REDUCERS, event) ? REDUCERS[event](state, data) : state;
}

/** The running series and the one that ended last, with their frames; nothing grows. */
function shown(state) {
  const all = Object.values(state.series);
  const running = all.filter((series) => !series.ended).sort((a, b) => (a.began < b.began ? 1 : -1));
  const ended = all.filter((series) => series.ended).sort((a, b) => (a.ended < b.ended ? 1 : -1));
  const kept = [...running.slice(0, SERIES - 1), ...ended.slice(0, 1)];
  return {
    ...state,
    series: Object.fromEntries(kept.map((series) => [series.scan, series])),
    frames: Object.fromEntries(kept.map(({ scan }) => [scan, state.frames[scan] ?? []])),
  };
}

/** Frames by number, each once, the last of them. */
function appended(frames, frame) {
  const last = frames.at(-1);
  if (!last || last.number < frame.number) return [...frames, frame].slice(-STRIP);
  const others = frames.filter((known) => known.number !== frame.number);
  return [...others, frame].sort((a, b) => a.number - b.number).slice(-STRIP);
}
