// The same convolution in four libraries, each on the browser's WebGPU adapter. A contestant is made by `make(case)` and gives
// `run(times)`: that many convolutions with bias, then the last one's values, in [N, O, H, W] order.
const volume = (shape) => shape.reduce((a, b) => a * b, 1);

// numbers within ±1 that every run makes alike
function numbers(count, seed) {
  const values = new Float32Array(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  return values;
}

function transposed(values, [a, b, c, d], order) {
  const shape = [a, b, c, d], strides = [b * c * d, c * d, d, 1];
  const out = new Float32Array(values.length), [s0, s1, s2, s3] = order.map((k) => strides[k]), [n0, n1, n2, n3] = order.map((k) => shape[k]);
  let place = 0;
  for (let i = 0; i < n0; i++) for (let j = 0; j < n1; j++) for (let k = 0; k < n2; k++) for (let l = 0; l < n3; l++) out[place++] = values[i * s0 + j * s1 + k * s2 + l * s3];
  return out;
}

const makers = {
  async tfjs({ x, w, b, xShape, wShape, pad }) {
    await tf.setBackend("webgpu");
    await tf.ready();
    if (tf.getBackend() !== "webgpu") throw new Error("tfjs has no webgpu backend here");
    const [n, c, h, width] = xShape, [o, , kh, kw] = wShape; // its own layouts: NHWC and HWIO
    const tx = tf.tensor4d(transposed(x, xShape, [0, 2, 3, 1]), [n, h, width, c]);
    const tw = tf.tensor4d(transposed(w, wShape, [2, 3, 1, 0]), [kh, kw, c, o]), tb = tf.tensor1d(b);
    return async (times) => {
      let y = null;
      for (let i = 0; i < times; i++) {
        if (y) y.dispose();
        y = tf.add(tf.conv2d(tx, tw, 1, pad), tb);
      }
      const values = await y.data(), [a, p, q, r] = y.shape;
      y.dispose();
      return transposed(values, [a, p, q, r], [0, 3, 1, 2]);
    };
  },

  async "onnxruntime-web"({ x, w, b, xShape, wShape, pad }) {
    const ort = await import("onnxruntime-web");
    ort.env.wasm.wasmPaths = new URL("node_modules/onnxruntime-web/dist/", location.href).href;
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create(model(w, b, xShape, wShape, pad), { executionProviders: ["webgpu"], preferredOutputLocation: "gpu-buffer" });
    const device = await ort.env.webgpu.device;
    const buffer = device.createBuffer({ size: x.byteLength, usage: 0x80 | 0x04 | 0x08 });
    device.queue.writeBuffer(buffer, 0, x);
    const input = ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: xShape });
    return async (times) => {
      let y = null;
      for (let i = 0; i < times; i++) {
        if (y) y.dispose();
        y = (await session.run({ x: input })).y;
      }
      const values = await y.getData();
      y.dispose();
      return values;
    };
  },

  async "jax-js"({ x, w, b, xShape, wShape, pad }) {
    const { init, defaultDevice, jit, lax, numpy: np } = await import("@jax-js/jax");
    if (!(await init()).includes("webgpu")) throw new Error("jax-js has no webgpu device here");
    defaultDevice("webgpu");
    const own = (values, shape) => np.array(values, { shape, dtype: np.float32 });
    const jx = own(x, xShape), jw = own(w, wShape), jb = own(b, [1, b.length, 1, 1]);
    const conv = jit((a, f, c) => lax.convGeneralDilated(a, f, [1, 1], [[pad, pad], [pad, pad]]).add(c));
    return async (times) => {
      const results = []; // all are kept and waited for: what is disposed of unread is never computed
      for (let i = 0; i < times; i++) results.push(conv(jx.ref, jw.ref, jb.ref));
      const y = results.pop();
      for (const other of results) { await other.blockUntilReady(); other.dispose(); }
      return y.data();
    };
  },

  async flambeau(given) {
    const { loadPyodide } = await import("./pyodide/pyodide.mjs");
    const python = (window.python ||= await loadPyodide({ indexURL: "./pyodide/" }));
    python.unpackArchive(await (await fetch("flambeau.whl")).arrayBuffer(), "wheel");
    await python.runPythonAsync(await (await fetch("contestant.py")).text());
    const run = await python.globals.get("make").callPromising(given.x, given.w, given.b, given.xShape, given.wShape, given.pad);
    return async (times) => {
      const values = await run.callPromising(times);
      return values;
    };
  },
};

// an ONNX model of one Conv, whose weight and bias are constants: protobuf by hand
function model(w, b, xShape, wShape, pad) {
  const text = new TextEncoder();
  const varint = (n) => { const out = []; for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) + 128); return [...out, n]; };
  const join = (parts) => { const out = new Uint8Array(parts.reduce((a, p) => a + p.length, 0)); let place = 0; for (const p of parts) { out.set(p, place); place += p.length; } return out; };
  const bytes = (field, value) => { const v = typeof value === "string" ? text.encode(value) : value; return join([varint(field * 8 + 2), varint(v.length), v]); };
  const number = (field, n) => Uint8Array.from([...varint(field * 8), ...varint(n)]);
  const tensor = (name, shape, values) => join([...shape.map((n) => number(1, n)), number(2, 1), bytes(8, name), bytes(9, new Uint8Array(values.buffer))]);
  const ints = (name, values) => join([bytes(1, name), ...values.map((v) => number(8, v)), number(20, 7)]);
  const [n, , h, width] = xShape, [o, , kh, kw] = wShape;
  const value = (name, shape) => {
    const dims = join(shape.map((d) => bytes(1, number(1, d))));
    return join([bytes(1, name), bytes(2, bytes(1, join([number(1, 1), bytes(2, dims)])))]);
  };
  const node = join([bytes(1, "x"), bytes(1, "w"), bytes(1, "b"), bytes(2, "y"), bytes(4, "Conv"), bytes(5, ints("pads", [pad, pad, pad, pad])), bytes(5, ints("kernel_shape", [kh, kw]))]);
  const y = [n, o, h + 2 * pad - kh + 1, width + 2 * pad - kw + 1];
  const graph = join([bytes(1, node), bytes(2, "conv"), bytes(5, tensor("w", wShape, w)), bytes(5, tensor("b", [o], b)), bytes(11, value("x", xShape)), bytes(12, value("y", y))]);
  return join([number(1, 8), bytes(7, graph), bytes(8, number(2, 17))]);
}

const contestants = {};
let expected = null;

// Makes a contestant of a case; gives its largest difference from the first one's values, relative to the largest, or an error.
window.prepare = async ({ xShape, wShape, pad }, name) => {
  try {
    contestants[name] = await makers[name]({ x: numbers(volume(xShape), 1), w: numbers(volume(wShape), 2), b: numbers(wShape[0], 3), xShape, wShape, pad });
    const values = await contestants[name](1);
    expected ||= values;
    if (values.length !== expected.length) throw new Error(`${values.length} values instead of ${expected.length}`);
    let worst = 0, largest = 0;
    for (let i = 0; i < values.length; i++) { worst = Math.max(worst, Math.abs(values[i] - expected[i])); largest = Math.max(largest, Math.abs(expected[i])); }
    return worst / largest;
  } catch (error) {
    return String(error.stack || error);
  }
};

// Milliseconds a convolution.
window.measure = async (name, times) => {
  const began = performance.now();
  await contestants[name](times);
  return (performance.now() - began) / times;
};
window.ready = true;
