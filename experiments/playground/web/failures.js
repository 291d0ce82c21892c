// How often a bitline is wrong, in words and as a picture.
"use strict";

const failures = (() => {
  // In words: wrong of so many, and the least margin in any corner, in mV.
  function verdict(wrong, samples, least, level) {
    const percent = (share) => (share < 0.001
      ? `1 in ${Math.round(1 / share).toLocaleString("en")}`
      : `${number(100 * share, share < 0.1 ? 2 : 1)} %`);
    if (least > 0) {
      return [element("b", {}, "Never for these bits. "),
        `Even the worst corner, every part at its limit, leaves ${number(least, 1)} mV.`];
    }
    const [low, high] = variation.interval(wrong, samples, level);
    if (wrong === 0) {
      return [element("b", {}, "Rarely for these bits. "),
        `None of ${samples.toLocaleString("en")} bitlines is wrong, so fewer than `
        + `${percent(high)} are. `
        + `It is possible: the worst corner has ${signed(least, 1)} mV.`];
    }
    return [element("b", {}, `${percent(wrong / samples)} of bitlines are wrong for these bits`),
      ` (${100 * level} % sure: from ${percent(low)} to ${percent(high)}).`];
  }

  // How many of the bitlines have which margin; left of 0 they are wrong.
  function draw(margins) {
    const width = 520, height = 150, bottom = 24, bins = 52, floor = height - bottom;
    let low = Math.min(0, ...range(margins)), high = Math.max(0, ...range(margins));
    const step = Math.max((high - low) / bins, 1);
    low = Math.floor(low / step) * step;  // so that 0 is an edge
    high = Math.max(high, low + step * bins);
    const counts = new Array(bins + 2).fill(0);
    for (const margin of margins) counts[Math.floor((margin - low) / step)]++;
    const most = Math.max(...counts);
    const x = (mv) => 8 + (mv - low) / (high + step - low) * (width - 16);
    const parts = [];
    counts.forEach((count, i) => {
      if (!count) return;
      const tall = Math.max(count / most * (height - bottom - 18), 1);
      parts.push(element("rect", { class: low + (i + 0.5) * step < 0 ? "bar wrong" : "bar",
        x: x(low + i * step), y: height - bottom - tall, height: tall,
        width: Math.max(x(step) - x(0) - 1, 1) }));
    });
    parts.push(element("line", { class: "cursor", x1: x(0), x2: x(0), y1: 4, y2: height - bottom }),
      element("line", { class: "axis", x1: 8, x2: width - 8, y1: floor, y2: floor }),
      element("text", { class: "soft middle", x: x(0), y: height - 7 }, "0"),
      element("text", { class: "soft", x: width - 8, y: height - 7, "text-anchor": "end" },
        "margin of a bitline, mV"));
    if (x(0) > 60) {
      parts.push(element("text", { class: "wrong", x: x(0) - 6, y: 14, "text-anchor": "end" },
        "wrong"));
    }
    parts.push(element("text", { class: "cell", x: x(0) + 6, y: 14 }, "right"));
    const [least, largest] = range(margins);
    $("spread").setAttribute("viewBox", `0 0 ${width} ${height}`);
    $("spread").replaceChildren(element("title", { id: "spread-text" },
      `Margins of the bitlines, from ${number(least, 0)} to ${number(largest, 0)} mV; `
      + "below 0 they are wrong"), ...parts);
  }

  const range = (values) => values.reduce(([low, high], value) =>
    [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);

  return { verdict, draw };
})();
