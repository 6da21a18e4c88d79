// What the page draws: the chart, the digits, the filters, and the canvas that a person draws on.
export const $ = (id) => document.getElementById(id);
const color = (name) => getComputedStyle(document.body).getPropertyValue(name);

// The loss of each step with its running mean (left axis), and the accuracies [step, 0…1] (right axis); `total` steps, if known.
export function drawChart(losses, accuracies, total) {
  const canvas = $("chart"), scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const c = canvas.getContext("2d");
  c.scale(scale, scale);
  const left = 30, bottom = 20, top = 8, right = 40;
  const highest = Math.max(2.5, ...losses), last = Math.max(total, losses.length, 1);
  const x = (step) => left + ((width - left - right) * step) / last;
  const y = (share) => top + (height - top - bottom) * (1 - share);
  c.font = "11px system-ui";
  c.fillStyle = c.strokeStyle = color("--soft");
  c.lineWidth = 0.5;
  for (let i = 0; i <= 5; i++) {
    c.globalAlpha = 0.35;
    c.beginPath(); c.moveTo(left, y(i / 5)); c.lineTo(width - right, y(i / 5)); c.stroke();
    c.globalAlpha = 1;
    c.textAlign = "right"; c.fillText(((highest * i) / 5).toFixed(1), left - 6, y(i / 5) + 4);
    c.textAlign = "left"; c.fillText(20 * i + " %", width - right + 6, y(i / 5) + 4);
  }
  c.textAlign = "center";
  for (let i = 0; i <= (total ? 4 : 0); i++) c.fillText(i ? Math.round((last * i) / 4) : "step 0", x((last * i) / 4), height - 4);
  const trace = (points, ink, alpha, thickness) => {
    c.strokeStyle = ink; c.globalAlpha = alpha; c.lineWidth = thickness; c.lineJoin = "round";
    c.beginPath();
    points.forEach(([step, share], i) => (i ? c.lineTo(x(step), y(share)) : c.moveTo(x(step), y(share))));
    c.stroke();
    c.globalAlpha = 1;
  };
  trace(losses.map((v, i) => [i + 1, v / highest]), color("--accent"), 0.35, 1);
  // the running mean over about eight steps, its start corrected for the steps that there were
  let sum = 0, weight = 0;
  trace(losses.map((v, i) => { sum = 0.88 * sum + v; weight = 0.88 * weight + 1; return [i + 1, sum / weight / highest]; }), color("--accent"), 1, 2);
  trace(accuracies, color("--second"), 1, 2);
  c.fillStyle = color("--second");
  for (const [step, share] of accuracies) { c.beginPath(); c.arc(x(step), y(share), 2.5, 0, 7); c.fill(); }
}

// `size`×`size` pixels as a picture; `shade` gives [r, g, b] of a value.
function paint(canvas, values, size, shade) {
  canvas.width = canvas.height = size;
  const image = new ImageData(size, size);
  values.forEach((v, i) => image.data.set([...shade(v), 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
const grey = (v) => { const g = Math.min(255, v * 16); return [g, g, g]; };

function cells(grid, count, className) {
  while (grid.children.length < count) {
    const cell = Object.assign(document.createElement("div"), { className });
    cell.append(Object.assign(document.createElement("canvas"), { className: "pixels" }));
    grid.append(cell);
  }
  return grid.children;
}

// samples: {pixels, read, truth, sure} each; `read` is null where nothing was read yet
export function drawSamples(samples) {
  const all = cells($("samples"), samples.length, "sample");
  samples.forEach(({ pixels, read, truth, sure }, i) => {
    const cell = all[i];
    paint(cell.firstChild, pixels, 8, grey);
    if (cell.children.length === 1) cell.append(document.createElement("i"), document.createElement("span"));
    cell.children[1].style.width = 100 * sure + "%";
    cell.children[2].textContent = read === null ? "?" : read === truth ? read : `${read} (${truth})`;
    cell.className = "sample " + (read === null ? "" : read === truth ? "right" : "wrong");
  });
}

// filters: one list of 9 weights each, or an empty one
export function drawFilters(filters) {
  const all = cells($("filters"), filters.length, "");
  const largest = Math.max(...filters.flat().map(Math.abs)) || 1;
  const mixed = document.createElement("canvas").getContext("2d");
  const rgb = (name) => { mixed.fillStyle = color(name); return [1, 3, 5].map((k) => parseInt(mixed.fillStyle.slice(k, k + 2), 16)); };
  const paper = rgb("--paper"), positive = rgb("--accent"), negative = rgb("--second");
  filters.forEach((weights, i) => paint(all[i].firstChild, weights, 3, (w) => {
    const share = Math.abs(w) / largest, ink = w > 0 ? positive : negative;
    return paper.map((p, k) => p + (ink[k] - p) * share);
  }));
}

// The canvas that a person draws on; `changed(pixels)` hears of each stroke: 64 brightnesses of 0 to 16, or none after Clear.
export function listenToDrawing(changed) {
  const canvas = $("drawing"), c = canvas.getContext("2d", { willReadFrequently: true });
  c.lineCap = c.lineJoin = "round";
  c.lineWidth = 40;
  c.strokeStyle = "#fff";
  let last = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  const stroke = (event) => {
    if (!last) return;
    const now = place(event);
    c.beginPath(); c.moveTo(...last); c.lineTo(...now); c.stroke();
    last = now;
  };
  canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); last = place(event); stroke(event); };
  canvas.onpointermove = stroke;
  canvas.onpointerup = canvas.onpointercancel = () => { if (last) { last = null; changed(shrink()); } };
  $("clear").onclick = () => {
    c.clearRect(0, 0, canvas.width, canvas.height);
    $("shrunk").getContext("2d").clearRect(0, 0, 8, 8);
    drawGuesses(null);
    changed([]);
  };
  // the digits were scanned this way: the ink's box, padded to a square, in 8×8 fields that count their ink
  function shrink() {
    const ink = c.getImageData(0, 0, canvas.width, canvas.height), n = canvas.width;
    let x0 = n, x1 = 0, y0 = n, y1 = 0;
    for (let i = 0; i < n * n; i++) {
      if (ink.data[4 * i + 3] > 127) {
        x0 = Math.min(x0, i % n); x1 = Math.max(x1, i % n); y0 = Math.min(y0, Math.floor(i / n)); y1 = Math.max(y1, Math.floor(i / n));
      }
    }
    const side = Math.max(y1 - y0, 1), middle = (x0 + x1) / 2;
    const small = document.createElement("canvas");
    small.width = small.height = 32;
    const s = small.getContext("2d");
    s.drawImage(canvas, middle - side / 2, y0, side, side, 0, 0, 32, 32);
    const alpha = s.getImageData(0, 0, 32, 32).data, pixels = new Array(64).fill(0);
    for (let i = 0; i < 1024; i++) if (alpha[4 * i + 3] > 127) pixels[8 * Math.floor(i / 128) + Math.floor((i % 32) / 4)]++;
    paint($("shrunk"), pixels, 8, grey);
    return pixels;
  }
}

// probabilities of the ten digits, or null
export function drawGuesses(probabilities) {
  const list = $("guesses");
  while (list.children.length < 10) {
    const item = document.createElement("li");
    item.append(String(list.children.length), document.createElement("i"));
    list.append(item);
  }
  const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
  [...list.children].forEach((item, digit) => {
    item.lastChild.style.width = (probabilities ? 100 * probabilities[digit] : 0) + "%";
    item.className = digit === best ? "best" : "";
  });
}
