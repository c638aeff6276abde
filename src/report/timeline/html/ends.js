// The two ends of a connection that was captured at both: a line for each, and what passed between them.

/** How high both are together: words, the client's line, the way, the server's line, words. */
const ENDS_HEIGHT = 158;
const CLIENT_LINE = 36;
const SERVER_LINE = 122;

/** With so few lanes both ends are always drawn; with more, once a lane is opened. */
const FEW_LANES = 4;

/** How many slants are drawn at once of what simply came, and of what did not; zooming in shows more of fewer. */
const MOST_WAYS = 240;
const MOST_ODD = 160;

/** The way that was led to. */
let pointedWay = null;

/** Where on its way a slant ends that did not come, as a share of it. */
const MID_AIR = 0.55;

/** Both ends of each lane, or none; what passed between them in order of time. */
const endsOfLane = connections.map((connection) => readEnds(connection, data.bothEnds[connection.number]));

function readEnds(connection, source) {
  if (!source) return null;
  const roundTrip = Math.min(...[source.toServer, source.toClient].filter(Boolean).map(([, most]) => most));
  const known = Number.isFinite(roundTrip);
  const ends = { ...source, roundTrip: known ? roundTrip : null, oneWay: known ? Math.max(roundTrip / 2, 1) : 1 };
  ends.ways = source.ways.map(([server, kind, number, atClient, atServer, fate, copy, took, clientPacket, serverPacket, acknowledged]) => {
    const fromServer = server === 1;
    const [left, came] = fromServer ? [atServer, atClient] : [atClient, atServer];
    const ofCall = ['HEADERS', 'END_STREAM', 'RST_STREAM'].includes(kind);
    return {
      fromServer, kind, number, left, came, fate, copy, took, acknowledged, odd: fate !== 'came',
      leftPacket: fromServer ? serverPacket : clientPacket,
      camePacket: fromServer ? clientPacket : serverPacket,
      // Where it is drawn, though one end may not have it.
      from: left ?? came - ends.oneWay,
      to: came ?? left + ends.oneWay,
      call: ofCall ? callOf(connection.number, number) : undefined,
    };
  });
  ends.odd = ends.ways.filter((way) => way.odd);
  return ends;
}

/** The ways of a call. */
const waysOfCall = (call) => (endsOfLane[calls.lane[call]]?.ways ?? []).filter((way) => way.call === call);

/** How high both ends of a lane stand above its rows: not at all where they are not drawn. */
const endsHeight = (lane) => (endsOfLane[lane.index] && (lane.open || connections.length <= FEW_LANES) ? ENDS_HEIGHT : 0);

/** Draws both ends of a lane; `top` is where they begin on the canvas. */
function drawEnds(context, lane, top) {
  const ends = endsOfLane[lane.index];
  if (endsHeight(lane) === 0 || top > view.height || top + ENDS_HEIGHT < 0) return;
  const [client, server] = [top + CLIENT_LINE, top + SERVER_LINE];
  const left = Math.max(-5, toX(lane.connection.from));
  const right = Math.min(view.width + 5, toX(lane.connection.to + ends.oneWay));
  context.fillStyle = colour('panel');
  context.fillRect(left, client, Math.max(0, right - left), server - client);
  const { shown, isThinned } = chosenWays(ends);
  const words = { client: [], server: [], marks: [] };
  for (const way of shown) drawWay(context, way, client, server);
  context.strokeStyle = colour('life');
  context.lineWidth = 2;
  for (const y of [client, server]) line(context, left, y, right, y);
  // What did not come is named first, where there is no room for all.
  for (const way of [...shown].reverse()) nameWay(context, way, client, server, words);
  for (const way of shown) hits.push(wayHit(lane, way, client, server));
  if (right > 0 && left < view.width) writeEnds(context, ends, top, isThinned);
}

/** The ways to draw in what is shown: those that did not simply come last, on top. */
function chosenWays(ends) {
  const seen = (way) => way.to >= view.from && way.from <= view.to && (way.call === undefined || !isHidden(calls.verdict[way.call]));
  const rank = (way) => (isChosenWay(way) ? 2 : way.odd ? 1 : 0);
  const layers = [[], [], []];
  for (const way of ends.ways) if (seen(way)) layers[rank(way)].push(way);
  const shown = [...thinned(layers[0], MOST_WAYS), ...thinned(layers[1], MOST_ODD), ...layers[2]];
  return { shown, isThinned: layers[0].length > MOST_WAYS || layers[1].length > MOST_ODD };
}

/** Whether a way was led to, or is of the chosen call. */
const isChosenWay = (way) => way === pointedWay || (selection.call !== null && way.call === selection.call);

/** At most so many of a list, evenly. */
function thinned(list, most) {
  const stride = Math.ceil(list.length / most);
  return stride > 1 ? list.filter((_, place) => place % stride === 0) : list;
}

