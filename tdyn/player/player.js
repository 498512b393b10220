// The moving figures of tdyn.player and the bets of tdyn.quiz. Loads nothing, keeps no state in the page.
if (!window.tdynPlayer) {
window.tdynPlayer = (() => {
"use strict";
const NARROW = 1e-9;
const esc = s => String(s).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
const r1 = v => Math.round(v * 10) / 10;
const product = list => list.reduce((a, b) => a * b, 1);

// ---------------------------------------------------------------- data: the inverse of encode.py
function decode(e) {
  if (e.w) return e.w;
  if (e.a) return Float64Array.from({length: e.a[2]}, (_, i) => e.a[0] + i * e.a[1]);
  const bytes = Uint8Array.from(atob(e.b), c => c.charCodeAt(0));
  const codes = e.t === "u1" ? bytes : new Uint16Array(bytes.buffer);
  const gap = e.t === "u1" ? 255 : 65535;
  return Float64Array.from(codes, c => {
    const v = e.o + e.k * c;
    return c === gap ? NaN : e.g ? 10 ** v : v;
  });
}

// The part of an array that belongs to the present state: its leading axes are indexed by controls.
function part(state, over, e) {
  let at = 0;
  for (let i = 0; i < e.n; i++) at = at * e.s[i] + (e.s[i] === 1 ? 0 : state[over[i]]);
  const size = product(e.s.slice(e.n));
  return e.n ? e.v.slice(at * size, (at + 1) * size) : e.v;
}

// ---------------------------------------------------------------- axes
const SUPER = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raised = n => (n < 0 ? "⁻" : "") + String(Math.abs(n)).replace(/\d/g, d => SUPER[d]);
const minus = s => s.replace("-", "−");

// One tick; `most` is the largest of them, so that all have the same unit.
function number(v, step, most) {
  const places = shift => Math.max(0, Math.min(8, Math.ceil(shift - Math.log10(step) - NARROW)));
  if (most >= 1e9 || Math.log10(step) < -4.5) {
    const e = Math.floor(Math.log10(Math.abs(v)) + NARROW), m = +(v / 10 ** e).toPrecision(4);
    return (m === 1 ? "" : m === -1 ? "−" : minus(String(m)) + "·") + "10" + raised(e);
  }
  if (most >= 1e6) return minus((v / 1e6).toFixed(places(6))) + "M";
  if (most >= 1e4) return minus((v / 1e3).toFixed(places(3))) + "k";
  return minus(v.toFixed(places(0)));
}

function linearTicks(a, b, count) {
  let ticks = [], step;
  for (let n = Math.max(2, count); ticks.length < 3 && n < 20; n *= 1.4) {
    const rough = (b - a) / n, power = 10 ** Math.floor(Math.log10(rough));
    step = power * ([1, 2, 5].find(m => m * power >= rough * (1 - NARROW)) || 10);
    ticks = [];
    for (let i = Math.ceil(a / step - 1e-6); i * step <= b + step * 1e-6; i++) ticks.push(i * step);
  }
  const most = Math.max(...ticks.map(Math.abs));
  return ticks.map(v => [v, v === 0 ? "0" : number(v, step, most)]);
}

function logTicks(a, b, count) {
  const low = Math.log10(a), high = Math.log10(b), first = Math.ceil(low - 1e-6), last = Math.floor(high + 1e-6);
  const ticks = [], every = Math.max(1, Math.ceil((last - first + 1) / Math.max(2, count)));
  if (last - first < 1) {
    if (b / a < 3) return linearTicks(a, b, count);
    for (let e = Math.floor(low); e <= high; e++) for (const m of [1, 2, 5]) {
      const v = m * 10 ** e;
      if (v >= a * (1 - NARROW) && v <= b * (1 + NARROW)) ticks.push([v, number(v, v / m, b)]);
    }
    return ticks;
  }
  for (let e = Math.ceil(first / every) * every; e <= last; e += every) ticks.push([10 ** e, "10" + raised(e)]);
  return ticks;
}

const ctx = document.createElement("canvas").getContext("2d");
const textWidth = s => ctx.measureText(s).width;

function scale(limits, log, from, to) {
  const f = log ? Math.log10 : v => v, a = f(limits[0]), b = f(limits[1]);
  return v => from + (f(v) - a) / (b - a) * (to - from);
}

// ---------------------------------------------------------------- marks
const MARKERS = [
  (x, y, r) => `M${r1(x - r)} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  (x, y, r) => `M${r1(x - r * .9)} ${r1(y - r * .9)}h${r * 1.8}v${r * 1.8}h${-r * 1.8}z`,
  (x, y, r) => `M${x} ${r1(y - r * 1.25)}l${r1(r * 1.2)} ${r1(r * 2.1)}h${-2 * r1(r * 1.2)}z`,
  (x, y, r) => `M${x} ${r1(y - r * 1.35)}l${r * 1.35} ${r * 1.35}l${-r * 1.35} ${r * 1.35}l${-r * 1.35} ${-r * 1.35}z`,
  (x, y, r) => `M${r1(x - r)} ${r1(y - r)}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`,
  (x, y, r) => `M${r1(x - r)} ${y}h${2 * r}m${-r} ${-r}v${2 * r}`,
];
const paint = c => `style="--c:var(--tp-${c})"`;

function rgb(stops, t) {
  const p = Math.max(0, Math.min(1, t)) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(p));
  return [1, 3, 5].map(k => {
    const a = parseInt(stops[i].slice(k, k + 2), 16), b = parseInt(stops[i + 1].slice(k, k + 2), 16);
    return Math.round(a + (b - a) * (p - i));
  });
}
const tint = (L, v) => rgb(L.stops, (v - L.vlim[0]) / (L.vlim[1] - L.vlim[0]));

function curve(xs, ys, X, Y, steps) {
  let d = "", on = false, before = 0;
  for (let i = 0; i < ys.length; i++) {
    const x = r1(X(xs[i])), y = r1(Y(ys[i]));
    const good = isFinite(x) && isFinite(y);
    if (good) d += on ? (steps ? `L${x} ${before}` : "") + `L${x} ${y}` : `M${x} ${y}`;
    on = good;
    before = y;
  }
  return d;
}

const draw = {
  line(L, a, X, Y) {
    const d = curve(a.x, a.y, X, Y, L.steps);
    const line = `<path class="tp-line" d="${d}" stroke-width="${L.width}" stroke-dasharray="${L.dash}"/>`;
    return line + (L.marker ? draw.points({...L, size: 3.5}, a, X, Y) : "");
  },
  points(L, a, X, Y) {
    const groups = new Map();
    for (let i = 0; i < a.y.length; i++) {
      const x = r1(X(a.x[i])), y = r1(Y(a.y[i]));
      const key = a.value ? `fill:rgb(${tint(L, a.value[i])})` : a.category ? a.category[i] : -1;
      if (!isFinite(x) || !isFinite(y) || Number.isNaN(key)) continue;
      const shape = a.category ? key % MARKERS.length : L.shape;
      groups.set(key, (groups.get(key) || "") + MARKERS[shape](x, y, L.size));
    }
    let out = "";
    for (const [key, d] of [...groups].sort((p, q) => p[0] - q[0])) {
      const own = a.value ? `style="${key}"` : a.category ? paint(key) : "";
      out += `<path class="tp-dot${(a.category ? key : L.shape) % 6 > 3 ? " tp-open" : ""}" ${own} d="${d}"/>`;
    }
    return out;
  },
  bars(L, a, X, Y) {
    let d = "";
    for (let i = 0; i < a.y.length; i++) {
      const x0 = r1(X(a.x[i] - L.width / 2)), x1 = r1(X(a.x[i] + L.width / 2)), y0 = r1(Y(L.base)), y1 = r1(Y(a.y[i]));
      if (isFinite(x0 + x1 + y1)) d += `M${x0} ${isFinite(y0) ? y0 : 1e4}V${y1}H${x1}V${isFinite(y0) ? y0 : 1e4}z`;
    }
    return `<path class="tp-bar" d="${d}"/>`;
  },
  band(L, a, X, Y) {
    let d = "", run = [];
    const flush = () => {
      if (run.length > 1) d += "M" + run.map(p => `${p[0]} ${p[2]}`).join("L") + "L" + run.reverse().map(p => `${p[0]} ${p[1]}`).join("L") + "z";
      run = [];
    };
    for (let i = 0; i < a.x.length; i++) {
      const p = [r1(X(a.x[i])), r1(Y(a.y[i])), r1(Y(a.y1[i]))];
      if (p.every(isFinite)) run.push(p); else flush();
    }
    flush();
    return `<path class="tp-band" d="${d}"/>`;
  },
  rule(L, a, X, Y, box) {
    const d = a.x ? `M${r1(X(a.x[0]))} ${box.y0}V${box.y1}` : `M${box.x0} ${r1(Y(a.y[0]))}H${box.x1}`;
    return /NaN|Inf/.test(d) ? "" : `<path class="tp-line" d="${d}" stroke-width="${L.width}" stroke-dasharray="${L.dash}"/>`;
  },
  segments(L, a, X, Y) {
    const groups = new Map();
    for (let i = 0; i < a.x.length; i++) {
      const d = `M${r1(X(a.x[i]))} ${r1(Y(a.y[i]))}L${r1(X(a.x1[i]))} ${r1(Y(a.y1[i]))}`;
      const key = a.value ? `style="stroke:rgb(${tint(L, a.value[i])})"` : "";
      if (!/NaN|Inf/.test(d + key)) groups.set(key, (groups.get(key) || "") + d);
    }
    return [...groups].map(([key, d]) => `<path class="tp-line" ${key} d="${d}" stroke-width="${L.width}"/>`).join("");
  },
  text(L, a, X, Y) {
    return a.s.map((s, i) => {
      const x = r1(X(a.x[i])), y = r1(Y(a.y[i]));
      return isFinite(x) && isFinite(y) && s ? `<text class="tp-text" x="${x}" y="${y}" dy=".35em" text-anchor="${L.anchor}" font-size="${L.size}">${esc(s)}</text>` : "";
    }).join("");
  },
  heatmap(L, a, X, Y) {
    const [rows, cols] = L.a.z.s.slice(-2), [left, right, bottom, top] = L.box;
    const xs = [X(left), X(right)], ys = L.origin ? [Y(bottom), Y(top)] : [Y(Math.min(bottom, top)), Y(Math.max(bottom, top))];
    const w = (xs[1] - xs[0]) / cols, h = (ys[1] - ys[0]) / rows;
    if (L.names_of) {
      const d = L.names_of.map(() => "");
      a.z.forEach((v, i) => {
        const c = i % cols, r = Math.floor(i / cols);
        const x0 = r1(xs[0] + c * w), x1 = r1(xs[0] + (c + 1) * w), y0 = r1(ys[0] + r * h), y1 = r1(ys[0] + (r + 1) * h);
        if (v >= 0) d[v] += `M${x0} ${y0}H${x1}V${y1}H${x0}z`;
      });
      return d.map((path, i) => `<path class="tp-cell" ${paint(i)} d="${path}"/>`).join("");
    }
    // Each cell becomes a whole number of pixels, so that no renderer blurs it.
    const kx = Math.max(1, Math.ceil(2 * Math.abs(w))), ky = Math.max(1, Math.ceil(2 * Math.abs(h)));
    const canvas = document.createElement("canvas");
    canvas.width = Math.min(cols * kx, 4096);
    canvas.height = Math.min(rows * ky, 4096);
    const pen = canvas.getContext("2d"), px = canvas.width / cols, py = canvas.height / rows;
    a.z.forEach((v, i) => {
      if (!isFinite(v)) return;
      const c = w < 0 ? cols - 1 - i % cols : i % cols, r = h < 0 ? rows - 1 - Math.floor(i / cols) : Math.floor(i / cols);
      pen.fillStyle = `rgb(${tint(L, v)})`;
      pen.fillRect(Math.floor(c * px), Math.floor(r * py), Math.ceil(px), Math.ceil(py));
    });
    const box = `x="${r1(Math.min(...xs))}" y="${r1(Math.min(...ys))}" width="${r1(Math.abs(xs[1] - xs[0]))}" height="${r1(Math.abs(ys[1] - ys[0]))}"`;
    return `<image class="tp-image" ${box} preserveAspectRatio="none" href="${canvas.toDataURL()}"/>`;
  },
};

// ---------------------------------------------------------------- legend and color bar
function swatch(L, c = L.c, shape = L.shape) {
  const k = L.k === "heatmap" ? "cell" : L.k;
  const inside = /line|rule|segments/.test(k)
    ? `<path class="tp-line" d="M1 7H27" stroke-width="${Math.max(1.5, L.width)}" stroke-dasharray="${L.dash || ""}"/>` + (L.marker ? `<path class="tp-dot" d="${MARKERS[L.shape](14, 7, 3.5)}"/>` : "")
    : k === "points" ? `<path class="tp-dot${shape > 3 ? " tp-open" : ""}" d="${MARKERS[shape](14, 7, 4)}"/>`
    : `<rect class="tp-${k === "bars" ? "bar" : k}" x="6" y="1" width="16" height="12"/>`;
  const wide = /line|rule|segments/.test(k);
  return `<svg width="${wide ? 28 : 16}" height="14" viewBox="${wide ? 0 : 6} 0 ${wide ? 28 : 16} 14" aria-hidden="true" ${paint(c)}>${inside}</svg>`;
}

function legend(P) {
  if (!P.lg) return "";
  const items = [];
  for (const L of P.L) {
    if (L.names_of) L.names_of.forEach((n, i) => items.push(swatch(L, i, i % MARKERS.length) + esc(n)));
    else if (L.label && !L.stops) items.push(swatch(L) + esc(L.label));
  }
  return items.length ? `<div class="tp-legend">${items.map(i => `<span>${i}</span>`).join("")}</div>` : "";
}

function colorBar(L, id, x, y0, y1) {
  const Y = scale(L.vlim, false, y1, y0), n = L.stops.length - 1;
  const stops = L.stops.map((c, i) => `<stop offset="${i / n}" stop-color="${c}"/>`).join("");
  const ticks = linearTicks(L.vlim[0], L.vlim[1], (y1 - y0) / 45).map(([v, t]) => `<text class="tp-tick" x="${x + 17}" y="${r1(Y(v))}" dy=".35em">${t}</text>`);
  return `<defs><linearGradient id="${id}" x1="0" x2="0" y1="1" y2="0">${stops}</linearGradient></defs><rect x="${x}" y="${y0}" width="12" height="${y1 - y0}" fill="url(#${id})"/>${ticks.join("")}`
    + (L.value_label ? `<text class="tp-label" x="${x + 12}" y="12" text-anchor="middle">${esc(L.value_label)}</text>` : "");
}

// ---------------------------------------------------------------- one panel
function frame(P, plot, id, describe) {
  const W = Math.max(140, plot.clientWidth), bar = P.L.find(L => L.stops), image = P.L.some(L => L.k === "heatmap");
  let H = P.h;
  const top = P.y || (bar && bar.value_label) ? 26 : 10, bottom = P.x ? 44 : 26;
  const yt = P.yt || (P.ys ? logTicks : linearTicks)(Math.min(...P.yl), Math.max(...P.yl), (H - top - bottom) / 42);
  const left = Math.ceil(Math.max(14, ...yt.map(t => textWidth(t[1]))) + 9);
  const barTicks = bar ? linearTicks(bar.vlim[0], bar.vlim[1], (H - top - bottom) / 45) : [];
  const right = bar ? 14 + 18 + Math.ceil(Math.max(textWidth(bar.value_label || "") * 0.55 - 4, ...barTicks.map(t => textWidth(t[1])))) : 14;
  let x0 = left, x1 = W - right;
  if (P.eq) {
    const span = l => Math.abs(l[1] - l[0]), ratio = span(P.yl) / span(P.xl);
    const w = Math.min(x1 - x0, Math.max(P.h, 340) / ratio);
    H = Math.round(w * ratio + top + bottom);
    x0 += (x1 - x0 - w) / 2;
    x1 = x0 + w;
  }
  x0 = Math.round(x0); x1 = Math.round(x1);
  const y0 = top, y1 = H - bottom;
  const X = scale(P.xl, P.xs, x0, x1), Y = scale(P.yl, P.ys, y1, y0);
  let xt = P.xt || (P.xs ? logTicks : linearTicks)(Math.min(...P.xl), Math.max(...P.xl), (x1 - x0) / (P.xs ? 45 : 60));
  // Given ticks that would run into each other: keep every second, third, ...
  const widest = Math.max(0, ...xt.map(t => textWidth(t[1]))) + 6;
  const every = Math.max(1, Math.ceil(widest * (xt.length - 1) / (x1 - x0)));
  let out = "";
  const inside = (v, l) => v >= Math.min(...l) - 1e-9 * Math.abs(l[1] - l[0]) && v <= Math.max(...l) + 1e-9 * Math.abs(l[1] - l[0]);
  yt.filter(t => inside(t[0], P.yl)).forEach(([v, t]) => {
    const y = r1(Y(v));
    out += (image ? "" : `<path class="tp-grid" d="M${x0} ${y}H${x1}"/>`) + `<text class="tp-tick" x="${x0 - 7}" y="${y}" dy=".35em" text-anchor="end">${esc(t)}</text>`;
  });
  xt.filter(t => inside(t[0], P.xl)).forEach(([v, t], i) => {
    if (i % every) return;
    const x = r1(X(v)), half = textWidth(t) / 2, at = Math.max(half, Math.min(W - half, x));
    out += `<path class="tp-axis" d="M${x} ${y1}v4"/><text class="tp-tick" x="${r1(at)}" y="${y1 + 17}" text-anchor="middle">${esc(t)}</text>`;
  });
  out += image ? `<path class="tp-axis" d="M${x0} ${y0}H${x1}V${y1}H${x0}z"/>` : `<path class="tp-axis" d="M${x0} ${y1}H${x1}"/>`;
  const fit = (label, room) => textWidth(label) > room ? ` textLength="${Math.floor(room)}" lengthAdjust="spacingAndGlyphs"` : "";
  if (P.y) out += `<text class="tp-label" x="${P.eq ? Math.max(2, x0 - left + 2) : 2}" y="12"${fit(P.y, W - 4 - (bar && bar.value_label ? right + 16 : 0))}>${esc(P.y)}</text>`;
  if (P.x) out += `<text class="tp-label" x="${(x0 + x1) / 2}" y="${H - 6}" text-anchor="middle"${fit(P.x, W - 4)}>${esc(P.x)}</text>`;
  if (bar) out += colorBar(bar, `${id}-bar`, x1 + 14, y0, y1);
  out += `<clipPath id="${id}-clip"><rect x="${x0 - 5}" y="${y0 - 5}" width="${x1 - x0 + 10}" height="${y1 - y0 + 10}"/></clipPath>`;
  const layers = P.L.map(L => `<g class="tp-layer" ${paint(L.c)}></g>`).join("");
  plot.style.height = `${H}px`;
  plot.innerHTML = `<svg role="img" aria-label="${esc(P.t || [P.y, P.x].filter(Boolean).join(" / ") || "plot")}" ${describe} width="${W}" height="${H}" viewBox="0 0 ${W} ${H}">${out}<g clip-path="url(#${id}-clip)">${layers}</g></svg>`;
  P.groups = [...plot.querySelectorAll(".tp-layer")];
  P.draw = (state, all) => P.L.forEach((L, i) => {
    if (!all && !L.o.length) return;
    const a = {};
    for (const key in L.a) a[key] = part(state, L.o, L.a[key]);
    P.groups[i].innerHTML = draw[L.k](L, a, X, Y, {x0, x1, y0, y1});
  });
}

// ---------------------------------------------------------------- data as CSV
function csv(S, state, names) {
  const cell = v => typeof v === "string" && /[",\n]/.test(v) ? `"${v.replace(/"/g, '""')}"` : Number.isNaN(v) ? "" : typeof v === "number" ? +v.toPrecision(6) : v ?? "";
  const rows = [["panel", "layer", "x", "y", "x2", "y2", "value"]];
  S.p.forEach((P, p) => P.L.forEach((L, l) => {
    const a = {};
    for (const key in L.a) a[key] = part(state, L.o, L.a[key]);
    const head = [P.t || p + 1, L.label || `${L.k} ${l + 1}`];
    const cols = L.k === "heatmap" && L.a.z.s.slice(-1)[0];
    for (let i = 0; i < (a.z || a.y || a.x).length; i++) rows.push(cols
      ? [...head, i % cols, Math.floor(i / cols), "", "", a.z[i]]
      : [...head, a.x && a.x[i], a.y && a.y[i], a.x1 && a.x1[i], a.y1 && a.y1[i], (a.value || a.category || a.s || [])[i]]);
  }));
  const first = S.c.map((c, i) => `# ${names[i]}: ${c.l[state[i]]}\n`).join("");
  return first + rows.map(r => r.map(cell).join(",")).join("\n") + "\n";
}

// ---------------------------------------------------------------- one figure
function start(fig) {
  const data = fig.querySelector('script[type="application/json"]');
  if (!data || fig.tdyn) return;
  const S = JSON.parse(data.textContent), state = S.c.map(c => c.v), $ = q => [...fig.querySelectorAll(q)];
  fig.tdyn = {spec: S, state};
  for (const P of S.p) for (const L of P.L) for (const key in L.a) L.a[key].v = decode(L.a[key]);
  const plots = $(".tp-plot"), values = $(".tp-readout b"), live = fig.querySelector(".tp-readouts");
  $(".tp-head").forEach((head, i) => {
    head.innerHTML = (S.p[i].t ? `<div class="tp-name">${esc(S.p[i].t)}</div>` : "") + legend(S.p[i]);
  });
  const describe = `aria-describedby="${fig.id}-description"`;
  const panels = $(".tp-panel"), grid = panels[0].parentNode, last = panels[panels.length - 1];
  const frames = () => {
    ctx.font = "12px " + getComputedStyle(fig).fontFamily;
    // A panel that is left alone in the last row takes all of it.
    last.style.gridColumn = "";
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    if (columns > 1 && panels.length % columns === 1) last.style.gridColumn = "1 / -1";
    S.p.forEach((P, i) => {
      frame(P, plots[i], `${fig.id}-${i}`, describe);
      P.draw(state, true);
    });
  };
  const update = () => {
    S.p.forEach(P => P.draw(state, false));
    S.r.forEach((r, i) => {
      const text = r.w[r.s.reduce((at, n, k) => at * n + (n === 1 ? 0 : state[r.o[k]]), 0)];
      if (values[i].textContent !== text) values[i].textContent = text;
    });
  };
  const set = (i, v) => {
    state[i] = +v;
    for (const el of $(`[data-c="${S.c[i].n}"]`)) {
      if (el.type === "range") {
        el.value = v;
        el.setAttribute("aria-valuetext", S.c[i].l[v]);
        el.closest(".tp-control").querySelector("output").textContent = S.c[i].l[v];
      }
    }
    update();
  };
  let timer = 0, playing = null;
  const stop = () => {
    clearInterval(timer);
    if (playing) playing.lastElementChild.textContent = "Play", playing.firstElementChild.textContent = "▶",
      playing.setAttribute("aria-label", playing.getAttribute("aria-label").replace("Pause", "Play"));
    if (live) live.setAttribute("aria-live", "polite");
    playing = null;
  };
  const play = (button, i) => {
    const same = playing === button, last = S.c[i].l.length - 1;
    stop();
    if (same) return;
    playing = button;
    button.lastElementChild.textContent = "Pause";
    button.firstElementChild.textContent = "❚❚";
    button.setAttribute("aria-label", button.getAttribute("aria-label").replace("Play", "Pause"));
    if (live) live.setAttribute("aria-live", "off");
    if (state[i] === last) set(i, 0);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const pause = Math.max(calm ? 600 : 40, Math.min(600, 6000 / last));
    timer = setInterval(() => {
      if (!fig.isConnected || state[i] >= last) return stop();
      set(i, state[i] + 1);
      if (state[i] === last) stop();
    }, pause);
  };
  S.c.forEach((c, i) => $(`[data-c="${c.n}"]`).forEach(el => {
    if (el.tagName === "BUTTON") el.addEventListener("click", () => play(el, i));
    else el.addEventListener(el.type === "range" ? "input" : "change", () => { stop(); set(i, el.value); });
    if (el.type === "range") el.value = c.v;
  }));
  const names = S.c.map(c => c.n);
  $(".tp-csv").forEach(button => {
    button.closest("details").hidden = false;
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([csv(S, state, names)], {type: "text/csv"}));
      link.download = `${fig.id}.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  });
  $(".tp-controls").forEach(el => { el.hidden = false; });
  frames();
  update();
  let width = plots[0].clientWidth;
  new ResizeObserver(() => {
    if (Math.abs(plots[0].clientWidth - width) < 1) return;
    width = plots[0].clientWidth;
    frames();
  }).observe(plots[0]);
}

// ---------------------------------------------------------------- one bet
function bet(box) {
  if (box.tdyn) return;
  box.tdyn = true;
  const out = box.querySelector("[aria-live]"), words = [...box.querySelectorAll("template")];
  box.querySelectorAll("input").forEach((input, i) => {
    input.checked = false;
    input.addEventListener("change", () => {
      out.replaceChildren(words[i].content.cloneNode(true));
      box.querySelectorAll("label").forEach(l => l.removeAttribute("data-mark"));
      input.closest("label").dataset.mark = words[i].dataset.mark;
    });
  });
}

function scan(root = document) {
  root.querySelectorAll("figure.tdyn-player").forEach(start);
  root.querySelectorAll("fieldset.tdyn-bet").forEach(bet);
}
// Figures that come later: while the page is parsed they may be incomplete, so wait for its end.
const watch = () => {
  scan();
  new MutationObserver(() => scan()).observe(document.documentElement, {childList: true, subtree: true});
};
if (document.readyState === "loading") addEventListener("DOMContentLoaded", watch); else watch();
return {scan, decode};
})();
}
window.tdynPlayer.scan();
