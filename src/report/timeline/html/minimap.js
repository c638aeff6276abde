// The whole capture in a strip: how busy it was, where calls died, what is shown.

const minimap = byId('minimap');
let overview = null;

/** How many calls were open at each pixel, and which moments stand out; computed once a width. */
function surveyed(width) {
  if (overview?.width === width) return overview;
  const busy = new Float64Array(width + 1);
  const dead = new Uint32Array(width);
  const place = (micros) => Math.max(0, Math.min(width - 1, Math.floor(((micros - WHOLE.from) / (WHOLE.to - WHOLE.from)) * width)));
  for (let call = 0; call < calls.count; call += 1) {
    busy[place(calls.from[call])] += 1;
    busy[place(calls.to[call]) + 1] -= 1;
    if (verdicts[calls.verdict[call]].dies) dead[place(calls.from[call])] += 1;
  }
  let open = 0;
  let most = 1;
  for (let x = 0; x < width; x += 1) {
    open += busy[x];
    busy[x] = open;
    most = Math.max(most, open);
  }
  const goaways = connections.flatMap((connection) => connection.goaways.map((goaway) => place(goaway.seen[0])));
  overview = { width, busy, dead, most, goaways };
  return overview;
}

function drawMinimap() {
  const width = Math.max(1, Math.round(minimap.clientWidth));
  const height = 44;
  const scale = window.devicePixelRatio || 1;
  if (minimap.width !== Math.round(width * scale)) {
    minimap.width = Math.round(width * scale);
    minimap.height = Math.round(height * scale);
  }
  const context = minimap.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const { busy, dead, most, goaways } = surveyed(width);
  context.fillStyle = colour('panel');
  context.fillRect(0, 0, width, height);
  context.fillStyle = colour('ok');
  for (let x = 0; x < width; x += 1) {
    // A square root: one call is still seen beside a thousand.
    const tall = Math.sqrt(Math.max(busy[x], 0) / most) * (height - 14);
    if (tall > 0) context.fillRect(x, height - tall, 1, tall);
  }
  context.fillStyle = colour('ink');
  for (const x of goaways) context.fillRect(x, 0, 1, height);
  context.fillStyle = colour('error');
  for (let x = 0; x < width; x += 1) if (dead[x] > 0) context.fillRect(x - 1, 0, 3, 8);
  drawShown(context, width, height);
}

/** The part that is shown, framed; the rest is veiled. */
function drawShown(context, width, height) {
  const left = Math.round(minimapX(view.from, width));
  const right = Math.max(left + 3, Math.round(minimapX(view.to, width)));
  context.fillStyle = colour('paper');
  context.globalAlpha = 0.62;
  context.fillRect(0, 0, left, height);
  context.fillRect(right, 0, width - right, height);
  context.globalAlpha = 1;
  context.strokeStyle = colour('accent');
  context.lineWidth = 1.5;
  context.strokeRect(left + 0.75, 0.75, right - left - 1.5, height - 1.5);
}

const minimapX = (micros, width) => ((micros - WHOLE.from) / (WHOLE.to - WHOLE.from)) * width;

/** Dragging the frame moves it; dragging elsewhere puts it there. */
function watchMinimap() {
  let grip = null;
  const timeAt = (event) => {
    const box = minimap.getBoundingClientRect();
    return WHOLE.from + ((event.clientX - box.left) / box.width) * (WHOLE.to - WHOLE.from);
  };
  minimap.addEventListener('pointerdown', (event) => {
    minimap.setPointerCapture(event.pointerId);
    const time = timeAt(event);
    const span = view.to - view.from;
    if (time < view.from || time > view.to) show(time - span / 2, time + span / 2);
    grip = time - view.from;
  });
  minimap.addEventListener('pointermove', (event) => {
    if (grip === null) return;
    const from = timeAt(event) - grip;
    show(from, from + (view.to - view.from));
  });
  for (const end of ['pointerup', 'pointercancel']) minimap.addEventListener(end, () => (grip = null));
  minimap.addEventListener('wheel', (event) => {
    event.preventDefault();
    zoom(1.0015 ** event.deltaY);
  }, { passive: false });
}
