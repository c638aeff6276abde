// Which verdicts are shown; the buttons are the legend, too.

const hidden = new Set();

const isHidden = (verdict) => hidden.has(verdict);

function buildFilters() {
  for (const verdict of verdicts) {
    if (verdict.count === 0) continue;
    const button = make('button', { type: 'button', class: 'chip', 'aria-pressed': 'true', title: verdict.meaning, 'data-verdict': verdict.name },
      glyph(verdict), make('b', {}, grouped(verdict.count)), verdict.words);
    button.addEventListener('click', () => toggleVerdict(verdict.number));
    byId('filters').append(button);
  }
}

function toggleVerdict(number, shown = hidden.has(number)) {
  if (shown) hidden.delete(number);
  else hidden.add(number);
  const button = document.querySelector(`.chip[data-verdict="${verdicts[number].name}"]`);
  button?.setAttribute('aria-pressed', String(shown));
  redraw();
}
