// Search: words of a method, a header's value, a status, `conn:stream`, or an application's message as it was logged.

/** How many matches are listed; all are lit on the lanes, and the arrows go through all. */
const LISTED_MATCHES = 30;

/** What is shorter says too little to be looked for in a log line. */
const SHORTEST_MESSAGE = 8;

const search = { query: '', found: [], current: -1, texts: null };

/** What a call is found by, in small letters; made when first needed. */
function searchText(call) {
  search.texts ??= new Array(calls.count);
  search.texts[call] ??= [
    callId(call), calls.method(call), calls.authority(call), verdicts[calls.verdict[call]].name, verdicts[calls.verdict[call]].words,
    ...Object.values(calls.fate(call)), ...calls.headers.map((header) => header.values[call]),
  ].filter((part) => part != null && part !== '').join('\n').toLowerCase();
  return search.texts[call];
}

/** The calls that have every word of a query; `0:2121` is that call alone. Where there are none, a query may be a log
 * line around what a client library said, or around a header's value. */
function findCalls(query) {
  const exact = callNamed(query);
  if (exact !== undefined) return [exact];
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (let call = 0; call < calls.count; call += 1) {
    const text = searchText(call);
    if (words.every((word) => text.includes(word))) found.push(call);
  }
  const list = found.length > 0 ? found : findInLine(query);
  return list.sort((one, other) => calls.from[one] - calls.from[other]);
}

/** The calls whose message or header stands somewhere in a log line. */
function findInLine(query) {
  const line = plainText(query);
  const stands = (text) => text != null && text.length >= SHORTEST_MESSAGE && line.includes(plainText(text));
  const fates = data.calls.fates.map((fate) => stands(fate.appError));
  const found = [];
  for (let call = 0; call < calls.count; call += 1) {
    if (fates[calls.column('fate', call)] || calls.headers.some((header) => stands(header.values[call]))) found.push(call);
  }
  return found;
}

/** A text without what loggers do to it: quotes, escapes and breaks. */
const plainText = (text) => text.toLowerCase().replace(/[\s"'`\\]+/g, ' ').trim();

/** Searches, lights what is found, and lists it. */
function runSearch(query) {
  search.query = query;
  search.current = -1;
  search.found = query.trim() === '' ? [] : findCalls(query);
  if (query.trim() === '') light(selection.finding === null ? null : findingCalls(data.findings[selection.finding]));
  else light(search.found);
  listMatches();
}

/** Goes to the next or previous match. */
function stepMatch(direction) {
  const { found } = search;
  if (found.length === 0) return;
  search.current = search.current < 0 && direction < 0 ? found.length - 1 : (search.current + direction + found.length) % found.length;
  selectCall(found[search.current], { go: true });
  listMatches();
}

function listMatches() {
  const { found, query, current } = search;
  const asked = query.trim() !== '';
  byId('matches').textContent = !asked ? '' : current >= 0 ? `${grouped(current + 1)} of ${grouped(found.length)}` : found.length === 0 ? 'none' : grouped(found.length);
  byId('previous-match').disabled = byId('next-match').disabled = found.length === 0;
  const results = byId('results');
  results.hidden = !asked;
  if (!asked) return results.replaceChildren();
  const list = make('ol', { tabindex: -1 });
  for (const [place, call] of found.slice(0, LISTED_MATCHES).entries()) {
    const go = () => {
      search.current = place;
      selectCall(call, { go: true });
      listMatches();
    };
    list.append(make('li', {}, make('button', { type: 'button', class: place === current && 'current', onclick: go },
      glyph(verdicts[calls.verdict[call]]), wire(calls.method(call) ?? '(method unknown)'), make('span', { class: 'where' }, callId(call)), make('span', { class: 'unseen' }, verdicts[calls.verdict[call]].words))));
  }
  const rest = found.length - LISTED_MATCHES;
  results.replaceChildren(
    make('h2', {}, found.length === 0 ? 'Nothing found' : `${plural(found.length, 'RPC')} found`),
    found.length === 0 ? make('p', {}, searchHint()) : list,
    ...(rest > 0 ? [make('p', {}, `… ${grouped(rest)} more; ↓ goes through all of them`)] : []),
  );
  list.querySelector('.current')?.scrollIntoView({ block: 'nearest' });
}

/** What to do where nothing was found. */
function searchHint() {
  if (calls.headers.length > 0) return 'Methods, authorities, statuses and the headers asked for are searched.';
  return 'Headers can be searched if the page was made with --header NAME.';
}

function watchSearch() {
  const input = byId('query');
  let timer = 0;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => runSearch(input.value), calls.count > 20_000 ? 180 : 60);
  });
  byId('search').addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(timer);
    if (search.query !== input.value) runSearch(input.value);
    stepMatch(1);
  });
  byId('next-match').addEventListener('click', () => stepMatch(1));
  byId('previous-match').addEventListener('click', () => stepMatch(-1));
}
