// Unpacks and sums the requests of a run. Nothing here needs a document: the tests run it alone.
"use strict";

/** Unpacks the requests of a run; `pack.rs` describes the bytes. */
function unpack(run) {
  const text = atob(run.data);
  const n = run.count;
  const begun = new Float64Array(n), ended = new Float64Array(n), id = new Float64Array(n);
  const outcome = new Uint16Array(n), kind = new Uint16Array(n);
  let at = 0;
  const number = () => {
    let value = 0, factor = 1, byte;
    do {
      byte = text.charCodeAt(at++);
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte > 127);
    return value;
  };
  let time = run.from, last = 0;
  for (let i = 0; i < n; i++) {
    time += number();
    begun[i] = time;
    ended[i] = time + number();
    outcome[i] = number();
    kind[i] = number();
    const step = number();
    last += step % 2 ? -(step + 1) / 2 : step / 2;
    id[i] = last;
  }
  return { n, begun, ended, outcome, kind, id };
}

/** Returns the requests that pass the filter: their indices by beginning, and their ends in order. */
function select(run, requests, filter) {
  const passes = new Uint8Array(run.outcomes.length);
  run.outcomes.forEach(([name], index) => { passes[index] = filter.hidden.has(name) ? 0 : 1; });
  const belongs = run.kinds.map(([shape, route]) =>
    (!filter.shape || filter.shape === shape) && (!filter.route || filter.route === route));
  const indices = new Uint32Array(requests.n);
  let count = 0;
  for (let i = 0; i < requests.n; i++) {
    if (passes[requests.outcome[i]] && belongs[requests.kind[i]]) indices[count++] = i;
  }
  const chosen = indices.subarray(0, count);
  const ends = Float64Array.from(chosen, (i) => requests.ended[i]).sort();
  return { indices: chosen, ends };
}

/** Returns how many numbers of a sorted list are less than `value`. */
function below(length, get, value) {
  let low = 0, high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (get(middle) < value) low = middle + 1; else high = middle;
  }
  return low;
}

/** Returns the most requests in flight at once in each of `columns` equal intervals. */
function inFlight(requests, selected, from, to, columns) {
  const { indices, ends } = selected;
  const most = new Float64Array(columns);
  const width = (to - from) / columns;
  let b = below(indices.length, (k) => requests.begun[indices[k]], from);
  let e = below(ends.length, (k) => ends[k], from);
  let now = b - e;
  for (let column = 0; column < columns; column++) {
    const until = column + 1 === columns ? to : from + (column + 1) * width;
    let peak = now;
    for (;;) {
      const begins = b < indices.length ? requests.begun[indices[b]] : Infinity;
      const finishes = e < ends.length ? ends[e] : Infinity;
      if (Math.min(begins, finishes) >= until) break;
      // At the same moment a request ends before the next one begins.
      if (finishes <= begins && e < b) { e++; now--; } else { b++; now++; }
      if (now > peak) peak = now;
    }
    most[column] = peak;
  }
  return most;
}

/** Counts the requests that ended in each of `columns` equal intervals, by the index of their class. */
function endedPerColumn(run, requests, selected, classes, from, to, columns) {
  const counts = classes.map(() => new Uint32Array(columns));
  const place = run.outcomes.map(([name]) => classes.indexOf(name));
  const scale = columns / (to - from);
  for (const i of selected.indices) {
    const time = requests.ended[i];
    if (time < from || time > to) continue;
    counts[place[requests.outcome[i]]][Math.min(columns - 1, Math.floor((time - from) * scale))]++;
  }
  return counts;
}

/** Counts all requests of a run by class. */
function countByClass(run, requests) {
  const counts = {};
  for (let i = 0; i < requests.n; i++) {
    const name = run.outcomes[requests.outcome[i]][0];
    counts[name] = (counts[name] || 0) + 1;
  }
  return counts;
}

/** Puts requests into rows, so that none overlaps another of its row. Returns null if more than `limit` are visible. */
function rows(requests, selected, from, to, limit) {
  const bars = [], free = [];
  for (const i of selected.indices) {
    if (requests.begun[i] > to) break;
    if (requests.ended[i] < from) continue;
    let row = free.findIndex((end) => end <= requests.begun[i]);
    if (row < 0) row = free.length;
    free[row] = requests.ended[i];
    bars.push([i, row]);
    if (bars.length > limit) return null;
  }
  return { bars, count: free.length };
}
