// Draws a component again as time goes by.
import { useEffect, useReducer } from "./vendor/htm-preact.mjs";

export function useTick(milliseconds) {
  const [, again] = useReducer((turn) => turn + 1, 0);
  useEffect(() => {
    const timer = setInterval(again, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}
