// The address after `#` holds what is shown, so that a view can be shared and come back to.

let written = null;
let writing = 0;

/** Notes what is shown, a moment after it stopped changing. */
function rememberAddress() {
  clearTimeout(writing);
  writing = setTimeout(() => {
    const next = `#${addressOf()}`;
    if (next === location.hash || (next === '#' && location.hash === '')) return;
    written = next;
    history.replaceState(null, '', next === '#' ? location.pathname + location.search : next);
  }, 250);
}

function addressOf() {
  const parts = new URLSearchParams();
  if (view.from !== WHOLE.from || view.to !== WHOLE.to) parts.set('time', `${Math.round(view.from)}..${Math.round(view.to)}`);
  if (selection.call !== null) parts.set('rpc', callId(selection.call));
  else if (selection.lane !== null) parts.set('conn', connections[selection.lane].number);
  if (selection.finding !== null) parts.set('finding', selection.finding);
  if (search.query.trim() !== '') parts.set('search', search.query);
  if (hidden.size > 0) parts.set('hide', [...hidden].map((number) => verdicts[number].name).join('.'));
  const open = lanes.filter((lane) => lane.open).map((lane) => lane.connection.number);
  if (open.length > 0 && open.length < 50) parts.set('open', open.join('.'));
  if (stage.scrollTop > 0) parts.set('scroll', Math.round(stage.scrollTop));
  if (theme.chosen) parts.set('theme', theme.chosen);
  return parts.toString();
}

/** Copies a link to what is shown. */
async function copyLink() {
  history.replaceState(null, '', `#${addressOf()}`);
  const button = byId('link');
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = 'Copied';
  } catch {
    // No clipboard for pages from a disk.
    button.textContent = 'It is the address';
  }
  setTimeout(() => (button.textContent = 'Link'), 1500);
}

/** Shows what an address says; what it does not say stays as it is. */
function readAddress() {
  if (location.hash === written) return;
  const parts = new URLSearchParams(location.hash.slice(1));
  if (['light', 'dark'].includes(parts.get('theme'))) setTheme(parts.get('theme'));
  for (const name of (parts.get('hide') ?? '').split('.')) {
    const verdict = verdicts.find((one) => one.name === name);
    if (verdict) toggleVerdict(verdict.number, false);
  }
  for (const number of (parts.get('open') ?? '').split('.')) {
    const lane = lanes[laneOfNumber.get(Number(number))];
    if (lane && number !== '') openLane(lane, true);
  }
  if (parts.has('search')) {
    byId('query').value = parts.get('search');
    runSearch(parts.get('search'));
  }
  if (parts.has('finding')) goToFinding(Number(parts.get('finding')));
  if (parts.has('conn')) selectLane(laneOfNumber.get(Number(parts.get('conn'))));
  const call = callNamed(parts.get('rpc'));
  if (call !== undefined) selectCall(call, { go: !parts.has('time') });
  const [from, to] = (parts.get('time') ?? '').split('..').map(Number);
  if (to > from) show(from, to);
  if (parts.has('scroll')) stage.scrollTop = Number(parts.get('scroll')) || 0;
}
