// How often a sense amplifier is wrong: pimsim.circuit.statistics in JavaScript. Every sample is a
// bitline pair whose parts differ from what was drawn; charge sharing is exact, and the amplifier
// adds an offset that depends on the common mode of the two bitlines.
"use strict";

const variation = (() => {
  // Where the units of each quantity stand among the numbers of one sample.
  function layout(data, cells) {
    const rows = {};
    let dims = 0;
    for (const one of data.varied) {
      const count = one.shared ? 1 : { cell: cells, side: 2, pair: 1 }[one.instances];
      rows[one.quantity] = { start: dims, count, amount: one.amount };
      dims += count;
    }
    return { rows, dims, cells };
  }

  // Uniform numbers in [-1, 1), the same ones every time: (samples, dims).
  function draw(dims, samples, seed) {
    const units = new Float64Array(dims * samples);
    let state = seed >>> 0;
    for (let i = 0; i < units.length; i++) {  // mulberry32
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      units[i] = ((mixed ^ (mixed >>> 14)) >>> 0) / 2147483648 - 1;
    }
    return units;
  }

  // What the amplifier sees, in mV, positive for 1: for each pattern (bits of the cells) of the
  // sample whose units begin at `at`. `share` is the variation, 0.1 for 10 %.
  function decider(data, place, patterns, state) {
    const values = state.values, level = bitline.levels(values, state), cells = place.cells;
    const cs = values["cell.capacitance_ff"], cb = values["bitline.capacitance_ff"];
    const [low, high] = data.common_mode_mv, share = state.variation_percent / 100;
    const least = data.least_share;
    // A coefficient of the offset is linear to the common mode, within limits.
    const coefficient = (name) => {
      const [first, second, floor, ceiling] = data.offset[name];
      const slope = (second - first) / (high - low), start = first - low * slope;
      const bottom = floor === null ? -Infinity : floor;
      const top = ceiling === null ? Infinity : ceiling;
      return (mode) => Math.min(Math.max(mode * slope + start, bottom), top);
    };
    const byVtN = coefficient("a_n"), byVtP = coefficient("a_p");
    const byRatioN = coefficient("b_n_mv"), byRatioP = coefficient("b_p_mv");
    const byLines = coefficient("c_mv");
    // The spread of a quantity's instance, and its scale; of one that does not vary, 0 and 1.
    const spread = (quantity, index) => {
      const row = place.rows[quantity];
      if (!row) return () => 0;
      const offset = row.start + (row.count === 1 ? 0 : index), amount = row.amount * share;
      return (units, at) => units[at + offset] * amount;
    };
    const scale = (quantity, index) => {
      const drawn = spread(quantity, index);
      return (units, at) => Math.max(1 + drawn(units, at), least);
    };
    const sides = (make, quantity) => [make(quantity, 0), make(quantity, 1)];
    const lines = sides(scale, "bitline.capacitance"), ready = sides(scale, "bitline.precharge");
    const vtN = sides(spread, "latch_n.vt"), vtP = sides(spread, "latch_p.vt");
    const wN = sides(scale, "latch_n.w"), lN = sides(scale, "latch_n.l");
    const wP = sides(scale, "latch_p.w"), lP = sides(scale, "latch_p.l");
    const each = (make, quantity) => Array.from({ length: cells }, (_, i) => make(quantity, i));
    const size = each(scale, "cell.capacitance"), one = each(scale, "cell.one");
    const zero = each(spread, "cell.zero");
    const ones = new Float64Array(cells), zeros = new Float64Array(cells);
    return (units, at, out) => {
      const bl = lines[0](units, at) * cb, blb = lines[1](units, at) * cb;
      const before = bl * ready[0](units, at) * level.precharge;
      const complement = ready[1](units, at) * level.precharge;
      let total = bl;
      for (let i = 0; i < cells; i++) {
        const ff = size[i](units, at) * cs;
        total += ff;
        ones[i] = ff * level.one * one[i](units, at);
        zeros[i] = ff * (level.zero + zero[i](units, at));
      }
      const dVtN = vtN[0](units, at) - vtN[1](units, at);
      const dVtP = vtP[0](units, at) - vtP[1](units, at);
      const ratioN = Math.log(wN[0](units, at) / wN[1](units, at)
        * lN[1](units, at) / lN[0](units, at));
      const ratioP = Math.log(wP[0](units, at) / wP[1](units, at)
        * lP[1](units, at) / lP[0](units, at));
      const dLines = Math.log(bl / blb);
      for (let p = 0; p < patterns.length; p++) {
        let charge = before;
        for (let i = 0; i < cells; i++) charge += patterns[p][i] ? ones[i] : zeros[i];
        const voltage = charge / total, mode = 0.5 * (voltage + complement);
        out[p] = voltage - complement + state.offset_mv + byVtN(mode) * dVtN
          + byVtP(mode) * dVtP + byRatioN(mode) * ratioN + byRatioP(mode) * ratioP
          + byLines(mode) * dLines;
      }
    };
  }

  const answers = (patterns) =>
    patterns.map((bits) => 2 * bits.reduce((sum, bit) => sum + bit, 0) > bits.length);

  // Counts of wrong decisions, one for each pattern; and the margins of the pattern `of`, in mV.
  function count(data, place, units, patterns, state, of) {
    const decide = decider(data, place, patterns, state), right = answers(patterns);
    const wrong = patterns.map(() => 0), out = new Float64Array(patterns.length);
    const samples = units.length / place.dims, margins = new Float64Array(samples);
    for (let s = 0; s < samples; s++) {
      decide(units, s * place.dims, out);
      for (let p = 0; p < patterns.length; p++) if ((out[p] > 0) !== right[p]) wrong[p]++;
      if (of !== undefined) margins[s] = right[of] ? out[of] : -out[of];
    }
    return { wrong, samples, margins };
  }

  // The least margin, in mV, in any corner of the process: one part after the other changes side.
  function worst(data, place, pattern, state) {
    const decide = decider(data, place, [pattern], state), sign = answers([pattern])[0] ? 1 : -1;
    const out = new Float64Array(1), dims = place.dims;
    const margin = (at) => { decide(at, 0, out); return sign * out[0]; };
    const half = new Float64Array(dims).fill(0.5), at = new Float64Array(dims);
    const middle = margin(half);
    for (let d = 0; d < dims; d++) {
      half[d] = -0.5;
      at[d] = margin(half) < middle ? -1 : 1;
      half[d] = 0.5;
    }
    let least = margin(at);
    for (;;) {
      let best = -1, lowest = least;
      for (let d = 0; d < dims; d++) {
        at[d] = -at[d];
        const tried = margin(at);
        if (tried < lowest) { lowest = tried; best = d; }
        at[d] = -at[d];
      }
      if (best < 0) return least;
      at[best] = -at[best];
      least = lowest;
    }
  }

  // ln of the gamma function (Lanczos), for the incomplete beta function below.
  function logGamma(x) {
    const terms = [676.5203681218851, -1259.1392167224028, 771.32342877765313,
      -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
      1.5056327351493116e-7];
    const y = x - 1;
    const sum = terms.reduce((s, term, i) => s + term / (y + i + 1), 0.99999999999980993);
    const t = y + terms.length - 0.5;
    return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(t) - t + Math.log(sum);
  }

  // The regularised incomplete beta function, by its continued fraction (Lentz).
  function beta(a, b, x) {
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - beta(b, a, 1 - x);
    const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b)
      + a * Math.log(x) + b * Math.log1p(-x)) / a;
    const tiny = 1e-300;
    let c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), sum = d;
    for (let m = 1; m < 2000; m++) {
      for (const term of [m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
        -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))]) {
        d = 1 / (1 + term * d || tiny);
        c = 1 + term / c || tiny;
        sum *= c * d;
      }
      if (Math.abs(c * d - 1) < 1e-14) break;
    }
    return front * sum;
  }

  // The exact interval of a probability from counts (Clopper and Pearson).
  function interval(wrong, trials, level) {
    const tail = (1 - level) / 2;
    const quantile = (a, b, share) => {
      let low = 0, high = 1;
      for (let i = 0; i < 60; i++) {
        const middle = (low + high) / 2;
        if (beta(a, b, middle) < share) low = middle; else high = middle;
      }
      return (low + high) / 2;
    };
    return [wrong === 0 ? 0 : quantile(wrong, trials - wrong + 1, tail),
      wrong === trials ? 1 : quantile(wrong + 1, trials - wrong, 1 - tail)];
  }

  return { layout, draw, decider, answers, count, worst, interval };
})();
