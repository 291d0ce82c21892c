// What both parts of the page draw with: elements, and numbers as text.
"use strict";

const $ = (id) => document.getElementById(id);

function element(name, attributes, ...children) {
  const svg = element.svg.has(name);
  const made = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}
element.svg = new Set(["path", "rect", "line", "text", "title"]);

// A number with so many digits behind the point, and a minus sign that is one.
const number = (value, digits) => value.toFixed(digits).replace(/^-(?=.*[1-9])/, "\u2212")
  .replace(/^-/, "");
const signed = (value, digits) => (value > 0 ? "+" : "") + number(value, digits);

// Buttons of which one is chosen, by arrow keys too.
function choices(place, names, chosen, choose) {
  const buttons = names.map((name, index) => element("button", {
    type: "button", role: "radio", onclick: () => pick(index),
  }, name));
  function pick(index) {
    buttons.forEach((button, i) => {
      button.setAttribute("aria-checked", String(i === index));
      button.tabIndex = i === index ? 0 : -1;
    });
    choose(index);
  }
  arrows(buttons, pick);
  place.replaceChildren(...buttons);
  pick(chosen);
}

function arrows(buttons, pick) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  buttons.forEach((button, index) => button.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (index + step + buttons.length) % buttons.length;
    pick(next);
    buttons[next].focus();
  }));
}

const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
