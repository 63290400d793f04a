// The views by their name in the address, each loaded when it is first shown; what goes wrong in one stays in it.
import { Component, html, useEffect, useRef, useState } from "./vendor/htm-preact.mjs";

export const VIEWS = [
  { view: "glance", key: "g", title: "Glance", load: () => import("./glance.js") },
  { view: "exam", key: "e", title: "Exam", load: () => import("./exam.js") },
  { view: "look", key: "l", title: "Look", load: () => import("./look.js") },
  { view: "numbers", key: "n", title: "Numbers", load: () => import("./numbers.js") },
  { view: "past", key: "p", title: "Past", load: () => import("./past.js") },
  { view: "system", key: "s", title: "System", load: () => import("./system.js") },
  { view: "scan", key: "", title: "Scan", load: () => import("./scan.js") },
];

const AGAIN_MS = 2000;

/** The view of a route; one that cannot be loaded says so and is asked for again. */
export function View({ view, args }) {
  const [loaded, setLoaded] = useState(null);
  const [turn, setTurn] = useState(0);
  const known = VIEWS.find((entry) => entry.view === view);
  useEffect(() => {
    let stale = false;
    let timer;
    known?.load().then(
      (module) => stale || setLoaded({ view, draw: module.default }),
      () => {
        if (stale) return;
        setLoaded({ view, draw: null });
        timer = setTimeout(() => setTurn(turn + 1), AGAIN_MS);
      },
    );
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [view, turn]);
  useHeadingFocus(loaded?.view === view ? view : null);
  if (!known) return html`<h1>There is no such view</h1><p><a href="#/">Back to the glance</a></p>`;
  if (loaded?.view !== view) return html`<h1 class="visually-hidden">${known.title}</h1>`;
  if (!loaded.draw) {
    return html`<h1>${known.title}</h1><p class="notice bad">This view could not be loaded. It is tried again when the appliance answers.</p>`;
  }
  return html`<${Guarded} key=${view} title=${known.title}><${loaded.draw} args=${args} /></${Guarded}>`;
}

/** After a change of view the reader begins at its heading; not when the page is opened. */
function useHeadingFocus(shown) {
  const before = useRef(null);
  useEffect(() => {
    if (shown === null || shown === before.current) return;
    const opened = before.current === null;
    before.current = shown;
    const heading = document.querySelector("main h1");
    if (opened || !heading) return;
    heading.tabIndex = -1;
    heading.focus();
  }, [shown]);
}

/** An error while drawing: the rest of the page goes on, and the view is drawn anew. */
class Guarded extends Component {
  componentDidCatch(error) {
    console.error(error);
    this.setState({ failed: true });
    this.timer = setTimeout(() => this.setState({ failed: false }), AGAIN_MS);
  }

  componentWillUnmount() {
    clearTimeout(this.timer);
  }

  render() {
    if (!this.state.failed) return this.props.children;
    return html`<h1>${this.props.title}</h1>
      <p class="notice bad" role="alert">This view cannot be shown just now. It is tried again by itself; the other views work.</p>`;
  }
}
