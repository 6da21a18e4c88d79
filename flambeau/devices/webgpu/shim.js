// The page's side of flambeau's browser host: GPU objects by number, and command lists in one call.
// Evaluates to a function: open(gpu, index) -> a promise of the host, or of null where there is no adapter.
async (gpu, index) => {
  const adapter = gpu ? await gpu.requestAdapter({ powerPreference: index ? "low-power" : "high-performance" }) : null;
  if (!adapter) return null;
  const features = ["shader-f16", "subgroups", "timestamp-query"].filter((f) => adapter.features.has(f));
  const limitNames = [
    "maxStorageBuffersPerShaderStage", "maxStorageBufferBindingSize", "maxBufferSize", "maxComputeWorkgroupStorageSize",
    "maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupSizeX", "maxComputeWorkgroupsPerDimension",
  ];
  const requiredLimits = {};
  for (const name of limitNames) requiredLimits[name] = adapter.limits[name];
  const device = await adapter.requestDevice({ requiredFeatures: features, requiredLimits });
  const queue = device.queue;
  const STORAGE = 0x80 | 0x04 | 0x08, READING = 0x01 | 0x08, RESOLVE = 0x200 | 0x04;
  const buffers = new Map(), pipelines = [], layouts = new Map();
  let groups = [], next = 1, error = null, staging = new Map();
  device.lost.then((info) => { error = "lost: " + info.message; });
  device.onuncapturederror = (event) => { if (error === null) error = event.error.message; };

  // "rw" and "ro" bindings, one letter each: w or r
  const layout = (key) => {
    let found = layouts.get(key);
    if (!found) {
      const entries = [...key].map((letter, binding) => ({
        binding, visibility: 4, buffer: { type: letter === "w" ? "storage" : "read-only-storage" },
      }));
      const group = device.createBindGroupLayout({ entries });
      found = { group, pipeline: device.createPipelineLayout({ bindGroupLayouts: [group] }) };
      layouts.set(key, found);
    }
    return found;
  };
  const fetchBytes = async (pieces) => {
    let total = 0;
    for (let i = 2; i < pieces.length; i += 3) total += pieces[i];
    const size = Math.max(256, 2 ** Math.ceil(Math.log2(total)));
    let target = staging.get(size);
    if (target) staging.delete(size);
    else target = device.createBuffer({ size, usage: READING });
    const encoder = device.createCommandEncoder();
    let place = 0;
    for (let i = 0; i < pieces.length; i += 3) {
      encoder.copyBufferToBuffer(buffers.get(pieces[i]), pieces[i + 1], target, place, pieces[i + 2]);
      place += pieces[i + 2];
    }
    queue.submit([encoder.finish()]);
    await target.mapAsync(1, 0, total);
    const bytes = new Uint8Array(target.getMappedRange(0, total).slice(0));
    target.unmap();
    if (size <= 1 << 26) staging.set(size, target);
    else target.destroy();
    return bytes;
  };
  const info = adapter.info || {};
  const limits = {};
  for (const name of limitNames) limits[name] = device.limits[name];
  return {
    description: JSON.stringify({
      name: [info.vendor, info.architecture, info.description || info.device].filter(Boolean).join(" ") || "WebGPU adapter",
      software: Boolean(info.isFallbackAdapter) || /swiftshader|llvmpipe|softw/i.test(`${info.architecture} ${info.description} ${info.device}`),
      features, limits,
    }),
    createBuffer: (size) => { buffers.set(next, device.createBuffer({ size, usage: STORAGE })); return next++; },
    destroyBuffer: (id) => { buffers.get(id).destroy(); buffers.delete(id); },
    write: (id, offset, data) => queue.writeBuffer(buffers.get(id), offset, data),
    createPipeline: (code, key) => {
      const module = device.createShaderModule({ code });
      pipelines.push(device.createComputePipeline({ layout: layout(key).pipeline, compute: { module, entryPoint: "main" } }));
      return pipelines.length - 1;
    },
    createBindGroup: (key, list) => {
      const entries = [];
      for (let i = 0; i < list.length; i += 3) {
        entries.push({ binding: i / 3, resource: { buffer: buffers.get(list[i]), offset: list[i + 1], size: list[i + 2] } });
      }
      groups.push(device.createBindGroup({ layout: layout(key).group, entries }));
      return groups.length - 1;
    },
    dropBindGroups: () => { groups = []; },
    // six numbers a command: 0 dispatch (pipeline, group, x, y, z), 1 copy (source, offset, target, offset, bytes), 2 clear
    submit: (list, timed) => {
      const encoder = device.createCommandEncoder();
      let pass = null, dispatches = 0, queries = null, resolved = null;
      if (timed) {
        for (let i = 0; i < list.length; i += 6) if (list[i] === 0) dispatches++;
        dispatches = Math.min(dispatches, 2048);
        if (dispatches) {
          queries = device.createQuerySet({ type: "timestamp", count: 2 * dispatches });
          resolved = device.createBuffer({ size: 16 * dispatches, usage: RESOLVE });
        }
      }
      let number = 0;
      for (let i = 0; i < list.length; i += 6) {
        if (list[i] === 0) {
          if (queries && number < dispatches) {
            pass = encoder.beginComputePass({
              timestampWrites: { querySet: queries, beginningOfPassWriteIndex: 2 * number, endOfPassWriteIndex: 2 * number + 1 },
            });
            number++;
          } else if (!pass) pass = encoder.beginComputePass();
          pass.setPipeline(pipelines[list[i + 1]]);
          pass.setBindGroup(0, groups[list[i + 2]]);
          pass.dispatchWorkgroups(list[i + 3], list[i + 4], list[i + 5]);
          if (queries) { pass.end(); pass = null; }
        } else {
          if (pass) { pass.end(); pass = null; }
          if (list[i] === 1) {
            encoder.copyBufferToBuffer(buffers.get(list[i + 1]), list[i + 2], buffers.get(list[i + 3]), list[i + 4], list[i + 5]);
          } else encoder.clearBuffer(buffers.get(list[i + 1]), 0, list[i + 2]);
        }
      }
      if (pass) pass.end();
      let token = 0;
      if (queries) {
        encoder.resolveQuerySet(queries, 0, 2 * dispatches, resolved, 0);
        token = next++;
        buffers.set(token, resolved);
      }
      queue.submit([encoder.finish()]);
      return token;
    },
    read: fetchBytes,
    // the whole of a buffer that was made for one reading
    readAll: async (id) => {
      const buffer = buffers.get(id);
      const bytes = await fetchBytes([id, 0, buffer.size]);
      buffers.delete(id);
      buffer.destroy();
      return bytes;
    },
    finished: () => queue.onSubmittedWorkDone(),
    takeError: () => { const text = error; if (text !== null && !text.startsWith("lost")) error = null; return text; },
  };
}
