// The page around train.py: loads Pyodide and flambeau, draws what the training reports, and says when to stop.
const $ = (id) => document.getElementById(id);
const losses = [];

function drawLoss() {
  const canvas = $("loss"), scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const c = canvas.getContext("2d"), style = getComputedStyle(document.body);
  c.scale(scale, scale);
  const left = 36, bottom = 22, top = 10, right = 8;
  const highest = Math.max(2.5, ...losses);
  const x = (i) => left + ((width - left - right) * i) / Math.max(losses.length - 1, 50);
  const y = (v) => top + (height - top - bottom) * (1 - v / highest);
  c.font = "12px system-ui";
  c.fillStyle = c.strokeStyle = style.getPropertyValue("--soft");
  c.lineWidth = 0.5;
  for (let v = 0; v <= highest; v += 0.5) {
    c.beginPath(); c.moveTo(left, y(v)); c.lineTo(width - right, y(v)); c.globalAlpha = 0.35; c.stroke(); c.globalAlpha = 1;
    c.fillText(v.toFixed(1), 8, y(v) + 4);
  }
  c.fillText("step " + losses.length, width - right - 60, height - 6);
  const trace = (values, alpha, thickness) => {
    c.strokeStyle = style.getPropertyValue("--accent");
    c.globalAlpha = alpha;
    c.lineWidth = thickness;
    c.beginPath();
    values.forEach((v, i) => (i ? c.lineTo(x(i), y(v)) : c.moveTo(x(i), y(v))));
    c.stroke();
    c.globalAlpha = 1;
  };
  trace(losses, 0.35, 1);
  let mean = losses[0];
  trace(losses.map((v) => (mean = 0.9 * mean + 0.1 * v)), 1, 2);
}

function drawSamples(samples) {
  const grid = $("samples");
  while (grid.children.length < samples.length) {
    const cell = document.createElement("div");
    cell.className = "sample";
    cell.append(Object.assign(document.createElement("canvas"), { width: 8, height: 8 }), document.createElement("span"));
    grid.append(cell);
  }
  samples.forEach(({ pixels, read, truth }, i) => {
    const [canvas, text] = grid.children[i].children;
    const image = new ImageData(8, 8);
    pixels.forEach((p, j) => image.data.set([p * 16, p * 16, p * 16, 255].map((v) => Math.min(v, 255)), 4 * j));
    canvas.getContext("2d").putImageData(image, 0, 0);
    text.textContent = read === truth ? `${read}` : `${read} (${truth})`;
    text.className = read === truth ? "right" : "wrong";
  });
}

// what train.py calls
window.page = {
  stopped: false,
  digits: null,
  adapter: (name) => { $("adapter").textContent = name; },
  report: (json) => {
    const { step, loss, accuracy, samples, speed } = JSON.parse(json);
    if (!losses.length) $("state").textContent = "training";
    losses.push(...loss);
    $("step").textContent = step;
    $("value").textContent = losses.at(-1).toFixed(4);
    if (accuracy !== null) $("accuracy").textContent = (100 * accuracy).toFixed(1) + " %";
    $("speed").textContent = Math.round(speed).toLocaleString();
    drawLoss();
    if (samples) drawSamples(samples);
  },
};

async function main() {
  if (!navigator.gpu) throw new Error("this browser has no WebGPU: a recent Chrome, Edge or Safari has it");
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  const python = await loadPyodide({ indexURL: "./pyodide/" });
  $("state").textContent = "loading flambeau…";
  python.unpackArchive(await (await fetch("flambeau.whl")).arrayBuffer(), "wheel");
  window.page.digits = new Uint8Array(await (await fetch("digits.bin")).arrayBuffer());
  await python.runPythonAsync(await (await fetch("train.py")).text());
  const train = python.globals.get("train");
  $("state").textContent = "ready";
  $("start").disabled = false;
  $("stop").onclick = () => { window.page.stopped = true; $("state").textContent = "stopping…"; };
  $("start").onclick = async () => {
    window.page.stopped = false;
    losses.length = 0;
    $("start").disabled = true;
    $("stop").disabled = false;
    $("state").textContent = "training (the first step compiles its kernels)…";
    try {
      const accuracy = await train.callPromising();
      $("state").textContent = `${window.page.stopped ? "stopped" : "done"}: reads ${(100 * accuracy).toFixed(1)} % of unseen digits`;
    } catch (error) {
      $("state").textContent = String(error).split("\n").filter(Boolean).at(-1);
      console.log(String(error));
    }
    $("start").disabled = false;
    $("stop").disabled = true;
    window.page.finished = true;
  };
}

main().catch((error) => { $("state").textContent = error.message; console.log(String(error)); });
