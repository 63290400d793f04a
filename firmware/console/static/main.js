// The page: starts the stream, then draws the shell with the view that the address names.
import { html, render } from "./vendor/htm-preact.mjs";
import { Shell } from "./shell.js";
import { startStore } from "./store.js";
import { startTheme } from "./theme.js";

startTheme();
startStore();
const page = document.getElementById("page");
page.textContent = "";
render(html`<${Shell} />`, page);
