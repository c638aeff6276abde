// Wheel, drag, pinch, hover and click.

/** How far a pointer may tremble in a click, in pixels. */
const TREMBLE = 4;

const tip = byId('tip');

/** What is at a place: marks before bars, what lies behind last. */
function hitAt(x, y) {
  const inside = (hit) => x >= hit.x0 && x <= hit.x1 && y >= hit.y0 && y <= hit.y1 && (!hit.near || hit.near(x, y));
  const call = callAt(x, y);
  const mark = hits.findLast((hit) => !hit.behind && inside(hit));
  if (mark) return mark;
  if (call !== null) return { tip: () => callTip(call), select: () => selectCall(call) };
  return hits.findLast((hit) => hit.behind && inside(hit));
}

/** The call at a place; those that did not go well are easier to hit. */
function callAt(x, y) {
  if (y < AXIS_HEIGHT) return null;
  const height = y + stage.scrollTop;
  const lane = laneAt(height);
  if (!lane) return null;
  const offset = height - bodyTop(lane);
  if (y < headTop(lane, stage.scrollTop) + HEAD_HEIGHT - 7 || offset > rowTop(lane, lane.rows) + 7) return null;
  let best = null;
  let nearest = 7;
  for (const call of lane.loud) {
    if (isHidden(calls.verdict[call])) continue;
    const away = Math.abs(offset - (calls.row[call] + 0.5) * lane.loudHeight);
    if (away > 7) continue;
    const beside = Math.max(toX(calls.from[call]) - x, x - toX(calls.to[call]) - 5, 0);
    const distance = Math.hypot(beside, away);
    if (distance < nearest) [best, nearest] = [call, distance];
  }
  if (best !== null || isHidden(OK)) return best;
  const place = quietRowAt(lane, offset);
  if (place === undefined) return null;
  const end = lane.rowStart[place + 1];
  const found = lowerBound(lane.rowStart[place], end, (index) => calls.to[lane.order[index]] >= toTime(x - 2));
  if (found >= end || calls.from[lane.order[found]] > toTime(x + 2)) return null;
  return lane.order[found];
}

function callTip(call) {
  const verdict = verdicts[calls.verdict[call]];
  return [
    callName(call),
    `${verdict.words}, ${duration(calls.to[call] - calls.from[call])}`,
    `${elapsed(calls.from[call])} → ${elapsed(calls.to[call])}`,
    [packetWords(calls.column('openedPacket', call)), packetWords(calls.column('endedPacket', call))].filter(Boolean).join(' → '),
    ...calls.headers.flatMap((header) => (header.values[call] ? [`${header.name}: ${header.values[call]}`] : [])),
  ];
}

function showTip(event, lines) {
  tip.replaceChildren(...lines.map((text) => make('p', {}, wire(text))));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const x = Math.min(event.clientX + 14, innerWidth - width - 8);
  const y = event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18;
  tip.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
}

const hideTip = () => (tip.hidden = true);

/** The place of an event on the canvas. */
function placeOf(event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function watchPointer() {
  const pointers = new Map();
  let start = null;
  let apart = null;
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, event);
    start = { x: event.clientX, y: event.clientY, scroll: stage.scrollTop, last: event.clientX, moved: false };
    apart = null;
    hideTip();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!pointers.has(event.pointerId)) return hover(event);
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) {
      const [one, other] = [...pointers.values()];
      const distance = Math.max(20, Math.abs(one.clientX - other.clientX));
      if (apart) zoom(apart / distance, (one.clientX + other.clientX) / 2 - canvas.getBoundingClientRect().left);
      apart = distance;
      start.moved = true;
      return;
    }
    if (!start.moved && Math.hypot(event.clientX - start.x, event.clientY - start.y) < TREMBLE) return;
    if (!start.moved) canvas.setPointerCapture(event.pointerId);
    start.moved = true;
    canvas.classList.add('grabbing');
    pan(start.last - event.clientX);
    start.last = event.clientX;
    if (event.pointerType === 'mouse') stage.scrollTop = start.scroll + start.y - event.clientY;
  });
  canvas.addEventListener('pointerup', (event) => {
    if (pointers.delete(event.pointerId) && pointers.size === 0 && !start.moved) hitAt(...placeOf(event))?.select();
    canvas.classList.remove('grabbing');
  });
  canvas.addEventListener('pointercancel', (event) => {
    pointers.delete(event.pointerId);
    canvas.classList.remove('grabbing');
  });
  canvas.addEventListener('pointerleave', hideTip);
  canvas.addEventListener('dblclick', (event) => {
    const hit = hitAt(...placeOf(event));
    if (hit?.twice) hit.twice();
    else zoom(0.4, placeOf(event)[0]);
  });
  stage.addEventListener('wheel', turnWheel, { passive: false });
  stage.addEventListener('scroll', redraw);
}

function hover(event) {
  const hit = hitAt(...placeOf(event));
  canvas.classList.toggle('pointing', hit !== undefined);
  if (hit) showTip(event, hit.tip());
  else hideTip();
}

/** The wheel zooms where it points; sideways, or with Shift, it moves in time. */
function turnWheel(event) {
  event.preventDefault();
  hideTip();
  // A wheel may count in lines instead of pixels.
  const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
  const [across, along] = [event.deltaX * unit, event.deltaY * unit];
  if (event.shiftKey) pan(along || across);
  else if (Math.abs(across) > Math.abs(along)) pan(across);
  else zoom(1.0016 ** Math.max(-400, Math.min(400, along)), placeOf(event)[0]);
}
