// A connection's life: its line, settings, pings, GOAWAYs, grace and close.

/** Draws a lane's head: its name and life; `top` is its place on the canvas, `foot` where the lane's rows end. */
function drawLife(context, lane, top, foot) {
  const connection = lane.connection;
  if (selection.lane === lane.index) {
    context.fillStyle = colour('accent');
    context.fillRect(0, top + 4, 2, foot - top);
  }
  const y = top + LABEL_HEIGHT + LIFE_LINE;
  const left = toX(connection.from);
  const right = toX(connection.to);
  drawGrace(context, lane, y);
  context.strokeStyle = colour('life');
  context.lineWidth = 2;
  line(context, Math.max(left, -5), y, Math.min(right, view.width + 5), y);
  drawPassing(context, lane, y);
  drawBirth(context, lane, left, y);
  drawClose(context, lane, right, y);
  for (const goaway of connection.goaways) drawGoaway(context, lane, goaway, y, foot);
  drawLaneName(context, lane, top);
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** The name stays in sight; it is the only thing that does not move in time. */
function drawLaneName(context, lane, top) {
  const connection = lane.connection;
  const dead = connection.died;
  const total = connection.counts.reduce((sum, count) => sum + count, 0);
  const y = top + LABEL_HEIGHT / 2 + 2;
  const current = selection.lane === lane.index;
  const narrow = view.width < 560;
  context.textBaseline = 'middle';
  const write = (text, x, font, paint) => {
    context.font = font;
    context.fillStyle = colour(paint);
    context.fillText(text, x, y);
    return x + context.measureText(text).width;
  };
  let x = write(`${lane.open ? '▾' : '▸'} conn ${connection.number}`, 4, `600 13px ${fonts.sans}`, current ? 'accent' : 'ink') + 10;
  const addresses = narrow ? connection.server : `${connection.client} → ${connection.server}`;
  x = write(addresses, x, `12px ${fonts.sans}`, 'muted') + 12;
  if (dead > 0) x = write(`${grouped(dead)} died`, x, `600 12px ${fonts.sans}`, 'error') + 6;
  x = write(dead > 0 ? `of ${grouped(total)}` : plural(total, 'RPC'), x, `12px ${fonts.sans}`, 'muted');
  if (connection.transport === 'tls') x = write(' · TLS, not decrypted', x, `12px ${fonts.sans}`, 'muted');
  if (connection.transport === 'not-http2') x = write(' · not HTTP/2', x, `12px ${fonts.sans}`, 'error');
  hits.push({
    x0: 0, x1: x, y0: top + 2, y1: top + LABEL_HEIGHT,
    tip: () => [`conn ${connection.number}`, `${connection.client} → ${connection.server}`, 'Click for details, twice to open the lane'],
    select: () => selectLane(lane.index),
    twice: () => openLane(lane),
  });
}

/** A ring where the SYN was seen; an open beginning where it was not. */
function drawBirth(context, lane, x, y) {
  const connection = lane.connection;
  if (x < -8 || x > view.width + 8) return;
  context.fillStyle = colour('paper');
  context.strokeStyle = colour('life');
  context.lineWidth = 2;
  if (connection.opened) {
    context.beginPath();
    context.arc(x, y, 4, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  } else {
    context.setLineDash([2, 3]);
    line(context, x - 14, y, x, y);
    context.setLineDash([]);
  }
  const [time, packet] = connection.opened ?? connection.recognised;
  hits.push({
    x0: x - 7, x1: x + 7, y0: y - 8, y1: y + 8,
    tip: () => [connection.opened ? 'Opened: SYN' : 'First seen: its beginning was not captured', `${elapsed(time)}, packet ${packet}`],
    select: () => selectLane(lane.index),
  });
}

/** Settings as squares on the line; pings as strokes, the client's upwards, the server's downwards. */
function drawPassing(context, lane, y) {
  const { passages } = lane.connection;
  const first = lowerBound(0, passages.length, (index) => passages[index][0] >= view.from);
  const last = lowerBound(first, passages.length, (index) => passages[index][0] > view.to);
  // Many pings are a texture, not so many strokes.
  const dense = last - first > view.width / 8;
  const drawn = new Set();
  const roomy = (view.width / (view.to - view.from)) * 1e6 > 60;
  context.lineWidth = 1;
  for (let index = first; index < last; index += 1) {
    const [time, packet, server, kind, payload] = passages[index];
    const x = Math.round(toX(time));
    const key = `${kind} ${server} ${x}`;
    const settings = kind.startsWith('settings');
    const answer = kind.endsWith('ack');
    if (drawn.has(key) || (answer && !roomy)) continue;
    drawn.add(key);
    const away = server ? 1 : -1;
    context.strokeStyle = context.fillStyle = colour('life');
    if (settings && !answer) {
      context.fillStyle = colour('paper');
      context.lineWidth = 1.5;
      context.fillRect(x - 3, y + away * 6 - 3, 6, 6);
      context.strokeRect(x - 3, y + away * 6 - 3, 6, 6);
      context.lineWidth = 1;
    } else {
      const tall = answer || dense ? 3 : 6;
      context.globalAlpha = dense ? 0.4 : answer ? 0.5 : 0.85;
      context.fillRect(x, server ? y + 2 : y - 2 - tall, 1, tall);
      context.globalAlpha = 1;
    }
    hits.push({
      x0: x - 3, x1: x + 3, y0: server ? y + 1 : y - 12, y1: server ? y + 12 : y - 1,
      tip: () => [`${kind.replace('settings', 'SETTINGS').replace('ping', 'PING').replace('ack', 'ACK')} of the ${server ? 'server' : 'client'}`,
        `${elapsed(time)}, packet ${packet}${payload ? `, ${payload}` : ''}`],
      select: () => selectLane(lane.index),
    });
  }
}

/** From a graceful GOAWAY to the close that followed. */
function graceOf(connection) {
  const first = connection.goaways.find((goaway) => goaway.from === 'server');
  const close = connection.close;
  if (!first || !close || first.error !== 'NO_ERROR' || close.seen[0] < first.seen[0]) return null;
  return { from: first.seen[0], to: close.seen[0], by: close.by };
}

function drawGrace(context, lane, y) {
  const grace = graceOf(lane.connection);
  if (!grace || grace.to < view.from || grace.from > view.to) return;
  const left = Math.max(-2, toX(grace.from));
  const right = Math.min(view.width + 2, toX(grace.to));
  context.fillStyle = colour('grace');
  context.fillRect(left, y - 9, Math.max(1, right - left), 18);
  hits.push({
    x0: left, x1: right, y0: y - 9, y1: y + 9, behind: true,
    tip: () => [`From GOAWAY to the ${grace.by}’s close: ${duration(grace.to - grace.from)}`],
    select: () => selectLane(lane.index),
  });
}

/** A bar across for a FIN, a cross for a RST; nothing where the capture ends first. */
function drawClose(context, lane, x, y) {
  const { close } = lane.connection;
  if (!close || x < -8 || x > view.width + 60) return;
  context.strokeStyle = colour('ink');
  context.lineWidth = 2.5;
  if (close.how === 'RST') {
    line(context, x - 5, y - 6, x + 5, y + 6);
    line(context, x - 5, y + 6, x + 5, y - 6);
  } else {
    line(context, x, y - 8, x, y + 8);
  }
  context.font = `11px ${fonts.sans}`;
  context.fillStyle = colour('muted');
  const grace = graceOf(lane.connection);
  const words = `${close.by} ${close.how}${grace ? ` · ${grace.by === 'server' ? 'grace' : 'drained in'} ${duration(grace.to - grace.from)}` : ''}`;
  const width = context.measureText(words).width;
  if (x + 12 + width < view.width) context.fillText(words, x + 9, y);
  else if (!grace) context.fillText(words, x - width, y - 16);
  hits.push({
    x0: x - 7, x1: x + 7, y0: y - 10, y1: y + 10,
    tip: () => [`Closed by the ${close.by}: ${close.how}`, `${elapsed(close.seen[0])}, packet ${close.seen[1]}`],
    select: () => selectLane(lane.index),
  });
}

/** GOAWAY's `last stream id`, with the announcement by its usual name. */
const lastStream = (goaway) => (goaway.announcement ? '2³¹−1' : grouped(goaway.last).replaceAll(',', ''));

/** A flag where the GOAWAY was captured; where it left, arrived and was acknowledged as the handshake
 * and the acknowledgements tell. */
function drawGoaway(context, lane, goaway, y, foot) {
  const seen = toX(goaway.seen[0]);
  const left = goaway.left === null ? seen : toX(goaway.left);
  const arrived = goaway.arrived === null ? seen : toX(goaway.arrived);
  const known = goaway.acknowledged ? toX(goaway.acknowledged[0]) : Math.max(seen, arrived);
  if (Math.max(known, seen) < -120 || Math.min(left, seen) > view.width + 10) return;
  const paint = colour(goaway.error === 'NO_ERROR' ? 'ink' : 'error');
  context.strokeStyle = context.fillStyle = paint;
  context.lineWidth = 1;
  line(context, seen, y - 22, seen, goaway.final && goaway.from === 'server' ? foot + 2 : y + 9);
  const side = goaway.from === 'server' ? 1 : -1;
  context.beginPath();
  context.moveTo(seen, y - 22);
  context.lineTo(seen + side * 9, y - 17.5);
  context.lineTo(seen, y - 13);
  context.fill();
  const next = Math.min(Infinity, ...laterGoaways(lane, goaway).map((later) => toX(later.seen[0])));
  drawJourney(context, goaway, { left, arrived, seen, known }, y, next);
  writeGoaway(context, goaway, seen, y, next);
  hits.push({
    x0: Math.min(left, seen) - 5, x1: Math.max(known, seen) + 9, y0: y - 23, y1: y + 12,
    tip: () => goawayTip(goaway),
    select: () => selectLane(lane.index),
  });
}

/** The GOAWAYs that follow one on its connection. */
function laterGoaways(lane, goaway) {
  const { goaways } = lane.connection;
  return goaways.slice(goaways.indexOf(goaway) + 1);
}

/** Left ◁, arrived ▷, acknowledged ✓, each once it stands apart from the others, and from the flag at `next`. */
function drawJourney(context, goaway, { left, arrived, seen, known }, y, next) {
  const under = y + 9;
  if (known - left < 8) return;
  context.lineWidth = 1.5;
  line(context, left, under, known, under);
  context.font = `10px ${fonts.sans}`;
  const stops = [
    { x: left, words: 'left', told: goaway.left !== null },
    { x: arrived, words: 'received', told: goaway.arrived !== null },
    { x: known, words: 'acknowledged', told: goaway.acknowledged !== null },
  ].filter((stop) => stop.told);
  let untold = [];
  for (const [place, { x, words }] of stops.entries()) {
    context.beginPath();
    context.arc(x, under, 2.5, 0, 2 * Math.PI);
    context.fillStyle = colour(words === 'left' ? 'paper' : 'ink');
    context.fill();
    context.stroke();
    context.fillStyle = colour('ink');
    // What stands too close to the next is told with it.
    untold.push(words);
    const together = untold.join(', ');
    const width = context.measureText(together).width;
    const after = stops[place + 1];
    if (after && after.x - x < width + 10) continue;
    untold = [];
    if (x + 4 + width > next || x < 0) continue;
    context.fillText(together, Math.min(x + 4, view.width - width - 2), under + 8);
  }
}

/** The flag's words, where no other flag's stand already. */
function writeGoaway(context, goaway, x, y, next) {
  const error = goaway.error === 'NO_ERROR' ? '' : ` ${goaway.error}`;
  const words = `GOAWAY ${lastStream(goaway)}${error}${goaway.from === 'client' ? ' (client)' : ''}`;
  context.font = `600 11px ${fonts.sans}`;
  const width = context.measureText(words).width;
  // Of GOAWAYs that stand close together the last has the last word.
  if (next < x + 16 + width || x < -12) return;
  context.fillText(words, x + 12 + width > view.width ? x - 6 - width : x + 12, y - 17);
}

function goawayTip(goaway) {
  const lines = [`GOAWAY of the ${goaway.from}: last stream id ${lastStream(goaway)}, ${goaway.error}`];
  if (goaway.debug) lines.push(`“${goaway.debug}”`);
  if (goaway.left !== null) lines.push(`left about ${elapsed(goaway.left, 1)}`);
  lines.push(`captured ${elapsed(goaway.seen[0], 1)}, packet ${goaway.seen[1]}`);
  if (goaway.arrived !== null) lines.push(`received about ${elapsed(goaway.arrived, 1)}`);
  if (goaway.acknowledged) lines.push(`acknowledged ${elapsed(goaway.acknowledged[0], 1)}, packet ${goaway.acknowledged[1]}`);
  if (goaway.beyond > 0) lines.push(`${plural(goaway.beyond, 'stream')} beyond it`);
  return lines;
}
