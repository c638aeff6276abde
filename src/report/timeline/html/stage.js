// The canvas: what is visible of the lanes, drawn once for each frame that changes it.

const stage = byId('stage');
const canvas = byId('canvas');
const fonts = { sans: '', mono: '' };

/** What can be pointed at, as drawn last: places, words for the tip, what a click does. */
let hits = [];
let awaited = 0;

/** Draws soon; many changes make one drawing. */
function redraw() {
  if (awaited === 0) awaited = requestAnimationFrame(draw);
}

/** Fits the canvas to its place, in the pixels of the screen. */
function fit(height = stage.clientHeight) {
  const scale = window.devicePixelRatio || 1;
  const width = stage.clientWidth;
  view.width = Math.max(width, 1);
  view.height = Math.max(height, 1);
  canvas.width = Math.round(view.width * scale);
  canvas.height = Math.round(view.height * scale);
  canvas.style.height = `${view.height}px`;
  canvas.getContext('2d').setTransform(scale, 0, 0, scale, 0, 0);
  byId('tall').style.height = `${Math.max(lanesHeight, view.height)}px`;
  const style = getComputedStyle(document.documentElement);
  fonts.sans = style.getPropertyValue('--sans');
  fonts.mono = style.getPropertyValue('--mono');
  redraw();
}

function draw() {
  cancelAnimationFrame(awaited);
  awaited = 0;
  const context = canvas.getContext('2d');
  const scroll = stage.scrollTop;
  hits = [];
  context.direction = 'ltr';
  context.fillStyle = colour('paper');
  context.fillRect(0, 0, view.width, view.height);
  drawGrid(context);
  const first = lowerBound(0, lanes.length, (index) => lanes[index].top + lanes[index].height > scroll);
  const past = lowerBound(first, lanes.length, (index) => lanes[index].top - scroll >= view.height);
  const seen = lanes.slice(first, past);
  for (const lane of seen) drawBars(context, lane, bodyTop(lane) - scroll);
  // Lines between calls run over bars, and below words.
  drawArrows(context, scroll);
  drawHops(context, scroll);
  for (const lane of seen) drawEnds(context, lane, bodyTop(lane) - ENDS_HEIGHT - scroll);
  for (const lane of seen) {
    const top = headTop(lane, scroll);
    if (top !== lane.top - scroll) coverRows(context, top);
    drawLife(context, lane, top, bodyTop(lane) - scroll + rowTop(lane, lane.rows));
  }
  drawSelected(context, scroll);
  drawAxis(context);
  drawMinimap();
  tellRange();
  rememberAddress();
}

/** Paper for a head that stays in sight over rows that are scrolled. */
function coverRows(context, top) {
  context.fillStyle = colour('paper');
  context.fillRect(0, top - 2, view.width, HEAD_HEIGHT);
  context.strokeStyle = colour('line');
  context.lineWidth = 1;
  line(context, 0, Math.round(top + HEAD_HEIGHT) - 1.5, view.width, Math.round(top + HEAD_HEIGHT) - 1.5);
}

/** The span that is shown, in words. */
function tellRange() {
  const step = (view.to - view.from) / 1000;
  const from = Math.max(view.from, 0);
  const to = Math.min(view.to, data.capture.length ?? view.to);
  const day = view.width < 420 ? '' : ` · from ${timeOfDay(from)}`;
  byId('range').textContent = `${elapsed(from, step)} to ${elapsed(to, step)} · ${duration(to - from)}${day}`;
}

/** Scrolls so that a part of the lanes is in sight. */
function scrollTo(top, bottom) {
  const room = 40;
  const seen = [stage.scrollTop + AXIS_HEIGHT + HEAD_HEIGHT, stage.scrollTop + view.height];
  if (top - room >= seen[0] && bottom + room <= seen[1]) return;
  stage.scrollTop = Math.max(0, (top + bottom) / 2 - view.height / 2);
}

/** On a phone the lanes stand above what leads to them. */
function bringLanes() {
  if (stage.getBoundingClientRect().bottom < 0) stage.scrollIntoView();
}

/** Opens or folds a lane; what stood below it stays in order. */
function openLane(lane, open = !lane.open) {
  lane.open = open;
  placeLanes();
  byId('tall').style.height = `${Math.max(lanesHeight, view.height)}px`;
  redraw();
}
