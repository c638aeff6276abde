// Calls as bars: what is smaller than a pixel is drawn together, what died is drawn last, on top.

/** Draws a lane's calls; `top` is where its rows begin on the canvas. */
function drawBars(context, lane, top) {
  drawDoomed(context, lane, top);
  if (!isHidden(OK)) drawQuiet(context, lane, top);
  drawLoud(context, lane, top);
}

/** Calls that went well, row by row. Within a row bars follow each other, so that those that share a
 * pixel can be skipped without looking at each. */
function drawQuiet(context, lane, top) {
  const height = Math.max(1, Math.floor(lane.quietHeight >= PLAIN_ROW ? lane.quietHeight - 3 : lane.quietHeight - 1));
  const inset = Math.max(0, Math.floor((lane.quietHeight - height) / 2));
  const start = top + rowTop(lane, lane.loudRows);
  const first = lane.loudRows + Math.max(0, Math.floor(-start / lane.quietHeight));
  const last = Math.min(lane.rows, lane.loudRows + Math.ceil((view.height - start) / lane.quietHeight));
  const perPixel = (view.to - view.from) / view.width;
  const named = [];
  context.fillStyle = colour('ok');
  context.globalAlpha = spotlight.lit ? 0.45 : 1;
  context.beginPath();
  let drawn = -Infinity;
  for (let row = first; row < last; row += 1) {
    const y = Math.round(top + rowTop(lane, row)) + inset;
    // Of rows that share a pixel the first stands for all.
    if (y === drawn) continue;
    drawn = y;
    const end = lane.rowStart[row + 1];
    let place = lowerBound(lane.rowStart[row], end, (index) => calls.to[lane.order[index]] >= view.from);
    while (place < end) {
      const call = lane.order[place];
      if (calls.from[call] > view.to) break;
      place += 1;
      if (calls.verdict[call] !== OK) continue;
      const left = Math.max(-2, toX(calls.from[call]));
      let right = Math.min(view.width + 2, Math.max(toX(calls.to[call]), left + 1));
      // Everything that ends within the next pixel belongs to this stroke.
      while (place < end) {
        const next = lane.order[place];
        if (toX(calls.from[next]) > right + 0.75) break;
        if (calls.verdict[next] === OK) right = Math.min(view.width + 2, Math.max(right, toX(calls.to[next])));
        const limit = toTime(right) + perPixel * 0.75;
        place = Math.max(place + 1, calls.to[next] < limit
          ? lowerBound(place + 1, end, (index) => calls.to[lane.order[index]] >= limit) : 0);
      }
      context.rect(left, y, right - left, height);
      if (lane.quietHeight >= 12 && !spotlight.lit && right - left > 70) named.push([call, left, right, y + height / 2]);
    }
  }
  context.fill();
  nameBars(context, named);
  context.globalAlpha = 1;
}

/** Writes into bars what they are, where there is room. */
function nameBars(context, named) {
  context.fillStyle = colour('ink');
  context.font = `10px ${fonts.sans}`;
  context.textBaseline = 'middle';
  for (const [call, left, right, y] of named.slice(0, 400)) {
    const from = Math.max(left, 0) + 4;
    const fitting = Math.floor((Math.min(right, view.width) - from - 4) / 5.6);
    if (fitting > 8) context.fillText(shortened(callName(call), fitting), from, y + 0.5);
  }
}

/** Calls that did not go well, each with its shape; of those that would cover each other one is drawn. */
function drawLoud(context, lane, top) {
  const bar = Math.max(2, Math.min(6, lane.loudHeight - 1));
  const reach = Math.max(4, Math.min(5.5, lane.loudHeight / 2 + 1.5));
  for (const layer of spotlight.lit ? ['dim', 'lit'] : ['plain']) {
    const taken = new Set();
    for (const call of lane.loud) {
      const verdict = verdicts[calls.verdict[call]];
      const lit = spotlight.lit && spotlight.lit[call] === 1;
      if (isHidden(verdict.number) || (layer === 'lit') !== Boolean(lit)) continue;
      if (calls.from[call] > view.to) break;
      if (calls.to[call] < view.from) continue;
      const y = top + (calls.row[call] + 0.5) * lane.loudHeight;
      if (y < -8 || y > view.height + 8) continue;
      const left = Math.max(-10, toX(calls.from[call]));
      const right = Math.min(view.width + 10, Math.max(toX(calls.to[call]), left));
      // A number for each place of three pixels, canvases being narrower than 12,000.
      const cell = ((Math.round(left / 3) + 8) * 4096 + Math.round(right / 3) + 8) * 65536 + Math.round(y / 3 + 8) * 16 + verdict.number;
      if (taken.has(cell)) continue;
      taken.add(cell);
      context.globalAlpha = layer === 'dim' ? 0.25 : 1;
      drawLoudBar(context, verdict, left, right, y, bar, reach);
    }
  }
  context.globalAlpha = 1;
  if (spotlight.lit) drawLitQuiet(context, lane, top);
}

