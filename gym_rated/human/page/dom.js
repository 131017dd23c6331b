// Making elements. Text goes in as text only: no name of a task, class or rater can become markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function drawing(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined).map(nodeOrText));
  return node;
}

function nodeOrText(child) {
  return child instanceof Node ? child : String(child);
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text; // unchanged text is not read out again
}

export const counted = (number, one, many) => `${number} ${number === 1 ? one : many}`;

export function newId() {
  // crypto.randomUUID exists only on https and on this machine; this also on a plain local network
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
