// Verdicts: what they are called, their colour, and the shape that needs no colour.

/** Shapes in a box from -5 to 5; `fill` ones are solid, the others are drawn as lines. */
const SHAPES = {
  status: { path: 'M-3.5-3.5H3.5V3.5H-3.5Z', fill: false },
  beyond: { path: 'M-4-4L4 4M-4 4L4-4', fill: false },
  cut: { path: 'M0-5V5M-4 0H0', fill: false },
  refused: { path: 'M4 0A4 4 0 1 1-4 0A4 4 0 1 1 4 0M-2.8 2.8L2.8-2.8', fill: false },
  'reset-server': { path: 'M-4.5-3.5H4.5L0 4.5Z', fill: true },
  'reset-client': { path: 'M-4.5 3.5H4.5L0-4.5Z', fill: true },
  deadline: { path: 'M-4-4.5H4L-4 4.5H4Z', fill: true },
  unanswered: { path: 'M3.5 0A3.5 3.5 0 1 1-3.5 0A3.5 3.5 0 1 1 3.5 0', fill: false },
  unknown: { path: 'M-4 0H-2M-1 0H1M2 0H4', fill: false },
};

/** By the program's names: the colour's name in the style, and that of the shape. */
const COLOURS = {
  ok: 'ok',
  status: 'status',
  beyond_last_stream_id: 'beyond',
  cut_by_close: 'cut',
  refused: 'refused',
  reset_by_server: 'reset-server',
  reset_by_client: 'reset-client',
  deadline_exceeded: 'deadline',
  unanswered: 'unanswered',
  unknown: 'unknown',
};

/** In the order of the numbers in the data. */
const verdicts = data.verdicts.map((name, number) => {
  const colour = COLOURS[name];
  const shape = SHAPES[colour];
  return {
    name,
    number,
    colour,
    words: data.words.verdicts[number],
    meaning: data.words.meanings[number],
    dies: data.deaths[number],
    count: data.counts[number],
    shape: shape && { ...shape, drawn: new Path2D(shape.path) },
  };
});

/** The number of the verdict that is drawn quietly. */
const OK = verdicts.findIndex((verdict) => verdict.name === 'ok');

/** A bar and its shape as a small picture beside words. */
function glyph(verdict) {
  const svg = svgElement('svg', { class: 'glyph', viewBox: '-16 -7 22 14', 'aria-hidden': 'true' });
  const colour = `var(--${verdict.colour})`;
  const bar = svgElement('rect', { x: -16, y: verdict.shape ? -2.5 : -2, width: verdict.shape ? 14 : 22, height: verdict.shape ? 5 : 4, rx: 1 });
  bar.style.fill = colour;
  svg.append(bar);
  if (verdict.shape) {
    const shape = svgElement('path', { d: verdict.shape.path, 'stroke-width': 1.8 });
    shape.style.fill = verdict.shape.fill ? colour : 'none';
    shape.style.stroke = colour;
    svg.append(shape);
  }
  return svg;
}

function svgElement(tag, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
