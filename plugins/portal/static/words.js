// The sentences of the modules, in the page's language: written by the server into a <meta>.
const words = JSON.parse(document.querySelector("meta[name=words]")?.content || "{}");

export function say(name, values = {}) {
  return (words[name] || name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

// Those of a part of the page, which brings them in `data-words`.
export function wordsOf(element) {
  const own = JSON.parse(element.dataset.words || "{}");
  return (name, values = {}) => (own[name] || name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}
