// Draws the timeline and answers to the reader. `data.js` comes before it.
"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const classes = page.classes.map(([name]) => name);
  const label = Object.fromEntries(page.classes.map(([name, text]) => [name, text]));
  const letter = { lost: "L", truncated: "T", "timed-out": "O", wrong: "W", "no-accept": "N", refused: "R", declined: "D", answered: "A", "not-judged": "–" };
  const bad = ["lost", "truncated", "timed-out", "wrong", "no-accept"];
  const $ = (id) => document.getElementById(id);
  const view = $("view"), map = $("map"), tip = $("tip");
  if (!page.runs.length || !view) return;

  const filter = { hidden: new Set(), shape: "", route: "" };
  let run, requests, selected, whole, from, to, drawn = {}, layout, drag = null, colours = {};

  const count = (number) => number.toLocaleString("en");
  const time = (us) => {
    const size = Math.abs(us);
    if (size >= 1e6) return (us / 1e6).toFixed(2) + " s";
    return (us / 1e3).toFixed(size >= 1e4 ? 0 : size >= 1e3 ? 1 : 2) + " ms";
  };
  const moment = (us) => (us >= 0 ? "+" : "−") + time(Math.abs(us));
  const colour = (name) => colours[name] || (colours[name] = getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim());

  function show(number) {
    run = page.runs.find((one) => one.run === number) || page.runs[0];
    requests = run.unpacked || (run.unpacked = unpack(run));
    const margin = Math.max((run.to - run.from) * 0.02, 1000);
    whole = [run.from - margin, run.to + margin];
    [from, to] = whole;
    for (const row of document.querySelectorAll("tr[data-run]")) row.classList.toggle("current", Number(row.dataset.run) === run.run);
    if ($("run")) $("run").value = String(run.run);
    const options = (id, values, any) => {
      const list = $(id);
      list.replaceChildren(new Option(any, ""), ...values.map((value) => new Option(value, value)));
      list.value = values.includes(filter[id]) ? filter[id] : "";
      filter[id] = list.value;
    };
    const unique = (values) => [...new Set(values)].sort();
    options("shape", unique(run.kinds.map((kind) => kind[0])), "all shapes");
    options("route", unique(run.kinds.map((kind) => kind[1])), "all routes");
    $("zoom-loss").hidden = !run.marks.some(([, what]) => what === "first loss");
    const counts = countByClass(run, requests);
    for (const button of document.querySelectorAll(".legend button")) {
      const number = counts[button.dataset.class] || 0;
      button.querySelector(".count").textContent = count(number);
      button.hidden = number === 0;
    }
    refresh();
  }

  function refresh() {
    selected = select(run, requests, filter);
    list();
    draw();
  }

  function move(a, b) {
    const span = Math.min(Math.max(b - a, 50), whole[1] - whole[0]);
    a = Math.min(Math.max(a, whole[0]), whole[1] - span);
    [from, to] = [a, a + span];
    draw();
  }

  function zoom(factor, at = (from + to) / 2) { move(at - (at - from) * factor, at + (to - at) * factor); }

  function canvas(element, height) {
    const width = element.clientWidth, scale = window.devicePixelRatio || 1;
    element.style.height = height + "px";
    element.width = Math.round(width * scale);
    element.height = Math.round(height * scale);
    const pen = element.getContext("2d");
    pen.scale(scale, scale);
    pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
    pen.textBaseline = "middle";
    return { pen, width, height };
  }

  function ticks(span, width) {
    const rough = (span / Math.max(2, width / 95));
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= rough);
  }

  /** Draws text within a width, shortened if it does not fit. */
  function text(pen, words, x, y, room, tone = "text") {
    if (room < 14) return;
    let shown = words;
    while (shown.length > 1 && pen.measureText(shown).width > room) shown = shown.slice(0, -2) + "…";
    if (shown.length < 2 && words.length > 2) return;
    pen.fillStyle = colour(tone);
    pen.fillText(shown, x, y);
  }

  function lanes() {
    const end = run.exit ?? run.to;
    const all = [["process", [
      [whole[0], 0, "running", "running"],
      [0, end, "stopping", `stopping: ${time(end)}`],
      [end, whole[1], "ended", run.exit === null ? "still running" : `ended: ${run.exit_text}`],
    ]]];
    if (run.readiness.length) {
      all.push(["readiness", run.readiness.map(([a, b, state, what], at) =>
        [a, run.readiness[at + 1]?.[0] ?? b, state === "refused" ? "ended" : state, what])]);
    }
    const closed = run.listener_closed;
    all.push(["listener", closed === null
      ? [[run.from, run.to, "green", "no connection refused after the signal"]]
      : [[run.from, closed, "green", "accepts connections"], [closed, run.to, "ended", "refuses connections"]]]);
    if (run.phases.length) {
      all.push(["phase", run.phases.map(([name, at], index) => {
        const next = run.phases[index + 1];
        return [at * 1000, next ? next[1] * 1000 : end, index % 2 ? "running" : "stopping", name.replace("_", " ")];
      }).filter(([a, b]) => b > a)]);
    }
    return all;
  }

  function draw() {
    colours = {};
    const small = view.clientWidth < 640;
    const gutter = small ? 8 : 92, right = 10;
    const allLanes = lanes();
    const labelRows = small ? 5 : 4;
    const y = { marks: 6, labels: labelRows * 15 };
    y.axis = y.marks + y.labels;
    y.lanes = y.axis + 26;
    const laneHeight = small ? 34 : 22;
    y.curve = y.lanes + allLanes.length * laneHeight + (small ? 22 : 14);
    const curveHeight = 78;
    y.bad = y.curve + curveHeight + (small ? 30 : 16);
    const badHeight = 24;
    y.bars = y.bad + badHeight + (small ? 26 : 14);
    const barsHeight = small ? 170 : 210;
    const { pen, width, height } = canvas(view, y.bars + barsHeight + 8);
    const inner = width - gutter - right;
    const x = (us) => gutter + (us - from) / (to - from) * inner;
    const clamp = (value) => Math.min(Math.max(value, gutter), gutter + inner);
    layout = { gutter, inner, y, barsHeight, curveHeight, badHeight, laneHeight, lanes: allLanes, small };
    const name = (words, top, middle) => {
      pen.fillStyle = colour("dim");
      if (small) pen.fillText(words, gutter, top - 9); else pen.fillText(words, 8, middle);
    };

    // The axis.
    const step = ticks(to - from, inner);
    pen.lineWidth = 1;
    for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
      const at = Math.round(x(t)) + 0.5;
      pen.strokeStyle = colour("line");
      pen.beginPath(); pen.moveTo(at, y.axis + 16); pen.lineTo(at, height); pen.stroke();
      // The line of the signal has a label of its own.
      if (Math.abs(t) < step / 2) continue;
      const words = moment(t);
      const half = pen.measureText(words).width / 2;
      pen.fillStyle = colour("dim");
      pen.fillText(words, Math.min(Math.max(at - half, 2), width - 2 * half - 2), y.axis + 8);
    }

    // The states of process, readiness and listener.
    allLanes.forEach(([title, states], index) => {
      const top = y.lanes + index * laneHeight + (small ? 16 : 0);
      name(title, top, top + 8);
      for (const [a, b, tone, words] of states) {
        if (b < from || a > to) continue;
        const left = clamp(x(a)), end = clamp(x(b));
        pen.fillStyle = colour(tone);
        pen.fillRect(left, top, Math.max(end - left, 1.5), 17);
        text(pen, words, left + 5, top + 9, end - left - 9);
      }
    });

    // Requests in flight.
    const columns = Math.max(10, Math.floor(inner));
    const flight = inFlight(requests, selected, from, to, columns);
    const most = Math.max(1, ...flight);
    const base = y.curve + curveHeight;
    name(small ? `in flight (at most ${count(most)})` : "in flight", y.curve, y.curve + 8);
    if (!small) { pen.fillText(`≤ ${count(most)}`, 8, y.curve + 24); }
    pen.beginPath();
    pen.moveTo(gutter, base);
    flight.forEach((value, column) => pen.lineTo(gutter + column + 0.5, base - value / most * curveHeight));
    pen.lineTo(gutter + inner, base);
    pen.fillStyle = colour("curve-fill"); pen.fill();
    pen.beginPath();
    flight.forEach((value, column) => pen.lineTo(gutter + column + 0.5, base - value / most * curveHeight));
    pen.strokeStyle = colour("curve"); pen.lineWidth = 1.5; pen.stroke(); pen.lineWidth = 1;

    // Every failure, however many requests there are.
    const wide = 3, cells = Math.max(1, Math.floor(inner / wide));
    const ended = endedPerColumn(run, requests, selected, classes, from, to, cells);
    name("failures", y.bad, y.bad + 12);
    pen.strokeStyle = colour("line");
    pen.strokeRect(gutter + 0.5, y.bad + 0.5, inner - 1, badHeight - 1);
    for (let cell = 0; cell < cells; cell++) {
      const here = bad.filter((name) => ended[classes.indexOf(name)][cell] > 0);
      here.forEach((name, place) => {
        pen.fillStyle = colour(name);
        pen.fillRect(gutter + cell * inner / cells, y.bad + 1 + place * (badHeight - 2) / here.length, Math.max(wide, 2), (badHeight - 2) / here.length);
      });
    }

    // Requests: bars if they are few, counts otherwise.
    const packed = rows(requests, selected, from, to, 1500);
    drawn = { ended, cells, flight, columns, packed };
    if (packed) {
      const high = Math.max(2, Math.min(16, barsHeight / Math.max(packed.count, 1)));
      drawn.high = high;
      const visible = Math.floor(barsHeight / high);
      const few = `${count(packed.bars.length)} requests`;
      name(small ? `requests (${few})` : "requests", y.bars, y.bars + 8);
      if (!small) { pen.fillText(few, 8, y.bars + 24); }
      const bar = ([i, row]) => {
        if (row >= visible) return;
        const left = clamp(x(requests.begun[i])), end = clamp(x(requests.ended[i]));
        const group = run.outcomes[requests.outcome[i]][0];
        const long = Math.max(end - left, 2), top = y.bars + row * high;
        pen.fillStyle = colour(group);
        pen.fillRect(left, top, long, Math.max(high - 1, 1.5));
        if (high >= 12 && long > 16 && group !== "answered") {
          pen.fillStyle = colour("page");
          pen.fillText(letter[group], left + 4, top + high / 2);
        }
      };
      const isBad = ([i]) => bad.includes(run.outcomes[requests.outcome[i]][0]);
      packed.bars.forEach((one) => isBad(one) || bar(one));
      packed.bars.forEach((one) => isBad(one) && bar(one));
    } else {
      const sums = Array.from({ length: cells }, (_, cell) => ended.reduce((sum, list) => sum + list[cell], 0));
      const top = Math.max(1, ...sums);
      const span = time((to - from) / cells);
      name(small ? `requests (at most ${count(top)} end in ${span})` : "requests", y.bars, y.bars + 8);
      if (!small) {
        pen.fillText("that end", 8, y.bars + 24);
        pen.fillText(`≤ ${count(top)} in`, 8, y.bars + 42);
        pen.fillText(span, 8, y.bars + 58);
      }
      const order = ["answered", "declined", "refused", "not-judged", ...bad];
      for (let cell = 0; cell < cells; cell++) {
        let foot = y.bars + barsHeight;
        for (const group of order) {
          const number = ended[classes.indexOf(group)][cell];
          if (!number) continue;
          const tall = Math.max(number / top * barsHeight, bad.includes(group) ? 3 : 0.5);
          pen.fillStyle = colour(group);
          pen.fillRect(gutter + cell * inner / cells, foot - tall, Math.max(inner / cells - 0.5, 1), tall);
          foot -= tall;
        }
      }
    }

    // The events, above everything.
    const taken = Array(labelRows).fill(-Infinity);
    for (const [ms, what] of run.marks) {
      const at = ms * 1000;
      if (at < from || at > to) continue;
      const place = Math.round(x(at)) + 0.5;
      const isSignal = what === "stop signal";
      pen.strokeStyle = colour(/loss/.test(what) ? "lost" : isSignal ? "text" : "dim");
      pen.lineWidth = isSignal ? 2 : 1;
      pen.setLineDash(isSignal ? [] : [4, 3]);
      const words = isSignal ? what : `${what} ${moment(at)}`;
      const long = pen.measureText(words).width;
      const left = Math.min(place + 4, width - long - 4);
      const row = taken.findIndex((end) => end < left);
      pen.beginPath(); pen.moveTo(place, row < 0 ? y.axis : y.marks + row * 15 + 2); pen.lineTo(place, height); pen.stroke();
      pen.setLineDash([]);
      if (row < 0) continue;
      taken[row] = left + long + 10;
      pen.fillStyle = colour(/loss/.test(what) ? "lost" : "text");
      if (left < place) { pen.clearRect(left - 2, y.marks + row * 15, long + 4, 14); }
      pen.fillText(words, left, y.marks + row * 15 + 8);
    }
    pen.lineWidth = 1;
    if (drag && drag.moved) {
      pen.fillStyle = colour("curve-fill");
      pen.fillRect(Math.min(drag.x, drag.now), y.axis, Math.abs(drag.now - drag.x), height - y.axis);
    }
    overview();
    view.setAttribute("aria-label", `Timeline of run ${run.run} from ${moment(from)} to ${moment(to)} of the stop signal, ${count(selected.indices.length)} requests`);
  }

  function overview() {
    const { pen, width, height } = canvas(map, 40);
    const { gutter, inner } = layout;
    const columns = Math.floor(inner);
    const flight = inFlight(requests, selected, whole[0], whole[1], columns);
    const most = Math.max(1, ...flight);
    pen.fillStyle = colour("curve-fill");
    pen.beginPath(); pen.moveTo(gutter, height);
    flight.forEach((value, column) => pen.lineTo(gutter + column, height - 2 - value / most * (height - 8)));
    pen.lineTo(gutter + inner, height); pen.fill();
    const x = (us) => gutter + (us - whole[0]) / (whole[1] - whole[0]) * inner;
    pen.fillStyle = colour("text"); pen.fillRect(x(0) - 1, 0, 2, height);
    if (gutter > 40) { pen.fillStyle = colour("dim"); pen.fillText("whole run", 8, height / 2); }
    pen.strokeStyle = colour("accent"); pen.lineWidth = 2;
    pen.strokeRect(x(from) + 1, 1, Math.max(x(to) - x(from) - 2, 3), height - 2);
  }

  /** Returns what is under a point of the timeline. */
  function describe(px, py) {
    const { gutter, inner, y, laneHeight, small, barsHeight } = layout;
    if (px < gutter || px > gutter + inner) return "";
    const at = from + (px - gutter) / inner * (to - from);
    const near = run.marks.filter(([ms]) => Math.abs((ms * 1000 - at) / (to - from) * inner) < 5);
    const head = near.length ? near.map(([ms, what]) => `${what} (${moment(ms * 1000)})`).join("\n") + "\n" : "";
    const lane = Math.floor((py - y.lanes) / laneHeight);
    if (lane >= 0 && lane < layout.lanes.length) {
      const [title, states] = layout.lanes[lane];
      const state = states.find(([a, b]) => at >= a && at < b);
      return head + (state ? `${title}: ${state[3]}\n${moment(state[0])} to ${moment(state[1])}` : "");
    }
    if (drawn.packed && py >= y.bars) {
      const row = Math.floor((py - y.bars) / drawn.high), slack = 3 / inner * (to - from);
      const hit = drawn.packed.bars.filter(([i, r]) => r === row && requests.begun[i] - slack <= at && requests.ended[i] + slack >= at).pop();
      if (hit) return request(hit[0]);
    }
    const column = Math.min(drawn.columns - 1, Math.max(0, Math.floor((px - gutter) / inner * drawn.columns)));
    const cell = Math.min(drawn.cells - 1, Math.max(0, Math.floor((px - gutter) / inner * drawn.cells)));
    const lines = classes.map((name, index) => [name, drawn.ended[index][cell]]).filter(([, number]) => number > 0)
      .map(([name, number]) => `${label[name]}: ${count(number)}`);
    return `${head}${moment(at)}\nin flight: ${count(drawn.flight[column])}` + (lines.length ? `\nended here: ${lines.join(", ")}` : "");
  }

  function request(i) {
    const [name, blamed, what] = run.outcomes[requests.outcome[i]];
    const [shape, route, phase, fresh] = run.kinds[requests.kind[i]];
    return `${label[name]}: ${what}\n${shape}: ${route}${phase ? `, ${phase}` : ""}\n${fresh ? "new" : "kept"} connection, request ${requests.id[i]}\n`
      + `${moment(requests.begun[i])} to ${moment(requests.ended[i])} (${time(requests.ended[i] - requests.begun[i])})`
      + (blamed ? "\ncaused by the shutdown" : "");
  }

  /** Fills the table of failures. */
  function list() {
    const limit = 200;
    const found = [];
    let all = 0;
    for (const i of selected.indices) {
      if (!bad.includes(run.outcomes[requests.outcome[i]][0])) continue;
      all++;
      if (found.length < limit) found.push(i);
    }
    // Requests are in the order of their begin, the list in that of its first column.
    found.sort((one, other) => requests.ended[one] - requests.ended[other]);
    $("failures").hidden = all === 0;
    $("failures-count").textContent = all > limit ? `the first ${limit} of ${count(all)}; a shorter list needs a filter` : count(all);
    $("failures-body").replaceChildren(...found.map((i) => {
      const [name, blamed, what] = run.outcomes[requests.outcome[i]];
      const [shape, route, phase, fresh] = run.kinds[requests.kind[i]];
      const row = document.createElement("tr");
      const cell = (words, style) => { const td = document.createElement("td"); td.textContent = words; if (style) td.className = style; row.append(td); return td; };
      const button = document.createElement("button");
      button.textContent = moment(requests.ended[i]);
      button.title = "Show it in the timeline";
      button.addEventListener("click", () => {
        const long = Math.max(requests.ended[i] - requests.begun[i], 2000);
        move(requests.begun[i] - long, requests.ended[i] + long);
        view.scrollIntoView({ block: "center" });
      });
      cell("", "n").append(button);
      cell(`${shape}${phase ? `: ${phase}` : ""}`);
      cell(route, "mono name");
      cell(`${label[name]}: ${what}`, "text");
      cell(time(requests.ended[i] - requests.begun[i]), "n");
      cell(fresh ? "new" : "kept");
      cell(String(requests.id[i]), "n");
      cell(blamed ? "yes" : "no");
      return row;
    }));
  }

  // Pointer, wheel and keys.
  const place = (event, element) => { const box = element.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const timeAt = (px) => from + (px - layout.gutter) / layout.inner * (to - from);
  view.addEventListener("pointerdown", (event) => {
    const [px] = place(event, view);
    if (event.pointerType === "mouse" && event.button === 0) { drag = { x: px, now: px, moved: false }; view.setPointerCapture(event.pointerId); }
  });
  view.addEventListener("pointermove", (event) => {
    const [px, py] = place(event, view);
    if (drag) {
      drag.now = px;
      drag.moved = drag.moved || Math.abs(px - drag.x) > 4;
      if (drag.moved) { tip.textContent = `${moment(timeAt(Math.min(px, drag.x)))} to ${moment(timeAt(Math.max(px, drag.x)))}`; draw(); }
    } else { tip.textContent = describe(px, py); }
    const room = view.clientWidth;
    tip.style.left = Math.max(4, Math.min(px + 14, room - tip.offsetWidth - 6)) + "px";
    tip.style.top = (py + 18 + tip.offsetHeight > view.clientHeight ? Math.max(0, py - tip.offsetHeight - 12) : py + 18) + "px";
  });
  view.addEventListener("pointerup", () => {
    const done = drag;
    drag = null;
    if (done && done.moved) move(timeAt(Math.min(done.x, done.now)), timeAt(Math.max(done.x, done.now)));
  });
  view.addEventListener("pointerleave", () => { if (!drag) tip.textContent = ""; });
  view.addEventListener("dblclick", () => move(...whole));
  view.addEventListener("wheel", (event) => {
    // Without a key the page scrolls.
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
    event.preventDefault();
    if (event.shiftKey) { const by = (event.deltaY || event.deltaX) / 800 * (to - from); move(from + by, to + by); } else { zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(place(event, view)[0])); }
  }, { passive: false });
  view.addEventListener("keydown", (event) => {
    const by = (to - from) / 5;
    const act = { ArrowLeft: () => move(from - by, to - by), ArrowRight: () => move(from + by, to + by), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.7), 0: () => move(...whole) }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  let grab = null;
  map.addEventListener("pointerdown", (event) => { grab = true; map.setPointerCapture(event.pointerId); slide(event); });
  map.addEventListener("pointermove", (event) => { if (grab) slide(event); });
  map.addEventListener("pointerup", () => { grab = null; });
  function slide(event) {
    const at = whole[0] + (place(event, map)[0] - layout.gutter) / layout.inner * (whole[1] - whole[0]);
    const half = (to - from) / 2;
    move(at - half, at + half);
  }

  // Controls.
  const on = (id, act) => $(id) && $(id).addEventListener("click", act);
  on("zoom-in", () => zoom(0.5));
  on("zoom-out", () => zoom(2));
  on("zoom-all", () => move(...whole));
  on("zoom-signal", () => { const span = Math.max(Math.min((run.exit ?? run.to) * 1.3, 400000), 20000); move(-span * 0.25, span); });
  on("zoom-loss", () => {
    const first = run.marks.find(([, what]) => what === "first loss");
    if (first) move(first[0] * 1000 - 15000, first[0] * 1000 + 15000);
  });
  on("theme", () => {
    const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    draw();
  });
  for (const id of ["shape", "route"]) $(id).addEventListener("change", (event) => { filter[id] = event.target.value; refresh(); });
  if ($("run")) $("run").addEventListener("change", (event) => show(Number(event.target.value)));
  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const name = button.dataset.class, hide = !filter.hidden.has(name);
      if (hide) filter.hidden.add(name); else filter.hidden.delete(name);
      button.setAttribute("aria-pressed", String(!hide));
      refresh();
    });
  }
  for (const button of document.querySelectorAll("button[data-show]")) {
    button.addEventListener("click", () => { show(Number(button.dataset.show)); $("timeline").scrollIntoView(); });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(draw).observe(view.parentElement);
  show(page.shown);
})();
