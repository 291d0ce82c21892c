// One bitline pair over time: the equation of pimsim.circuit.transient, and its integration.
// Units as there: V, ns, fF, uA, uA/V, fC. Nodes of a pair: the far ends of bl and blb, the ladder
// towards the sense amplifier, bl and blb there, SAN and SAP; then the cells.
"use strict";

const bitline = (() => {
  const strength = (values, device) =>
    values[`${device}.kp_ua_per_v2`] * values[`${device}.w_um`] / values[`${device}.l_um`];
  const between = (value, low, high) => Math.min(Math.max(value, low), high);

  // Levels, in mV, of bitlines before a row opens, and of cells that have leaked for a time.
  function levels(values, leak) {
    const vdd = values["supply.vdd_mv"];
    const highest = Math.min(vdd, values["supply.vpp_mv"] - values["access.vt_mv"]);
    const halvings = (leak.celsius - values["retention.reference_celsius"])
      / values["retention.halving_celsius"];
    const waited = leak.wait_ms / (values["retention.time_constant_ms"] * 2 ** -halvings);
    const left = (share) => {
      const restored = Math.min(share * vdd, highest);
      if (waited === 0) return restored;
      const end = values["retention.leak_to_mv"];
      return between(Math.exp(-waited) * (restored - end) + end, 0, vdd);
    };
    return {
      precharge: values["supply.precharge_share"] * vdd,
      one: left(values["cell.one_share"]),
      zero: left(values["cell.zero_share"]),
    };
  }

  // Level of a precharged bitline shared with cells at these levels, in mV.
  function shared(values, precharge, cells) {
    const cs = values["cell.capacitance_ff"], cb = values["bitline.capacitance_ff"];
    const charge = cells.reduce((sum, level) => sum + cs * level, cb * precharge);
    return charge / (cs * cells.length + cb);
  }

  // Current of a square-law nMOS from drain to source, by gate and by drain voltage.
  function nmos(gate, drain, source, beta, vt, modulation) {
    if (drain >= source) return forward(gate - source - vt, drain - source, beta, modulation);
    const [current, byGate, byDrain] =
      forward(gate - drain - vt, source - drain, beta, modulation);
    return [-current, -byGate, byGate + byDrain];
  }

  function pmos(gate, drain, source, beta, vt, modulation) {
    const [current, byGate, byDrain] = nmos(-gate, -drain, -source, beta, -vt, modulation);
    return [-current, byGate, byDrain];
  }

  function forward(drive, span, beta, modulation) {
    if (drive <= 0) return [0, 0, 0];
    const longer = 1 + modulation * span;
    if (drive <= span) {
      const plain = 0.5 * beta * drive * drive;
      return [plain * longer, beta * drive * longer, plain * modulation];
    }
    const plain = beta * span * (drive - 0.5 * span);
    return [plain * longer, beta * span * longer,
      beta * (drive - span) * longer + plain * modulation];
  }

  function circuit(data, scenario, held, state) {
    const values = state.values, volts = 1e-3, offset = state.offset_mv * volts;
    const level = levels(values, state);
    const segments = values["bitline.segments"], nodes = 2 * segments + 4;
    const size = nodes + held.length;
    const charge = new Float64Array(size);
    for (let side = 0; side < 2; side++) {
      for (let k = 0; k <= segments; k++) {
        const share = k === 0 || k === segments ? 0.5 : 1;
        charge[2 * k + side] = share * values["bitline.capacitance_ff"] / segments;
      }
      charge[nodes - 2 + side] = values["sense_amplifier.set_load_ff"];
    }
    const start = new Float64Array(size).fill(level.precharge * volts);
    held.forEach((bit, cell) => {
      charge[nodes + cell] = values["cell.capacitance_ff"];
      start[nodes + cell] = (bit ? level.one : level.zero) * volts;
    });
    const device = (name, vt) => ({
      beta: strength(values, name),
      vt: values[`${name}.vt_mv`] * volts + (vt || 0),
      modulation: values[`${name}.lambda_per_v`],
    });
    // An offset at the input is a shift of thresholds: of nMOS, and the other way of pMOS.
    const sides = [0.5 * offset, -0.5 * offset];
    return {
      segments, nodes, size, charge, start, level,
      bl: 2 * segments,
      vdd: values["supply.vdd_mv"] * volts,
      vpp: values["supply.vpp_mv"] * volts,
      precharge: level.precharge * volts,
      equaliserGate: values["sense_amplifier.equaliser_gate_mv"] * volts,
      conductance: 1e6 / (values["bitline.resistance_ohm"] * values["bitline.cells"]) * segments,
      latchN: sides.map((shift) => device("latch_n", shift)),
      latchP: sides.map((shift) => device("latch_p", shift)),
      setN: device("set_n"), setP: device("set_p"),
      equaliser: device("equaliser"), access: device("access"),
      contacts: scenario.contacts,
    };
  }

  // Currents into every node, and their derivatives: by voltage (a dense matrix) and by time.
  function rates(size) {
    return {
      out: new Float64Array(size), byTime: new Float64Array(size),
      jacobian: new Float64Array(size * size),
      supplied: 0, suppliedBy: 0, suppliedByTime: 0,
    };
  }

  function currents(r, c, v, gates, slopes) {
    const { out, byTime, jacobian } = r, n = c.size, bl = c.bl, san = bl + 2, sap = bl + 3;
    out.fill(0); byTime.fill(0); jacobian.fill(0);
    r.supplied = r.suppliedBy = r.suppliedByTime = 0;
    const add = (row, column, value) => { jacobian[row * n + column] += value; };
    for (let side = 0; side < 2; side++) {
      for (let k = 0; k < c.segments; k++) {
        const far = 2 * k + side, near = far + 2;
        const current = c.conductance * (v[near] - v[far]);
        out[far] += current; out[near] -= current;
        add(far, far, -c.conductance); add(near, near, -c.conductance);
        add(far, near, c.conductance); add(near, far, c.conductance);
      }
    }
    // A transistor between two nodes; its gate a node too, or (-1) a line that moves.
    const connect = ([current, byGate, byDrain], drain, source, gate, slope) => {
      const bySource = -byGate - byDrain;
      out[drain] -= current; out[source] += current;
      add(drain, drain, -byDrain); add(drain, source, -bySource);
      add(source, drain, byDrain); add(source, source, bySource);
      if (gate >= 0) {
        add(drain, gate, -byGate); add(source, gate, byGate);
      } else {
        byTime[drain] -= byGate * slope; byTime[source] += byGate * slope;
      }
    };
    // A transistor with its drain on a node and its source on a supply.
    const supply = ([current, byGate, byDrain], node, slope) => {
      out[node] -= current;
      add(node, node, -byDrain);
      byTime[node] -= byGate * slope;
    };
    for (let side = 0; side < 2; side++) {
      const drain = bl + side, gate = bl + 1 - side, n_ = c.latchN[side], p_ = c.latchP[side];
      connect(nmos(v[gate], v[drain], v[san], n_.beta, n_.vt, n_.modulation), drain, san, gate, 0);
      connect(pmos(v[gate], v[drain], v[sap], p_.beta, p_.vt, p_.modulation), drain, sap, gate, 0);
    }
    const [equal, equalSlope] = [gates[0], slopes[0]], [set, setSlope] = [gates[1], slopes[1]];
    if (set > 0) {
      const { setN, setP, vdd } = c;
      supply(nmos(vdd * set, v[san], 0, setN.beta, setN.vt, setN.modulation), san, vdd * setSlope);
      const through = pmos(vdd * (1 - set), v[sap], vdd, setP.beta, setP.vt, setP.modulation);
      supply(through, sap, -vdd * setSlope);
      r.supplied -= through[0];
      r.suppliedBy -= through[2];  // of SAP
      r.suppliedByTime -= through[1] * -vdd * setSlope;
    }
    if (equal > 0) {
      const { equaliser: e } = c;
      const gate = c.equaliserGate * equal, turn = c.equaliserGate * equalSlope;
      for (let k = 0; k < 4; k++)
        supply(nmos(gate, v[bl + k], c.precharge, e.beta, e.vt, e.modulation), bl + k, turn);
      connect(nmos(gate, v[bl], v[bl + 1], e.beta, e.vt, e.modulation), bl, bl + 1, -1, turn);
    }
    for (const { cell: index, line, tap: [near, far], share } of c.contacts) {
      const level = gates[line];
      if (level <= 0) continue;
      const cell = c.nodes + index, shares = [[near, 1 - share], [far, share]];
      const { beta, vt, modulation } = c.access;
      const [current, byGate, byDrain] = nmos(
        c.vpp * level, (1 - share) * v[near] + share * v[far], v[cell], beta, vt, modulation);
      const byCell = -byGate - byDrain, turn = byGate * c.vpp * slopes[line];
      out[cell] += current; byTime[cell] += turn; add(cell, cell, byCell);
      for (const [node, part] of shares) {
        if (part === 0) continue;
        out[node] -= part * current; byTime[node] -= part * turn;
        add(cell, node, part * byDrain); add(node, cell, -part * byCell);
        for (const [other, rest] of shares)
          if (rest !== 0) add(node, other, -part * rest * byDrain);
      }
    }
  }

  // Factors of scale C - J in place of J, without exchange of rows.
  function factorise(r, c, scale) {
    const a = r.jacobian, n = c.size;
    for (let i = 0; i < n * n; i++) a[i] = -a[i];
    for (let i = 0; i < n; i++) a[i * n + i] += scale * c.charge[i];
    for (let k = 0; k < n; k++) {
      const inverse = 1 / a[k * n + k];
      a[k * n + k] = inverse;
      for (let i = k + 1; i < n; i++) {
        if (a[i * n + k] === 0) continue;
        const ratio = a[i * n + k] *= inverse;
        for (let j = k + 1; j < n; j++) a[i * n + j] -= ratio * a[k * n + j];
      }
    }
  }

  function solve(a, n, x) {
    for (let i = 1; i < n; i++) {
      let total = x[i];
      for (let j = 0; j < i; j++) total -= a[i * n + j] * x[j];
      x[i] = total;
    }
    for (let i = n - 1; i >= 0; i--) {
      let total = x[i];
      for (let j = i + 1; j < n; j++) total -= a[i * n + j] * x[j];
      x[i] = total * a[i * n + i];
    }
  }

  // Times at which steps end: corners of the control lines, and the points of the waveforms.
  function stopsOf(scenario, spacing) {
    const corners = [...new Set(scenario.corners.flat().map(([time]) => time))]
      .sort((a, b) => a - b);
    const times = corners.map((time) => [time, true]);
    let next = 0;
    for (let i = 0; i * spacing < scenario.end_ns; i++) {
      const time = i * spacing;
      while (next < corners.length && corners[next] < time - 1e-6) next++;
      if (next < corners.length && Math.abs(corners[next] - time) <= 1e-6) continue;
      times.push([time, false]);
    }
    return times.sort((a, b) => a[0] - b[0]);
  }

  function levelAt(line, time) {
    let i = 1;
    while (i < line.length - 1 && line[i][0] < time) i++;
    const [t0, y0] = line[i - 1], [t1, y1] = line[i];
    return t1 === t0 ? y1 : y0 + (y1 - y0) * between((time - t0) / (t1 - t0), 0, 1);
  }

  // Share of a step at which the parabola through both ends, with this slope first, is there.
  function crossing(start, slope, end, level) {
    if (start >= level) return 0;
    const curve = end - start - slope;
    const below = slope + Math.sqrt(Math.max(slope * slope + 4 * curve * (level - start), 0));
    return below <= 0 ? 1 : Math.min(2 * (level - start) / below, 1);
  }

  // RODAS3 with steps of its own, as the package does; one bitline pair.
  // `held` is what each cell holds before, `state` the values of the circuit and of the sliders.
  function transient(data, kind, held, state) {
    const scenario = data.scenarios[kind], c = circuit(data, scenario, held, state);
    const n = c.size, stops = stopsOf(scenario, data.step_ns);
    const lines = scenario.corners.length;
    const at = stops.map(([time]) => scenario.corners.map((line) => levelAt(line, time)));
    const now = rates(n), later = rates(n), v = Float64Array.from(c.start);
    const u = [0, 1, 2, 3].map(() => new Float64Array(n)), q = [0, 0, 0, 0];
    const trial = new Float64Array(n), gates = new Float64Array(lines);
    const slopes = new Float64Array(lines), tolerance = data.tolerance_mv * 1e-3;
    const is = (times, time) => times.some((one) => Math.abs(one - time) < 1e-9);
    const found = {
      time: [], waves: [], lines: at, dv: [], latch: [], closing: [], energy_fj: 0, level: c.level,
    };
    let step = data.first_step_ns, sensing = false, senseAt = 0, supplied = 0;

    const stage = (from, i, h) => {
      let rate = from.supplied + from.suppliedBy * 0;
      if (i === 0) rate += 0.5 * h * now.suppliedByTime;
      else if (i === 1) rate += 1.5 * h * now.suppliedByTime + 4 / h * q[0];
      else if (i === 2) rate += (q[0] - q[1]) / h;
      else rate += (q[0] - q[1] - 8 / 3 * q[2]) / h;
      q[i] = 0.5 * h * (rate + now.suppliedBy * u[i][c.bl + 3]);
    };
    const tryStep = (h) => {
      const [u1, u2, u3, u4] = u, charge = c.charge, a = now.jacobian;
      currents(now, c, v, gates, slopes);
      const out = Float64Array.from(now.out);
      factorise(now, c, 2 / h);
      for (let i = 0; i < n; i++) u1[i] = out[i] + 0.5 * h * now.byTime[i];
      solve(a, n, u1); stage(now, 0, h);
      for (let i = 0; i < n; i++)
        u2[i] = out[i] + charge[i] * (4 / h) * u1[i] + 1.5 * h * now.byTime[i];
      solve(a, n, u2); stage(now, 1, h);
      for (let k = 0; k < lines; k++) gates[k] += h * slopes[k];
      for (let i = 0; i < n; i++) trial[i] = v[i] + 2 * u1[i];
      currents(later, c, trial, gates, slopes);
      for (let i = 0; i < n; i++) u3[i] = later.out[i] + charge[i] / h * (u1[i] - u2[i]);
      solve(a, n, u3); stage(later, 2, h);
      for (let i = 0; i < n; i++) trial[i] += u3[i];
      currents(later, c, trial, gates, slopes);
      for (let i = 0; i < n; i++)
        u4[i] = later.out[i] + charge[i] / h * (u1[i] - u2[i] - 8 / 3 * u3[i]);
      solve(a, n, u4); stage(later, 3, h);
      let error = 0;
      for (let i = 0; i < n; i++) if (!(Math.abs(u4[i]) <= error)) error = Math.abs(u4[i]);
      return error;
    };

    stops.forEach(([time, corner], index) => {
      found.time.push(time);
      found.waves.push(Float64Array.from(v));
      if (is(scenario.sense_ns, time)) {
        found.dv.push((v[c.bl] - v[c.bl + 1]) * 1e3);
        found.latch.push(null);
        sensing = true; senseAt = time;
      } else if (is(scenario.close_ns, time)) {
        found.closing.push([v[c.bl], v[c.bl + 1], ...v.slice(c.nodes)].map((x) => x * 1e3));
        sensing = false;
      }
      if (index === stops.length - 1) return;
      const span = stops[index + 1][0] - time;
      for (let k = 0; k < lines; k++) slopes[k] = (at[index + 1][k] - at[index][k]) / span;
      if (corner) step = Math.min(step, data.first_step_ns);
      let done = 0;
      while (done < span) {
        let h = Math.min(step, data.longest_step_ns);
        const left = span - done, last = h >= left * (1 - 1e-9);
        if (last) h = left;
        else if (h > 0.5 * left) h = 0.5 * left;
        for (let k = 0; k < lines; k++) gates[k] = at[index][k] + slopes[k] * done;
        const error = tryStep(h) / tolerance;
        if (!(error <= 1)) {
          step = error > 1 ? h * Math.max(0.2, 0.9 * error ** (-1 / 3)) : 0.2 * h;
          if (step < data.shortest_step_ns)
            throw new Error(`the circuit cannot be integrated beyond ${time + done} ns`);
          continue;
        }
        const was = v[c.bl] - v[c.bl + 1];
        const rose = h * (now.out[c.bl] / c.charge[c.bl]
          - now.out[c.bl + 1] / c.charge[c.bl + 1]);
        for (let i = 0; i < n; i++) v[i] = trial[i] + u[3][i];
        supplied += 2 * q[0] + q[2] + q[3];
        const apart = v[c.bl] - v[c.bl + 1], threshold = data.latched_share * c.vdd;
        if (sensing && Math.abs(apart) >= threshold) {
          const sign = apart > 0 ? 1 : -1;
          const share = crossing(sign * was, sign * rose, sign * apart, threshold);
          found.latch[found.latch.length - 1] = time + done + h * share - senseAt;
          sensing = false;
        }
        done = last ? span : done + h;
        const wish = h * Math.min(4, 0.9 * Math.max(error, 1e-6) ** (-1 / 3));
        step = h < step ? Math.max(step, wish) : wish;
      }
    });
    const closing = found.closing[found.closing.length - 1];
    found.energy_fj = supplied * c.vdd;
    found.value = closing[0] > closing[1] ? 1 : 0;
    found.bl = c.bl;
    found.nodes = c.nodes;
    return found;
  }

  return { levels, shared, transient };
})();