function drawLoudBar(context, verdict, left, right, y, bar, reach) {
  const paint = colour(verdict.colour);
  context.fillStyle = paint;
  if (verdict.name === 'unanswered' || verdict.name === 'unknown') {
    // Open ends: nobody knows how these went on.
    for (let x = left; x < right; x += 7) context.fillRect(x, y - bar / 2, Math.min(4, right - x), bar);
  } else {
    context.fillRect(left, y - bar / 2, Math.max(1.5, right - left), bar);
  }
  drawShape(context, verdict.shape, paint, right, y, reach / 5);
}

/** A shape with a rim of paper, so that it stands out on bars. */
function drawShape(context, shape, paint, x, y, scale) {
  context.save();
  context.translate(x, y);
  context.scale(scale, scale);
  context.lineJoin = 'round';
  context.strokeStyle = colour('paper');
  context.lineWidth = 4.5;
  context.stroke(shape.drawn);
  context.strokeStyle = paint;
  context.lineWidth = 2;
  if (shape.fill) context.fill(shape.drawn);
  context.stroke(shape.drawn);
  context.restore();
}

/** Calls that went well and were looked for. */
function drawLitQuiet(context, lane, top) {
  const height = Math.max(3, lane.quietHeight - 3);
  context.fillStyle = colour('accent');
  const taken = new Set();
  for (const call of spotlight.calls) {
    if (calls.lane[call] !== lane.index || calls.verdict[call] !== OK || isHidden(OK)) continue;
    if (calls.to[call] < view.from || calls.from[call] > view.to) continue;
    const left = toX(calls.from[call]);
    const width = Math.max(2, toX(calls.to[call]) - left);
    const y = top + rowTop(lane, calls.row[call]) + lane.quietHeight / 2;
    const cell = `${Math.round(left)} ${Math.round(width)} ${Math.round(y)}`;
    if (taken.has(cell)) continue;
    taken.add(cell);
    context.fillRect(left, y - height / 2, width, height);
  }
}

/** From the first HEADERS beyond the last stream id until the client is seen to know. */
function drawDoomed(context, lane, top) {
  const span = doomedWindow(lane);
  if (!span || span.to < view.from || span.from > view.to) return;
  const left = toX(span.from);
  const width = Math.max(2, toX(span.to) - left);
  const height = rowTop(lane, lane.rows) + 4;
  context.fillStyle = hatch(context);
  context.fillRect(left, top - 2, width, height);
  hits.push({
    x0: left - 1, x1: left + width + 1, y0: top - 2, y1: top - 2 + height, behind: true,
    tip: () => ['Doomed window', `${duration(span.to - span.from)}: what the client opened here it opened in vain`],
    select: () => selectLane(lane.index),
  });
}

/** The window of a lane's final GOAWAY, if calls were lost in it or could have been. */
function doomedWindow(lane) {
  if (lane.doomed !== undefined) return lane.doomed;
  const goaway = lane.connection.goaways.find((one) => one.final && one.from === 'server' && !one.announcement);
  if (!goaway) return (lane.doomed = null);
  let from = goaway.left ?? goaway.seen[0];
  let to = (goaway.acknowledged ?? goaway.seen)[0];
  for (const call of lane.loud) {
    if (verdicts[calls.verdict[call]].colour !== 'beyond' || Number.isNaN(calls.opened[call])) continue;
    from = Math.min(from, calls.opened[call]);
    if (calls.fate(call).race === 'in_flight') to = Math.max(to, calls.opened[call]);
  }
  return (lane.doomed = { from, to });
}

/** `0:2121 /inventory.Stock/Reserve`. */
const callName = (call) => `${callId(call)} ${calls.method(call) ?? '(method unknown)'}`;
const callId = (call) => `${calls.conn[call]}:${calls.stream[call]}`;

/** The beginning and the end of a long text: methods differ at their end. */
function shortened(text, length) {
  if (text.length <= length) return text;
  const head = Math.max(1, Math.floor(length / 3));
  return `${text.slice(0, head)}…${text.slice(text.length - (length - head - 1))}`;
}
