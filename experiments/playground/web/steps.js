// Part 2: microprograms, command by command, on every cell of a small subarray.
"use strict";

const subarray = (() => {
  const complement = (bits) => bits.map((bit) => 1 - bit);

  // What rows hold after a command; `rows` by name, null for a row that was never written.
  function after(rows, command) {
    const next = { ...rows };
    const seen = command.source.map((line) =>
      (line.complement ? complement(rows[line.row]) : rows[line.row]));
    let value = seen[0];
    if (seen.length > 1) {
      value = value.map((_, column) =>
        Number(2 * seen.reduce((sum, bits) => sum + bits[column], 0) > seen.length));
      for (const line of command.source)
        next[line.row] = line.complement ? complement(value) : value;
    }
    for (const line of command.destination || [])
      next[line.row] = line.complement ? complement(value) : value;
    return next;
  }

  const digits = (text) => (text === null ? null : Array.from(text, Number));

  // What rows hold before the first command and after each, from the bits of the inputs.
  function states(program, held) {
    const rows = Object.fromEntries(program.rows.map((row) => [row, null]));
    for (const [row, bits] of Object.entries(held)) rows[row] = digits(bits);
    for (const [row, bit] of Object.entries(program.constants))
      rows[row] = digits(bit.repeat(program.columns));
    return program.commands.reduce((all, command) => {
      all.push(after(all[all.length - 1], command));
      return all;
    }, [rows]);
  }

  // Whether these are the states that the package found.
  const agrees = (program) => states(program, program.held).every((rows, i) =>
    program.rows.every((row) => (rows[row] ? rows[row].join("") : null) === program.states[i][row]));

  return { states, agrees };
})();

const steps = (programs) => {
  let program = programs[0], held = {}, states = [], at = 0, running = null;

  function choose(index) {
    program = programs[index];
    held = { ...program.held };
    states = subarray.states(program, held);
    at = 0;
    stop();
    $("summary").textContent = `${program.summary} ${program.commands.length} commands.`;
    $("commands").replaceChildren(...program.commands.map((command, i) => element("li", {},
      element("button", { type: "button", onclick: () => go(i + 1) }, command.text))));
    show();
  }

  function go(step) {
    at = Math.min(Math.max(step, 0), program.commands.length);
    show();
  }

  function stop() {
    if (running !== null) clearInterval(running);
    running = null;
    $("run").textContent = "Run";
  }

  function run() {
    if (running !== null) { stop(); return; }
    if (at === program.commands.length) go(0);
    $("run").textContent = "Stop";
    running = setInterval(() => {
      go(at + 1);
      if (at === program.commands.length) stop();
    }, still() ? 2500 : 900);
  }

  function flip(row, column) {
    const bits = Array.from(held[row]);
    bits[column] = bits[column] === "1" ? "0" : "1";
    held[row] = bits.join("");
    states = subarray.states(program, held);
    show();
    $(`bit-${row}-${column}`).focus();
  }

  function show() {
    const command = at ? program.commands[at - 1] : null;
    const now = states[at], before = at ? states[at - 1] : now;
    $("where").textContent = `${at} of ${program.commands.length}`;
    $("back").disabled = $("first").disabled = at === 0;
    $("forward").disabled = at === program.commands.length;
    $("words").textContent = command ? command.words
      : "Nothing has happened yet. Inputs lie in data rows; C0 holds zeros and C1 ones. "
        + "T0 to T3 are cells to compute in; DCC0 and DCC1 are dual-contact cells.";
    Array.from($("commands").querySelectorAll("button")).forEach((button, i) => {
      if (i + 1 === at) {
        button.setAttribute("aria-current", "step");
        const list = $("commands"), top = button.offsetTop - list.offsetTop;
        if (top < list.scrollTop || top > list.scrollTop + list.clientHeight - 40)
          list.scrollTop = top - 60;
      } else button.removeAttribute("aria-current");
    });
    $("cells").tHead.replaceChildren(element("tr", {}, element("th", { scope: "col" }, "row"),
      ...Array.from({ length: program.columns }, (_, i) => element("th",
        { scope: "col", class: "value", "aria-label": `column ${i}` }, String(i))),
      element("th", { scope: "col", class: "holds" }, "")));
    const starts = new Set([Object.keys(program.constants)[0], program.cells[0],
      program.rows[program.rows.indexOf(program.cells[program.cells.length - 1]) + 1]]);
    $("cells").tBodies[0].replaceChildren(...program.rows.map((row) => {
      const bits = now[row];
      const changed = (column) => at && (!before[row] || before[row][column] !== bits[column]);
      const cell = (column) => {
        if (!bits) {
          return element("span", { class: "bit never", "aria-label": "never written" }, "\u00b7");
        }
        const look = `bit${bits[column] ? " one" : ""}${changed(column) ? " changed" : ""}`;
        if (!program.inputs.includes(row)) {
          return element("span", { class: look }, String(bits[column]));
        }
        return element("button", { type: "button", id: `bit-${row}-${column}`, class: look,
          "aria-label": `${row}, column ${column}: ${bits[column]}, change`,
          onclick: () => flip(row, column) }, String(bits[column]));
      };
      const tr = element("tr", { class: starts.has(row) ? "group" : false, "data-row": row,
        "data-bits": bits ? bits.join("") : "" }, element("th", { scope: "row" },
        element("span", { class: "name" }, row), ...marks(command, row)));
      for (let column = 0; column < program.columns; column++)
        tr.append(element("td", { class: "value" }, cell(column)));
      tr.append(element("td", { class: "holds" }, holds(command, row)));
      return tr;
    }));
  }

  function marks(command, row) {
    if (!command) return [];
    const found = [];
    for (const [lines, word] of [[command.source, "opens"], [command.destination || [], "takes"]]) {
      const line = lines.find((one) => one.row === row);
      if (!line) continue;
      found.push(element("span", { class: `mark ${word}` }, word));
      if (line.complement) {
        found.push(element("span", { class: "mark not", title: "by its n-wordline" }, "n"));
      }
    }
    return found;
  }

  // The formula of a row, unless the row's name says it.
  function holds(command, row) {
    const text = command ? command.holds[row] : "";
    return text === row ? "" : text;
  }

  $("first").addEventListener("click", () => { stop(); go(0); });
  $("back").addEventListener("click", () => { stop(); go(at - 1); });
  $("forward").addEventListener("click", () => { stop(); go(at + 1); });
  $("run").addEventListener("click", run);
  $("steps").addEventListener("keydown", (event) => {
    if (event.target.getAttribute("role") === "radio") return;
    if (event.key === "ArrowRight") { stop(); go(at + 1); event.preventDefault(); }
    if (event.key === "ArrowLeft") { stop(); go(at - 1); event.preventDefault(); }
  });
  choices($("programs"), programs.map((one) => one.title), 2, choose);
  return { stop };
};
