// Words, numbers and elements.

/** The element with an id; the page has all that the script asks for. */
const byId = (id) => document.getElementById(id);

/** Builds an element. Text is always a text node, so nothing from the wire is ever read as markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** `2,443`. */
const grouped = (number) => number.toLocaleString('en-US');

/** `1 RPC`, `2 RPCs`. */
const plural = (count, one) => `${grouped(count)} ${one}${count === 1 ? '' : 's'}`;

/** Microseconds as a duration with three figures, as the program's other reports word them: `5.00 s`, `71.2 ms`, `2 h 13 min`. */
function duration(micros) {
  const size = Math.abs(micros);
  const sign = micros < 0 ? '−' : '';
  if (size < 1) return '0 s';
  if (size < 999.5) return `${sign}${threeFigures(size)} µs`;
  if (size < 999.5e3) return `${sign}${threeFigures(size / 1e3)} ms`;
  if (size < 99.95e6) return `${sign}${threeFigures(size / 1e6)} s`;
  if (size < 3599.5e6) return `${sign}${grouped(Math.round(size / 1e6))} s`;
  const minutes = Math.round(size / 60e6);
  return `${sign}${grouped(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

function threeFigures(value) {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

/** Microseconds since the start, as fine as `step` needs: `+31.58 s`. */
function elapsed(micros, step = 1000) {
  const decimals = Math.max(0, Math.min(6, Math.ceil(6 - Math.log10(Math.max(step, 1)))));
  const sign = micros < 0 ? '−' : '+';
  const [seconds, fraction] = (Math.abs(micros) / 1e6).toFixed(decimals).split('.');
  return `${sign}${grouped(Number(seconds))}${fraction ? `.${fraction}` : ''} s`;
}

/** The time of day of a moment, in UTC to the millisecond. */
function timeOfDay(micros) {
  const start = Date.parse(data.capture.start);
  return Number.isNaN(start) ? '' : `${new Date(start + micros / 1e3).toISOString().slice(11, 23)} UTC`;
}

/** A text whose long names may break after their dots. */
const breakable = (text) => text.split(/(?<=[a-z]\.)(?=[A-Z])/).flatMap((part, place) => (place === 0 ? [part] : [make('wbr'), part]));

/** Says something to those who listen instead of looking. */
function speak(text) {
  byId('spoken').textContent = text;
}
