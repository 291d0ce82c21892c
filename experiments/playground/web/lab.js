// Part 1: one bitline, its sliders, what comes out, and how often that is wrong.
"use strict";

const lab = (data) => {
  const operations = [
    { name: "Read", kind: "read", labels: ["A"], right: ([a]) => a,
      story: "One cell opens. Its charge moves the bitline a little, up for a 1, down for a 0. The "
        + "sense amplifier does the rest, and writes the bit back." },
    { name: "Majority", kind: "majority", labels: ["A", "B", "C"],
      right: (b) => Number(b[0] + b[1] + b[2] > 1),
      story: "A triple-row activation (TRA): three cells open at once and vote. What at least two of"
        + " them hold comes out, and overwrites all three." },
    { name: "AND", kind: "majority", labels: ["A", "B", "0"], fixed: 0, right: (b) => b[0] & b[1],
      story: "A third cell that holds 0 votes against: both A and B must be 1 to win. The majority "
        + "is A AND B." },
    { name: "OR", kind: "majority", labels: ["A", "B", "1"], fixed: 1, right: (b) => b[0] | b[1],
      story: "A third cell that holds 1 votes in favour: one more 1 is enough. The majority is A OR "
        + "B." },
    { name: "NOT", kind: "not", labels: ["A", "DCC", "out"], right: ([a]) => 1 - a,
      story: "Two copies. The first goes into a dual-contact cell (2T1C) by the complement bitline, "
        + "which always has the opposite. The second copies that out." },
  ];
  const keys = data.sliders.map((one) => one.key);
  const initial = Object.fromEntries(data.sliders.map((one) => [one.key, one.value]));
  let chosen = operations[1], bits = [1, 1, 0], set = { ...initial };
  let wave = null, cursor = 0, playing = null, pending = false, waiting = null;
  const units = {};  // drawn once for each number of cells: sliders only scale them

  const place = (cells) => variation.layout(data, cells);
  const unitsOf = (cells) => units[cells]
    || (units[cells] = variation.draw(place(cells).dims, data.samples, 1));

  function state() {
    const values = { ...data.values };
    for (const key of keys) if (key in values) values[key] = set[key];
    return { values, offset_mv: set.offset_mv, wait_ms: set.wait_ms, celsius: set.celsius,
      variation_percent: set.variation_percent };
  }

  // What each cell of the scenario holds before; a dual-contact cell and a result hold 0.
  function held() {
    if (chosen.kind === "read") return [bits[0]];
    if (chosen.kind === "not") return [bits[0], 0, 0];
    return chosen.fixed === undefined ? bits.slice() : [bits[0], bits[1], chosen.fixed];
  }

  const free = () => (chosen.kind === "majority" ? (chosen.fixed === undefined ? 3 : 2) : 1);

  function showBits() {
    const buttons = chosen.labels.map((label, index) => {
      if (index >= free()) {
        return chosen.kind === "not" ? null
          : element("span", { class: "fixed" }, `third cell: ${label}`);
      }
      return element("button", {
        type: "button", "aria-pressed": String(bits[index] === 1),
        "aria-label": `${label} holds ${bits[index]}`,
        onclick: () => {
          bits[index] = 1 - bits[index];
          showBits();
          update();
          $("bits").children[index].focus();
        },
      }, `${label} = ${bits[index]}`);
    });
    $("bits").replaceChildren(...buttons.filter(Boolean));
  }

  function showSliders() {
    $("sliders").replaceChildren(...data.sliders.map((one) => {
      const id = `slider-${one.key.replace(/\W/g, "-")}`;
      const digits = one.step < 1 ? 1 : 0;
      const output = element("output", { for: id });
      const tell = () => { output.textContent = `${number(set[one.key], digits)} ${one.unit}`; };
      const input = element("input", {
        type: "range", id, min: one.low, max: one.high, step: one.step, "data-key": one.key,
        "aria-describedby": `${id}-help`,
        oninput: () => {
          set[one.key] = Number(input.value); tell();
          input.setAttribute("aria-valuetext", output.textContent); update();
        },
      });
      input.value = set[one.key];
      tell();
      return element("div", { class: "slider" }, element("label", { for: id }, one.label, output),
        input, element("p", { class: "small", id: `${id}-help` }, one.help));
    }));
  }

  // Once a frame however often sliders move; failures come after the curve is drawn.
  function update() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      compute();
      clearTimeout(waiting);
      waiting = setTimeout(estimate, 0);
    });
  }

  function compute() {
    wave = bitline.transient(data, chosen.kind, held(), state());
    const scenario = data.scenarios[chosen.kind];
    $("time").max = scenario.end_ns;
    cursor = Math.min(cursor, scenario.end_ns);
    $("story").textContent = chosen.story;
    showNumbers();
    drawChart();
    showTime();
  }

  // ---- numbers

  function showNumbers() {
    const now = state(), values = now.values, cells = held(), level = wave.level;
    const first = chosen.kind === "not" ? cells.slice(0, 1) : cells;
    const shared = bitline.shared(values, level.precharge,
      first.map((bit) => (bit ? level.one : level.zero)));
    const swing = shared - level.precharge, seen = swing + set.offset_mv;
    const wanted = chosen.right(cells), came = wave.value, right = wanted === came;
    const votes = chosen.kind === "not" ? cells[0] : wanted;
    const latch = wave.latch[wave.latch.length - 1], cs = values["cell.capacitance_ff"];
    const cb = values["bitline.capacitance_ff"], kept = wave.closing[wave.closing.length - 1];
    const result = chosen.kind === "not" ? kept[4] : kept[2];
    const margin = votes ? seen : -seen, look = (good) => (good ? "right" : "wrong");
    const shown = [
      ["swing", "Swing of the bitline", `${signed(swing, 1)} mV`, ""],
      ["margin", "Margin, offset counted", `${signed(margin, 1)} mV`, look(margin > 0)],
      ["result", chosen.name === "Read" ? "Read as" : `${chosen.name} gives`,
        right ? `${came}, right` : `${came}, wrong: should be ${wanted}`, look(right)],
      ["latch", "Amplifier has decided after",
        latch === null ? "not before rows close" : `${number(latch, 2)} ns`,
        latch === null ? "wrong" : ""],
      ["restored", chosen.kind === "not" ? "Result cell then holds" : "Cells then hold",
        `${number(result, 0)} mV`, ""],
      ["energy", "Taken from VDD", `${number(wave.energy_fj, 0)} fJ`, ""],
    ];
    $("numbers").replaceChildren(...shown.map(([key, term, text, how]) =>
      element("div", { class: how, "data-number": key },
        element("dt", {}, term), element("dd", {}, text))));
    const sum = first.map((bit) => number(bit ? level.one : level.zero, 0)).join(" + ");
    $("formula").textContent =
      `V = (Cs·ΣVi + Cb·VDD/2) / (n·Cs + Cb) = `
      + `(${cs}·(${sum}) + ${cb}·${number(level.precharge, 0)}) / (${first.length}·${cs} + ${cb}) `
      + `= ${number(shared, 1)} mV; `
      + `swing = V − VDD/2 = ${signed(swing, 1)} mV`;
  }

  // ---- chart

  const size = { width: 720, height: 250, left: 48, right: 92, top: 12, bottom: 26 };

  function scales() {
    const end = data.scenarios[chosen.kind].end_ns;
    const most = Math.max(set["supply.vdd_mv"], 1) * 1.04;
    const narrow = $("chart").clientWidth && $("chart").clientWidth < 520;
    size.width = narrow ? 380 : 720;
    size.height = narrow ? 190 : 250;
    return {
      end, most,
      x: (time) => size.left + time / end * (size.width - size.left - size.right),
      y: (mv) => size.height - size.bottom - mv / most * (size.height - size.top - size.bottom),
    };
  }

  const trace = (scale, node) => wave.time.map((time, i) =>
    `${i ? "L" : "M"}${scale.x(time).toFixed(1)} ${scale.y(wave.waves[i][node] * 1e3).toFixed(1)}`)
    .join("");

  function drawChart() {
    const scale = scales(), chart = $("chart"), scenario = data.scenarios[chosen.kind];
    chart.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    const parts = [];
    scenario.phases.forEach((phase, index) => {
      if (index % 2) return;
      parts.push(element("rect", { class: "phase-back", x: scale.x(phase.start_ns), y: size.top,
        width: scale.x(phase.end_ns) - scale.x(phase.start_ns),
        height: size.height - size.top - size.bottom }));
    });
    for (const [share, text] of [[0, "0"], [0.5, "VDD/2"], [1, "VDD"]]) {
      const y = scale.y(share * set["supply.vdd_mv"]);
      const end = size.width - size.right;
      parts.push(element("line", { class: "axis", x1: size.left, x2: end, y1: y, y2: y }),
        element("text", { class: "soft", x: size.left - 6, y: y + 4, "text-anchor": "end" }, text));
    }
    const spacing = scenario.end_ns > 60 ? 20 : 10;
    for (let t = 0; t <= scenario.end_ns; t += spacing) {
      parts.push(element("text", { class: "soft middle", x: scale.x(t), y: size.height - 8 },
        t + spacing > scenario.end_ns ? `${t} ns` : `${t}`));
    }
    const labels = [];
    const line = (look, node, text) => {
      const d = trace(scale, node);
      parts.push(element("path", { class: `wave ${look}`, d, "data-node": text }));
      labels.push({ look, text, y: scale.y(lastLevel(node)) });
    };
    scenario.cells.forEach((_, i) => line("cell", wave.nodes + i, cellLabel(i)));
    line("blb", wave.bl + 1, "complement");
    line("bl", wave.bl, "bitline");
    labels.sort((a, b) => a.y - b.y);
    const labelX = size.width - size.right + 5, y2 = size.height - size.bottom;
    for (const { look, text, y } of merge(labels))
      parts.push(element("text", { class: look, x: labelX, y: y + 4 }, text));
    parts.push(element("line", { class: "cursor", id: "cursor", y1: size.top, y2 }));
    const now = wave.value ? "up to VDD" : "down to ground";
    const text = `Voltages of bitline, complement and cells over ${number(scale.end, 1)} ns. `
      + `The cells move the bitline by ${signed(wave.dv[wave.dv.length - 1], 1)} mV; `
      + `the amplifier pulls it ${now}.`;
    chart.replaceChildren(element("title", { id: "chart-text" }, text), ...parts);
  }

  const lastLevel = (node) => wave.waves[wave.waves.length - 1][node] * 1e3;
  const cellLabel = (i) => (chosen.fixed !== undefined && i === 2 ? "third" : chosen.labels[i]);

  // Labels of lines that end at the same level stand together, others at a distance.
  function merge(labels) {
    const found = [];
    for (const label of labels) {
      const before = found[found.length - 1];
      if (before && before.look === label.look && label.y - before.last < 8) {
        before.text += `, ${label.text}`; before.last = label.y;
      } else {
        const y = before ? Math.max(label.y, before.y + 15) : label.y;
        found.push({ ...label, y, last: label.y });
      }
    }
    const over = found.length ? found[found.length - 1].y - (size.height - size.bottom) : 0;
    if (over > 0) found.forEach((label) => { label.y -= over; });
    return found;
  }

  // ---- picture at a time

  function indexAt(time) {
    let low = 0, high = wave.time.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (wave.time[middle] < time) low = middle + 1; else high = middle;
    }
    return low;
  }

  function drawPicture(index) {
    const scenario = data.scenarios[chosen.kind], v = wave.waves[index], gates = wave.lines[index];
    const vdd = set["supply.vdd_mv"], mv = (node) => v[node] * 1e3;
    const narrow = size.width < 500;
    const width = size.width, height = narrow ? 150 : 176, ampW = narrow ? 72 : 92;
    const ampX = width - ampW - 4, top = 26;
    const bottom = height - 26;
    const picture = $("picture"), parts = [];
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const wires = [["bl", top, wave.bl, "bitline"], ["blb", bottom, wave.bl + 1, "complement"]];
    for (const [look, y, node, name] of wires) {
      parts.push(element("path", { class: `wire ${look}`, d: `M12 ${y}H${ampX}` }),
        element("text", { class: look, x: 12, y: look === "bl" ? y - 8 : y + 18 },
          `${name} ${number(mv(node), 0)} mV`));
    }
    const on = gates[1] > 0.5;
    const ampMiddle = ampX + ampW / 2, half = (top + bottom) / 2;
    parts.push(element("rect", { class: `amp${on ? " on" : ""}`, x: ampX, y: top - 14,
      width: ampW, height: bottom - top + 28, rx: 8 }),
    element("text", { class: "middle", x: ampMiddle, y: half - 4 }, "amplifier"),
    element("text", { class: "middle soft", x: ampMiddle, y: half + 14 }, on ? "on" : "off"));
    const count = scenario.cells.length, gap = (ampX - 20) / count, reach = narrow ? 22 : 26;
    scenario.cells.forEach((_, i) => {
      const x = 20 + gap * (i + (narrow ? 0.33 : 0.45));
      const tank = { x: x - reach, y: top + 28, w: 2 * reach, h: bottom - top - 56 };
      const share = Math.min(Math.max(mv(wave.nodes + i) / vdd, 0), 1);
      for (const contact of scenario.contacts.filter((one) => one.cell === i)) {
        const open = gates[contact.line] > 0.5, y = contact.side ? bottom : top;
        const end = contact.side ? tank.y + tank.h : tank.y;
        const look = open ? ["bl", "blb"][contact.side] : "off";
        parts.push(element("path", { class: `wire ${look}`, d: `M${x} ${y}V${end}` }));
      }
      const beside = tank.x + tank.w + 5, size_ = { x: tank.x, width: tank.w };
      parts.push(
        element("rect", { class: "charge", ...size_, y: tank.y + tank.h * (1 - share),
          height: tank.h * share }),
        element("rect", { class: "tank", ...size_, y: tank.y, height: tank.h, rx: 4 }),
        element("text", { class: "digit", x, y: tank.y + tank.h / 2 + 8 },
          share > 0.75 ? "1" : share < 0.25 ? "0" : "?"),
        element("text", { class: "cell", x: beside, y: tank.y + 14 }, cellLabel(i)),
        element("text", { class: "soft", x: beside, y: tank.y + 30 },
          number(mv(wave.nodes + i), 0)));
    });
    const text = `Bitline at ${number(mv(wave.bl), 0)} mV, `
      + `complement at ${number(mv(wave.bl + 1), 0)} mV; `
      + scenario.cells.map((_, i) =>
        `cell ${cellLabel(i)} at ${number(mv(wave.nodes + i), 0)} mV`).join(", ");
    picture.replaceChildren(element("title", { id: "picture-text" }, text), ...parts);
  }

  function showTime() {
    const scale = scales(), x = scale.x(cursor), scenario = data.scenarios[chosen.kind];
    const line = $("cursor");
    line.setAttribute("x1", x); line.setAttribute("x2", x);
    $("time").value = cursor;
    $("time-out").textContent = `${number(cursor, 1)} ns`;
    const phase = scenario.phases.find((one) => cursor < one.end_ns && cursor >= one.start_ns);
    const last = scenario.phases[scenario.phases.length - 1];
    const at = cursor < scenario.phases[0].start_ns ? null : phase || last;
    $("phase").replaceChildren(element("b", {}, at ? `${at.name}. ` : "ready. "),
      at ? at.words : "Both bitlines are held at half of VDD. All word lines are low.");
    drawPicture(indexAt(cursor));
  }

  function stop() {
    cancelAnimationFrame(playing);
    playing = null;
    $("play").textContent = "Play";
  }

  function play() {
    if (playing !== null) { stop(); return; }
    const { sense_ns, close_ns, end_ns, phases } = data.scenarios[chosen.kind];
    if (cursor >= close_ns[close_ns.length - 1] - 0.05) cursor = 0;
    if (still()) {  // no motion: from phase to phase
      const next = phases.find((one) => one.start_ns > cursor + 0.01);
      cursor = next ? next.start_ns : end_ns;
      showTime();
      return;
    }
    $("play").textContent = "Stop";
    // ns a second: slowly where charge is shared and the amplifier begins.
    const speed = () => (sense_ns.some((at) => cursor > at - 6 && cursor < at + 3) ? 2 : 8);
    let before = null;
    const step = (now) => {
      if (before !== null) cursor = Math.min(cursor + (now - before) / 1000 * speed(), end_ns);
      before = now;
      showTime();
      if (cursor < end_ns) playing = requestAnimationFrame(step); else stop();
    };
    playing = requestAnimationFrame(step);
  }

  // ---- failures

  function estimate() {
    const now = state(), cells = chosen.kind === "majority" ? 3 : 1, at = place(cells);
    // Cells are alike: one pattern stands for all with as many ones.
    const stands = Array.from({ length: cells + 1 }, (_, ones) =>
      Array.from({ length: cells }, (_, i) => (i < ones ? 1 : 0)));
    const bitsNow = held().slice(0, cells), mine = bitsNow.reduce((sum, bit) => sum + bit, 0);
    const counted = variation.count(data, at, unitsOf(cells), stands, now, mine);
    const decide = variation.decider(data, at, stands, { ...now, variation_percent: 0 });
    const nominal = new Float64Array(stands.length);
    decide(new Float64Array(at.dims), 0, nominal);
    const right = variation.answers(stands);
    const least = variation.worst(data, at, stands[mine], now);
    failures.draw(counted.margins);
    const told = failures.verdict(counted.wrong[mine], counted.samples, least, data.level);
    $("failures").replaceChildren(...told);
    const patterns = Array.from({ length: 2 ** cells }, (_, i) =>
      Array.from({ length: cells }, (_, k) => (i >> (cells - 1 - k)) & 1));
    $("patterns").caption.textContent = "Every pattern of the stored bits; wrong: how many of "
      + `${counted.samples.toLocaleString("en")} bitlines`;
    $("patterns").tBodies[0].replaceChildren(...patterns.map((pattern) => {
      const ones = pattern.reduce((sum, bit) => sum + bit, 0);
      const margin = right[ones] ? nominal[ones] : -nominal[ones], wrong = counted.wrong[ones];
      const same = pattern.every((bit, i) => bit === bitsNow[i]);
      return element("tr", { class: same ? "now" : false, "data-pattern": pattern.join("") },
        element("td", {}, pattern.join(" ")), element("td", {}, right[ones] ? "1" : "0"),
        element("td", { class: margin > 0 ? false : "wrong" }, signed(margin, 1)),
        element("td", { class: wrong ? "wrong" : false }, wrong.toLocaleString("en")));
    }));
    $("result-head").textContent = cells === 1 ? "read as" : "result";
    const percent = number(set.variation_percent, 1);
    $("rests").textContent = `Drawn here: ${counted.samples.toLocaleString("en")} bitlines of `
      + `the process ${data.process}, whose parts are each off by up to ${percent} %. `
      + "Charge sharing is exact; a latch that is too slow is not counted."
      + (chosen.kind === "not" ? " A NOT reads twice; here the first read is counted." : "");
  }

  // ---- start

  $("time").addEventListener("input", () => { cursor = Number($("time").value); showTime(); });
  $("play").addEventListener("click", play);
  $("reset").addEventListener("click", () => { set = { ...initial }; showSliders(); update(); });
  window.addEventListener("resize", () => { if (wave) { drawChart(); showTime(); } });
  showSliders();
  choices($("operations"), operations.map((one) => one.name), 1, (index) => {
    chosen = operations[index];
    cursor = data.scenarios[chosen.kind].close_ns.slice(-1)[0];
    showBits();
    update();
  });
  return { compute, estimate };
};
