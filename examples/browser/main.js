// The page around train.py: loads Pyodide and flambeau, hands train.py's reports to drawing.js, and says when to stop.
import { $, drawChart, drawFilters, drawGuesses, drawSamples, listenToDrawing } from "./drawing.js";

const accuracies = [];
let total = 200, read = null;

// what train.py calls and reads
const page = (window.page = {
  stopped: false, finished: false, failed: false, digits: null, drawing: [], losses: [],
  adapter: (name) => { $("adapter").textContent = name; },
  report: (json) => {
    const { step, steps, loss, speed, accuracy, samples, filters, guesses } = JSON.parse(json);
    total = steps;
    page.losses.push(loss);
    $("state").textContent = page.stopped ? "stopping…" : "training";
    $("progress").max = steps;
    $("progress").value = step;
    $("step").textContent = `${step}`;
    $("value").textContent = loss.toFixed(4);
    $("speed").textContent = Math.round(speed).toLocaleString();
    if (accuracy !== null) {
      accuracies.push([step, accuracy]);
      $("accuracy").textContent = (100 * accuracy).toFixed(1) + " %";
      drawSamples(samples);
      drawFilters(filters);
      if (guesses) drawGuesses(guesses);
    }
    drawChart(page.losses, accuracies, total);
  },
});

function fail(message) {
  page.failed = true;
  document.body.classList.add("failed");
  $("state").textContent = message;
  $("start").disabled = $("stop").disabled = true;
}

async function train(entry) {
  page.stopped = page.finished = false;
  page.losses.length = accuracies.length = 0;
  $("start").disabled = true;
  $("stop").disabled = false;
  $("progress").removeAttribute("value");
  $("state").textContent = "training (the first step compiles its kernels)…";
  try {
    const accuracy = await entry.callPromising();
    $("state").textContent = `${page.stopped ? "stopped" : "done"}: reads ${(100 * accuracy).toFixed(1)} % of unseen digits`;
    $("accuracy").textContent = (100 * accuracy).toFixed(1) + " %";
    $("start").textContent = "Train again";
    $("start").disabled = false;
    $("stop").disabled = true;
  } catch (error) {
    console.log(String(error));
    fail("the training ended with an error: " + String(error).split("\n").filter(Boolean).at(-1));
  }
  page.finished = true;
}

async function main() {
  drawChart([], [], total);
  drawGuesses(null);
  if (!window.isSecureContext) throw new Error("WebGPU is there over https or on localhost only, and this page came over plain http.");
  if (!navigator.gpu) throw new Error("This browser has no WebGPU. Recent Chrome and Edge have it, and Safari from version 26; Firefox on Windows and macOS.");
  if (!(await navigator.gpu.requestAdapter())) {
    throw new Error("This browser has WebGPU but gives no GPU to it: its graphics may be switched off or blocked (chrome://gpu tells).");
  }
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  const python = await loadPyodide({ indexURL: "./pyodide/" });
  $("state").textContent = "loading flambeau…";
  python.unpackArchive(await (await fetch("flambeau.whl")).arrayBuffer(), "wheel");
  page.digits = new Uint8Array(await (await fetch("digits.bin")).arrayBuffer());
  const program = await (await fetch("train.py")).text();
  $("program").textContent = program;
  await python.runPythonAsync(program);
  const entry = python.globals.get("train");
  read = python.globals.get("read_drawing");
  $("state").textContent = "ready";
  $("progress").max = 1;
  $("progress").value = 0;
  $("start").disabled = false;
  $("start").onclick = () => train(entry);
  $("stop").onclick = () => { page.stopped = true; $("stop").disabled = true; $("state").textContent = "stopping…"; };
}

listenToDrawing(async (pixels) => {
  page.drawing = pixels; // while it trains, train.py looks here
  if (pixels.length && read && page.finished) drawGuesses(JSON.parse(await read.callPromising()));
});
window.addEventListener("resize", () => drawChart(page.losses, accuracies, total));
main().catch((error) => { console.log(String(error)); fail(error.message); });