/** Where a way begins and ends on the canvas; in mid-air where only one end has it. */
function wayPlace(way, client, server) {
  const [start, end] = way.fromServer ? [server, client] : [client, server];
  const whole = { x0: toX(way.from), y0: start, x1: toX(way.to), y1: end };
  const between = (share) => [whole.x0 + (whole.x1 - whole.x0) * share, start + (end - start) * share];
  if (way.fate === 'unsent') [whole.x0, whole.y0] = between(1 - MID_AIR);
  else if (way.odd) [whole.x1, whole.y1] = between(way.fate === 'uncaptured' ? 0.8 : MID_AIR);
  return whole;
}

function wayColour(way) {
  if (way.fate === 'lost' || way.fate === 'lost_once') return 'error';
  if (way.odd) return 'warning';
  if (way.call !== undefined) return verdicts[calls.verdict[way.call]].colour;
  return way.kind === 'sent again' || way.kind === 'segment' ? 'muted' : 'ink';
}

function drawWay(context, way, client, server) {
  const { x0, y0, x1, y1 } = wayPlace(way, client, server);
  const mine = isChosenWay(way);
  const dim = spotlight.lit && !way.odd && !mine && !(way.call !== undefined && spotlight.lit[way.call] === 1);
  const paint = colour(wayColour(way));
  context.globalAlpha = dim ? 0.25 : 1;
  context.strokeStyle = context.fillStyle = paint;
  context.lineWidth = mine ? 2.5 : way.odd ? 1.6 : 1.1;
  context.setLineDash(way.kind === 'sent again' ? [5, 3] : !way.odd && (way.came === null || way.left === null) ? [1, 3] : []);
  line(context, x0, y0, x1, y1);
  context.setLineDash([]);
  if (!way.odd || way.fate === 'unsent') drawHead(context, x0, y0, x1, y1);
  if (way.odd) {
    const [x, y] = way.fate === 'unsent' ? [x0, y0] : [x1, y1];
    drawFate(context, way, x, y);
  }
  context.globalAlpha = 1;
}

/** The point of an arrow. */
function drawHead(context, x0, y0, x1, y1) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  context.save();
  context.translate(x1, y1);
  context.rotate(angle);
  context.beginPath();
  context.moveTo(0, 0);
  context.lineTo(-7, -3);
  context.lineTo(-7, 3);
  context.fill();
  context.restore();
}

/** In mid-air: a cross for what the network lost, a ring for what a capture lacks, a gap for what is not known. */
function drawFate(context, way, x, y) {
  context.lineWidth = 2;
  if (way.fate === 'lost' || way.fate === 'lost_once') {
    line(context, x - 4, y - 4, x + 4, y + 4);
    line(context, x - 4, y + 4, x + 4, y - 4);
  } else {
    context.beginPath();
    context.arc(x, y, 4, 0, 2 * Math.PI);
    context.fillStyle = colour('panel');
    context.fill();
    if (way.fate === 'unknown') context.setLineDash([2, 2]);
    context.stroke();
    context.setLineDash([]);
  }
}

/** `HEADERS 203`, beside where it left; what became of it beside its mark. */
function nameWay(context, way, client, server, taken) {
  const { x0, x1, y1, y0 } = wayPlace(way, client, server);
  const mine = isChosenWay(way);
  context.font = `${mine || way.odd ? '600 ' : ''}10px ${fonts.sans}`;
  context.textBaseline = 'middle';
  context.fillStyle = colour(mine ? 'accent' : way.odd ? wayColour(way) : 'muted');
  const put = (text, x, y, row, away = 2) => {
    const width = context.measureText(text).width;
    // At the right edge words stand on the other side of what they name.
    const from = x + width < view.width - 2 ? Math.max(x, 2) : x - 2 * away - width;
    if (x < -4 || x > view.width || row.some(([one, other]) => from < other + 6 && from + width > one - 6)) return;
    row.push([from, from + width]);
    context.fillText(text, from, y);
  };
  const [row, y] = way.fromServer ? [taken.server, server + 11] : [taken.client, client - 10];
  if (way.left !== null) put(wayName(way), x0 + 2, y, row);
  if (!way.odd) return;
  const [markX, markY] = way.fate === 'unsent' ? [x0, y0] : [x1, y1];
  put(data.words.ways[way.fate][0], markX + 8, markY, taken.marks, 8);
}

function wayName(way) {
  if (way.kind === 'GOAWAY') return `GOAWAY ${way.number === 0x7fffffff ? '2³¹−1' : way.number}`;
  if (way.kind === 'segment' || way.kind === 'sent again') return way.kind;
  return way.call === undefined && way.number === 0 ? way.kind : `${way.kind} ${way.number}`;
}

/** A slant is hit near its line, not in its whole box. */
function wayHit(lane, way, client, server) {
  const place = wayPlace(way, client, server);
  return {
    ...boxAround(place),
    near: (x, y) => nearLine(place, x, y),
    tip: () => wayTip(lane.index, way),
    select: () => (way.call === undefined ? selectLane(lane.index) : selectCall(way.call)),
  };
}

const boxAround = ({ x0, y0, x1, y1 }) => ({ x0: Math.min(x0, x1) - 5, x1: Math.max(x0, x1) + 5, y0: Math.min(y0, y1) - 5, y1: Math.max(y0, y1) + 5 });

