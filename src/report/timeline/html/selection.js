// What is chosen: a call, a lane, a finding; and which calls stand in the light because of it.

const selection = { call: null, lane: null, finding: null };

/** Calls that were found or that a finding is about; all others are dimmed. */
const spotlight = { lit: null, calls: [] };

/** Puts calls into the light; none lights all. */
function light(found) {
  spotlight.calls = found ?? [];
  spotlight.lit = null;
  if (found) {
    spotlight.lit = new Uint8Array(calls.count);
    for (const call of found) spotlight.lit[call] = 1;
  }
  redraw();
}

/** Chooses a call and tells about it; `go` brings it into view as well. */
function selectCall(call, { go = false } = {}) {
  selection.call = call;
  selection.lane = calls.lane[call];
  if (go) goToCall(call);
  showCall(call);
  speak(callSpoken(call));
  redraw();
}

/** Chooses a lane and tells about its connection. */
function selectLane(index, { go = false } = {}) {
  const lane = lanes[index];
  if (!lane) return;
  selection.call = null;
  selection.lane = index;
  if (go) scrollTo(lane.top, lane.top + Math.min(lane.height, view.height - 90));
  showConnection(lane.connection);
  const { number, client, server } = lane.connection;
  speak(`Connection ${number}, ${client} to ${server}, ${plural(lane.order.length, 'RPC')}`);
  redraw();
}

/** Nothing is chosen any more. */
function selectNothing() {
  selection.call = selection.lane = null;
  hideDetails();
  redraw();
}

/** Brings a call into view, with time around it; a lane too fine to tell its rows apart is opened. */
function goToCall(call) {
  const lane = lanes[calls.lane[call]];
  if (callHeight(call) < PLAIN_ROW && !lane.open) openLane(lane, true);
  const [from, to] = [calls.from[call], calls.to[call]];
  const span = view.to - view.from;
  const outside = to < view.from || from > view.to || from < view.from - span;
  const tiny = (to - from) / span < 0.01;
  if (outside || tiny) {
    const wide = Math.max((to - from) * 4, Math.min(span, 200_000));
    show((from + to) / 2 - wide / 2, (from + to) / 2 + wide / 2);
  }
  scrollTo(callY(call) - 10, callY(call) + 10);
}

/** The chosen call, framed and named. */
function drawSelected(context, scroll) {
  const call = selection.call;
  if (call === null) return;
  const y = callY(call) - scroll;
  const left = toX(calls.from[call]);
  const right = Math.max(left + 2, toX(calls.to[call]));
  if (right < 0 || left > view.width || y < headTop(lanes[calls.lane[call]], scroll) + HEAD_HEIGHT) return;
  const half = Math.max(5, callHeight(call) / 2 + 1);
  context.strokeStyle = colour('accent');
  context.lineWidth = 2;
  context.strokeRect(Math.max(left, -4) - 3, y - half, Math.min(right, view.width + 4) - Math.max(left, -4) + 10, 2 * half);
  const words = callName(call);
  context.font = `600 11px ${fonts.sans}`;
  context.textBaseline = 'middle';
  const width = context.measureText(words).width;
  const x = Math.max(4, Math.min(left, view.width - width - 8));
  const above = y - half - 9;
  context.fillStyle = colour('paper');
  context.globalAlpha = 0.88;
  context.fillRect(x - 3, above - 8, width + 6, 16);
  context.globalAlpha = 1;
  context.fillStyle = colour('accent');
  context.fillText(words, x, above);
}

function callSpoken(call) {
  const verdict = verdicts[calls.verdict[call]];
  return `RPC ${callId(call)}, ${calls.method(call) ?? 'method unknown'}, ${verdict.words}, after ${duration(calls.to[call] - calls.from[call])}`;
}

/** The next call that died, in time; across all lanes. */
function stepDead(direction) {
  const dead = deadInTime();
  if (dead.length === 0) return speak('No RPC died');
  const here = selection.call === null ? -Infinity : dead.indexOf(selection.call);
  let place = here;
  if (here < 0) {
    const now = selection.call === null ? (direction > 0 ? view.from : view.to) : calls.from[selection.call];
    place = lowerBound(0, dead.length, (index) => calls.from[dead[index]] >= now) - (direction > 0 ? 1 : 0);
  }
  selectCall(dead[(place + direction + dead.length) % dead.length], { go: true });
}

let deadCalls = null;
function deadInTime() {
  if (!deadCalls) {
    deadCalls = lanes.flatMap((lane) => lane.loud.filter((call) => verdicts[calls.verdict[call]].dies));
    deadCalls.sort((one, other) => calls.from[one] - calls.from[other]);
  }
  return deadCalls.filter((call) => !isHidden(calls.verdict[call]));
}

/** The neighbour of the chosen call in its lane, whatever became of it. */
function stepCall(direction) {
  const lane = lanes[selection.lane ?? 0];
  if (!lane || lane.byTime.length === 0) return;
  const shown = lane.byTime.filter((call) => !isHidden(calls.verdict[call]));
  let place = selection.call === null ? -1 : shown.indexOf(selection.call);
  if (place < 0) place = lowerBound(0, shown.length, (index) => calls.from[shown[index]] >= view.from) - (direction > 0 ? 1 : 0);
  const call = shown[Math.max(0, Math.min(shown.length - 1, place + direction))];
  if (call !== undefined) selectCall(call, { go: true });
}
