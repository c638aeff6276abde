// What is shown: a span of time, and how far the lanes are scrolled.

/** The whole capture with a little air, and the narrowest span in microseconds. */
const WHOLE = (() => {
  const length = Math.max(data.capture.length ?? 0, 1000);
  return { from: -length * 0.01, to: length * 1.03 };
})();
const NARROWEST = 20;

const view = { from: WHOLE.from, to: WHOLE.to, width: 1, height: 1 };

/** Where a moment stands on the canvas, in pixels. */
const toX = (micros) => ((micros - view.from) / (view.to - view.from)) * view.width;

/** The moment at a place. */
const toTime = (x) => view.from + (x / view.width) * (view.to - view.from);

/** Shows a span, kept within the capture. */
function show(from, to) {
  const widest = WHOLE.to - WHOLE.from;
  const span = Math.min(Math.max(to - from, NARROWEST), widest);
  const middle = (from + to) / 2;
  view.from = Math.min(Math.max(middle - span / 2, WHOLE.from), WHOLE.to - span);
  view.to = view.from + span;
  redraw();
}

/** Zooms by a factor; the moment at `x` stays where it is. */
function zoom(factor, x = view.width / 2) {
  const fixed = toTime(x);
  const span = Math.min(Math.max((view.to - view.from) * factor, NARROWEST), WHOLE.to - WHOLE.from);
  const from = fixed - (x / view.width) * span;
  show(from, from + span);
}

/** Moves in time by so many pixels. */
function pan(pixels) {
  const micros = (pixels / view.width) * (view.to - view.from);
  show(view.from + micros, view.to + micros);
}

/** Shows a span with room around it; wider if that is needed to see it in context. */
function showAround(from, to) {
  const room = Math.max((to - from) * 0.15, 1000);
  show(from - room, to + room);
}
