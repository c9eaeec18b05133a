// A stage for the page's script: its parts by id, events, fetch to the engine; no browser.  Reads one JSON object, prints another.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const { url, script, ids, steps } = JSON.parse(readFileSync(0, "utf8"));

class Part {
  constructor(tag) {
    Object.assign(this, { tag, textContent: "", className: "", disabled: true, listeners: {}, options: [], own: "" });
    this.hidden = true;
  }
  addEventListener(kind, listener) { this.listeners[kind] = listener; }
  replaceChildren(...options) { this.options = options; this.own = options[0]?.value ?? ""; }
  get value() { return this.own; }
  set value(text) {
    if (this.tag !== "select" || this.options.some((option) => option.value === text)) this.own = text;
  }
}

const parts = Object.fromEntries(ids.map(([tag, id]) => [id, new Part(tag)]));
const asked = new Set();
const document = { getElementById: (id) => parts[id], createElement: (tag) => new Part(tag), addEventListener() {} };
const fetching = (path, options) => {
  const answer = fetch(url + path, options);
  asked.add(answer);
  answer.finally(() => asked.delete(answer)).catch(() => {});
  return answer;
};

async function settle() {
  do {
    await Promise.allSettled(asked);
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (asked.size > 0);
}

vm.runInNewContext(script, { document, fetch: fetching, AbortController, console });
await settle();
for (const [what, id, value] of steps) {
  const part = parts[id];
  if (what === "set") part.value = value;
  if (what === "pick") {
    part.value = part.options.find((option) => option.value.startsWith(value)).value;
    part.listeners.change();
  }
  if (what === "start" || what === "click") part.listeners.click();
  if (what === "start") await new Promise((resolve) => setTimeout(resolve, 300));
  else await settle();
}
const seen = ({ textContent, className, disabled, hidden, value }) => ({ textContent, className, disabled, hidden, value });
console.log(JSON.stringify(Object.fromEntries(Object.entries(parts).map(([id, part]) => [id, seen(part)]))));