/** Whether a place is within five pixels of a line. */
function nearLine({ x0, y0, x1, y1 }, x, y) {
  const [across, down] = [x1 - x0, y1 - y0];
  const along = ((x - x0) * across + (y - y0) * down) / (across ** 2 + down ** 2 || 1);
  const share = Math.max(0, Math.min(1, along));
  return Math.hypot(x - x0 - share * across, y - y0 - share * down) <= 5;
}

const sides = (way) => (way.fromServer ? ['server', 'client'] : ['client', 'server']);

/** Everything known of a way. */
function wayTip(lane, way) {
  const ends = endsOfLane[lane];
  const [sender, receiver] = sides(way);
  const what = way.kind === 'segment' || way.kind === 'sent again' ? `${plural(way.number, 'byte')}${way.kind === 'segment' ? '' : ' sent again'}` : wayName(way);
  const lines = [`${what}, sent by the ${sender}`];
  if (way.odd) lines.push(`${data.words.ways[way.fate][1]}`);
  else if (way.came === null) lines.push('it came, joined to other segments');
  else if (way.left === null) lines.push('it came; when it left is not known');
  if (way.copy !== null) lines.push(`the copy left ${elapsed(way.copy, 1)}`);
  if (way.acknowledged) lines.push(...endWords(ends, 'server', 'acknowledged', ...way.acknowledged));
  lines.push(...endWords(ends, sender, 'left', way.left, way.leftPacket), ...endWords(ends, receiver, 'came', way.came, way.camePacket));
  const took = tookWords(ends, way);
  if (took) lines.push(took);
  if (way.call !== undefined) lines.push(`${callName(way.call)}: ${verdicts[calls.verdict[way.call]].words}`);
  return lines;
}

/** When and where one end has it; what the server's end saw is as exact as the clocks are. */
function endWords(ends, end, verb, time, packet) {
  if (time === null) return [];
  const exact = end === 'client' || ends.roundTrip === null ? '' : ` ± ${duration(ends.roundTrip / 2)}`;
  const file = data.capture.files[end === 'server' ? ends.file : 0];
  const where = packet === null ? '' : `, packet ${packet}${end === 'server' ? ` of ${file}` : ''}`;
  return [`${verb} ${elapsed(time, 1)}${exact}${where}`];
}

/** How long it was on its way: as bounds, and exactly how much longer than the fastest. */
function tookWords(ends, way) {
  if (!way.took) return null;
  const [least, most] = way.took;
  const fastest = (way.fromServer ? ends.toClient : ends.toServer)?.[1] ?? most;
  const longer = most - fastest;
  return `on its way ${duration(least)} to ${duration(most)}, ${longer < 1 ? 'as fast as any' : `${duration(longer)} longer than the fastest`}`;
}

/** Whose lines they are, and what the path between them does. */
function writeEnds(context, ends, top, isThinned) {
  context.font = `11px ${fonts.sans}`;
  context.textBaseline = 'middle';
  const write = (text, y, right) => {
    const width = context.measureText(text).width;
    const x = right ? view.width - width - 8 : 4;
    context.fillStyle = colour('paper');
    context.globalAlpha = 0.85;
    context.fillRect(x - 3, y - 8, width + 6, 16);
    context.globalAlpha = 1;
    context.fillStyle = colour('muted');
    context.fillText(text, x, y);
    return x + width;
  };
  const from = write('at the client', top + 12, false);
  write('at the server', top + SERVER_LINE + 26, false);
  const fits = (text) => view.width - context.measureText(text).width > from + 24;
  const facts = [...endsFacts(ends), ...(isThinned ? ['zoom in to see all'] : [])];
  // Where all of it does not fit above, the rest stands below.
  const above = fits(facts.join(' · ')) ? facts.length : 1;
  const [first, second] = [facts.slice(0, above).join(' · '), facts.slice(above).join(' · ')];
  if (fits(first)) write(first, top + 12, true);
  if (second && fits(second)) write(second, top + SERVER_LINE + 26, true);
}

/** What the path between both ends does, in words. */
function endsFacts(ends) {
  const facts = [];
  if (ends.roundTrip !== null) facts.push(`a round trip takes ${duration(ends.roundTrip)} or more`);
  if (ends.lost) {
    const [client, server] = ends.lost;
    facts.push(client + server === 0 ? 'nothing lost' : `lost: ${plural(client, 'segment')} of the client, ${grouped(server)} of the server`);
  }
  return facts;
}

/** Shows a way large enough to be read. */
function goToWay(lane, way) {
  const ends = endsOfLane[lane.index];
  if (endsHeight(lane) === 0) openLane(lane, true);
  pointedWay = way;
  const until = Math.max(way.to, way.copy === null ? way.to : way.copy + ends.oneWay);
  const room = Math.max(ends.oneWay * 1.5, (until - way.from) * 0.4, NARROWEST);
  show(way.from - room, until + room);
  scrollTo(lane.top, lane.top + HEAD_HEIGHT + ENDS_HEIGHT);
  bringLanes();
}
