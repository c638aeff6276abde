// Arrows from a lost attempt to its retry.

/** How many arrows are drawn at once; more are a tangle, and zooming in shows fewer. */
const MOST_ARROWS = 300;

function drawArrows(context, scroll) {
  const chosen = retries.filter(({ from, to }) => {
    const seen = isHidden(calls.verdict[from]) || isHidden(calls.verdict[to]);
    const late = Math.min(calls.to[from], calls.from[to]) > view.to;
    const early = Math.max(calls.to[from], calls.from[to]) < view.from;
    return !seen && !late && !early;
  });
  const stride = Math.ceil(chosen.length / MOST_ARROWS);
  for (const [place, retry] of chosen.entries()) {
    const mine = selection.call === retry.from || selection.call === retry.to;
    if (mine || place % stride === 0) drawArrow(context, retry, scroll, mine, chosen.length);
  }
}

function drawArrow(context, { from, to }, scroll, mine, crowd) {
  const x0 = toX(calls.to[from]);
  const x1 = toX(calls.from[to]);
  const y0 = callY(from) - scroll;
  const y1 = callY(to) - scroll;
  if (Math.max(y0, y1) < AXIS_HEIGHT || Math.min(y0, y1) > view.height) return;
  const bend = Math.max(14, Math.min(60, Math.abs(x1 - x0) / 2));
  context.strokeStyle = context.fillStyle = colour('accent');
  context.globalAlpha = mine ? 1 : Math.max(0.18, Math.min(0.65, 12 / crowd));
  context.lineWidth = mine ? 2 : 1;
  context.beginPath();
  context.moveTo(x0, y0);
  context.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
  context.stroke();
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x1 - 6, y1 - 3.5);
  context.lineTo(x1 - 6, y1 + 3.5);
  context.fill();
  context.globalAlpha = 1;
}
