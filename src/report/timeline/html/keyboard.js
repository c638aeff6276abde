// Keys: everything the pointer reaches, they reach.

/** Keys while the lanes have the focus. */
const STAGE_KEYS = {
  ArrowLeft: (event) => (event.shiftKey ? stepCall(-1) : pan(-view.width * 0.15)),
  ArrowRight: (event) => (event.shiftKey ? stepCall(1) : pan(view.width * 0.15)),
  ArrowUp: () => selectLane(Math.max(0, (selection.lane ?? 0) - 1), { go: true }),
  ArrowDown: () => selectLane(selection.lane === null ? 0 : Math.min(lanes.length - 1, selection.lane + 1), { go: true }),
  PageUp: () => (stage.scrollTop -= view.height * 0.8),
  PageDown: () => (stage.scrollTop += view.height * 0.8),
  Home: () => show(WHOLE.from, WHOLE.from + view.to - view.from),
  End: () => show(WHOLE.to - (view.to - view.from), WHOLE.to),
  Enter: () => (details.hidden ? byId('findings').querySelector('button') : details)?.focus(),
};

/** Keys wherever no text is being written. */
const PAGE_KEYS = {
  '+': () => zoom(0.6, selectedX()),
  '=': () => zoom(0.6, selectedX()),
  '-': () => zoom(1 / 0.6, selectedX()),
  0: () => show(WHOLE.from, WHOLE.to),
  n: () => stepDead(1),
  p: () => stepDead(-1),
  f: (event) => stepFinding(event.shiftKey ? -1 : 1),
  r: () => stepRace(),
  e: () => openLane(lanes[selection.lane ?? 0]),
  t: () => switchTheme(),
  '/': () => byId('query').focus(),
  '?': () => byId('help').showModal(),
};

for (let number = 1; number <= NUMBERED; number += 1) PAGE_KEYS[number] = () => goToFinding(number - 1);

/** Zooming by keys keeps the chosen call where it is. */
function selectedX() {
  if (selection.call === null) return view.width / 2;
  const x = toX((calls.from[selection.call] + calls.to[selection.call]) / 2);
  return x >= 0 && x <= view.width ? x : view.width / 2;
}

function watchKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId('help').open) return;
    if (event.key === 'Escape') return leave(event);
    if (event.target.matches('input')) return;
    const onStage = event.target === stage ? STAGE_KEYS[event.key] : undefined;
    const key = onStage ?? PAGE_KEYS[event.key.toLowerCase()];
    if (!key || (lanes.length === 0 && event.key !== '?')) return;
    event.preventDefault();
    key(event);
  });
}

/** Escape: first out of the search, then back to the lanes, then nothing is chosen. */
function leave(event) {
  const input = byId('query');
  if (event.target === input) {
    if (input.value === '') return stage.focus();
    input.value = '';
    runSearch('');
  } else if (event.target !== stage && event.target !== document.body) {
    stage.focus();
  } else {
    selectNothing();
    markFinding(null);
    if (search.query.trim() === '') light(null);
  }
}

function switchTheme() {
  setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  redraw();
}
