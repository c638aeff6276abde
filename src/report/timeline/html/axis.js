// The time axis, and lines through the lanes at its marks.

/** Steps of 1, 2 and 5, so that marks are about a hundred pixels apart. */
function axisStep() {
  const wanted = ((view.to - view.from) / view.width) * 110;
  const power = 10 ** Math.floor(Math.log10(Math.max(wanted, 1)));
  return power * ([1, 2, 5].find((step) => step * power >= wanted) ?? 10);
}

function drawGrid(context) {
  context.strokeStyle = colour('grid');
  context.lineWidth = 1;
  for (const mark of marks()) line(context, Math.round(toX(mark)) + 0.5, AXIS_HEIGHT, Math.round(toX(mark)) + 0.5, view.height);
}

/** Drawn last: lanes pass beneath it. */
function drawAxis(context) {
  context.fillStyle = colour('paper');
  context.fillRect(0, 0, view.width, AXIS_HEIGHT);
  context.strokeStyle = colour('line');
  context.lineWidth = 1;
  line(context, 0, AXIS_HEIGHT - 0.5, view.width, AXIS_HEIGHT - 0.5);
  context.font = `11px ${fonts.sans}`;
  context.fillStyle = colour('muted');
  context.textBaseline = 'middle';
  const step = axisStep();
  for (const mark of marks()) {
    const x = Math.round(toX(mark)) + 0.5;
    line(context, x, AXIS_HEIGHT - 6, x, AXIS_HEIGHT);
    const words = elapsed(mark, step);
    const width = context.measureText(words).width;
    if (x + 3 + width < view.width) context.fillText(words, x + 3, AXIS_HEIGHT / 2);
  }
}

function marks() {
  const step = axisStep();
  const list = [];
  for (let mark = Math.ceil(view.from / step) * step; mark <= view.to; mark += step) {
    if (mark >= 0) list.push(mark);
  }
  return list;
}
