// A call's way through proxies: lines from the call before a proxy to those that the proxy made for it.

/** How many lines are drawn at once of calls that did not fail, and of those that did; more are a tangle. */
const MOST_HOPS = 60;
const MOST_FAILED_HOPS = 200;

/** What is known of each call's hops. */
const hopsOf = new Map(data.calls.hops.map((hops) => [hops.call, hops]));

/** From a call before a proxy to one behind it, where both are drawn. */
const hopLinks = data.calls.hops.flatMap((hops) => hops.as.flatMap(([conn, stream]) => {
  const to = callOf(conn, stream);
  const behind = ['upstream', 'server'].includes(hops.failed?.[1]);
  const died = behind && hops.failed[2]?.[0] === conn && hops.failed[2]?.[1] === stream;
  return to === undefined ? [] : [{ from: hops.call, to, died }];
}));

function drawHops(context, scroll) {
  const mine = (link) => selection.call === link.from || selection.call === link.to;
  const seen = hopLinks.filter(({ from, to }) =>
    !isHidden(calls.verdict[from]) && !isHidden(calls.verdict[to]) && calls.from[from] <= view.to && calls.to[from] >= view.from);
  const died = seen.filter((link) => link.died);
  const healthy = seen.filter((link) => !link.died);
  const drawn = [...(healthy.length <= MOST_HOPS ? healthy : []), ...thinned(died, MOST_FAILED_HOPS)];
  // Beside a chosen one the others step back.
  const alpha = seen.some(mine) ? 0.2 : Math.max(0.25, Math.min(0.8, 30 / Math.max(drawn.length, 1)));
  for (const link of drawn) if (!mine(link)) drawHop(context, link, scroll, alpha);
  for (const link of seen) if (mine(link)) drawHop(context, link, scroll, 1);
}

function drawHop(context, link, scroll, alpha) {
  const { from, to, died } = link;
  const place = { x0: toX(calls.from[from]), y0: callY(from) - scroll, x1: toX(calls.from[to]), y1: callY(to) - scroll };
  const { x0, y0, x1, y1 } = place;
  if (Math.max(y0, y1) < AXIS_HEIGHT || Math.min(y0, y1) > view.height) return;
  context.globalAlpha = alpha;
  context.strokeStyle = context.fillStyle = colour(died ? 'error' : 'accent');
  context.lineWidth = alpha === 1 ? 2 : 1.2;
  context.setLineDash([5, 3]);
  line(context, x0, y0, x1, y1);
  context.setLineDash([]);
  for (const [x, y] of [[x0, y0], [x1, y1]]) {
    context.beginPath();
    context.arc(x, y, 2.5, 0, 2 * Math.PI);
    context.fill();
  }
  if (alpha === 1 || died) drawReturn(context, link, scroll, alpha);
  context.globalAlpha = 1;
  hits.push({ ...boxAround(place), near: (x, y) => nearLine(place, x, y), tip: () => hopTip(link), select: () => goOverHop(link) });
}

/** The way back: the end of the call behind the proxy became that of the call before it, or was not passed on. */
function drawReturn(context, { from, to, died }, scroll, alpha) {
  const [x0, y0, x1, y1] = [toX(calls.to[to]), callY(to) - scroll, toX(calls.to[from]), callY(from) - scroll];
  if (alpha === 1) {
    context.lineWidth = 1.2;
    context.setLineDash([1, 3]);
    line(context, x0, y0, x1, y1);
    context.setLineDash([]);
  }
  if (!died) return;
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(x0, y0, 8, 0, 2 * Math.PI);
  context.stroke();
}

/** A click goes over the hop: to the call that is not chosen. */
function goOverHop({ from, to }) {
  selectCall(selection.call === from ? to : from, { go: true });
}

function hopTip({ from, to, died }) {
  const made = hopsOf.get(from).as.find(([conn, stream]) => callOf(conn, stream) === to);
  return [
    `${callId(from)} was passed on as ${callId(to)} (by ${made[2]})`,
    ...[hopTimes(made)].filter(Boolean),
    ...(died ? [`failed ${hopsOf.get(from).failed[0]}`] : []),
    `Click to go to ${callId(selection.call === from ? to : from)}`,
  ];
}

/** How long the proxy held the request, the call behind it took, and its end took to come back. */
function hopTimes([, , , held, took, returned]) {
  const times = [['held', held], ['took', took], ['returned after', returned]];
  return times.filter(([, time]) => time !== null).map(([word, time]) => `${word} ${duration(time)}`).join(', ');
}

/** A call as a link, or its number where it is not drawn. */
function hopButton(conn, stream) {
  const call = callOf(conn, stream);
  if (call === undefined) return `${conn}:${stream}`;
  return make('button', { type: 'button', class: 'link hop', onclick: () => selectCall(call, { go: true }) }, callId(call));
}

/** A call's hops, as facts. */
function hopFacts(call) {
  const hops = hopsOf.get(call);
  if (!hops) return [];
  const facts = [];
  if (hops.from) facts.push(['Made for', [hopButton(hops.from[0], hops.from[1]), ` (by ${hops.from[2]})`]]);
  for (const made of hops.as) {
    const times = hopTimes(made);
    facts.push(['Passed on as', [hopButton(made[0], made[1]), ` (by ${made[2]})${times ? `, ${times}` : ''}`]]);
  }
  if (hops.failed) facts.push(['Failed', [make('strong', { class: 'hop-failed' }, wire(hops.failed[0]))]]);
  return facts;
}
