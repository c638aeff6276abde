// Findings beside the lanes; a click goes there.

/** How many packets of proof, and how many connections, a finding lists. */
const LISTED_PROOFS = 12;
const LISTED_PLACES = 12;

/** So many findings have a key of their own. */
const NUMBERED = 9;

/** The calls a finding is about that are drawn. */
function findingCalls(finding) {
  finding.found ??= finding.calls.map(([conn, stream]) => callOf(conn, stream)).filter((call) => call !== undefined);
  return finding.found;
}

function buildFindings() {
  const list = byId('findings');
  for (const [index, finding] of data.findings.entries()) list.append(findingItem(finding, index));
  if (data.findings.length === 0) list.append(make('li', {}, 'None: nothing died, nothing stood out.'));
}

function findingItem(finding, index) {
  const number = index < NUMBERED ? make('kbd', { 'aria-hidden': 'true' }, String(index + 1)) : null;
  const button = make('button', { type: 'button', 'aria-pressed': 'false', onclick: () => goToFinding(index) },
    make('span', { class: 'rule' }, make('span', { class: 'name' }, finding.rule), make('span', { class: 'sure' }, `${finding.severity}, ${finding.confidence} `, number)),
    make('span', { class: 'title' }, finding.title));
  const proofs = finding.evidence.slice(0, LISTED_PROOFS).map((proof) => make('li', {}, ...proofLine(proof)));
  const texts = (list) => list.map((text) => make('li', {}, ...breakable(text)));
  const more = make('div', { class: 'more' },
    ...listed('What it was not', texts(finding.ruledOut)),
    ...listed('Where', placesOf(finding), 'places'),
    ...listed('Proof', proofs, 'proofs'));
  return make('li', { class: `finding ${finding.severity}` }, button, finding.between.length > 0 ? make('p', { class: 'why' }, finding.between.join('; ')) : '', make('p', { class: 'why' }, finding.explanation),
    ...listed('What to do', texts(finding.advice)), more);
}

/** The connections of a finding with several, those that lost most first; a click goes there. */
function placesOf(finding) {
  const places = byLane(findingCalls(finding));
  if (places.length < 2) return [];
  const items = places.slice(0, LISTED_PLACES).map((found) => {
    const words = `conn ${lanes[calls.lane[found[0]]].connection.number}: ${plural(found.length, 'RPC')}`;
    return make('li', {}, make('button', { type: 'button', class: 'link', onclick: () => { showCalls(found); bringLanes(); } }, words));
  });
  const rest = places.length - LISTED_PLACES;
  return rest > 0 ? [...items, make('li', {}, `… ${plural(rest, 'more connection')}`)] : items;
}

/** Calls by their lanes, those of the lane with most first. */
function byLane(found) {
  const places = new Map();
  for (const call of found) {
    const list = places.get(calls.lane[call]);
    if (list) list.push(call);
    else places.set(calls.lane[call], [call]);
  }
  return [...places.values()].sort((one, other) => other.length - one.length);
}

/** A heading and its list, if there is anything to list. */
function listed(heading, items, style) {
  return items.length === 0 ? [] : [make('h3', {}, heading), make('ul', { class: style }, ...items)];
}

function proofLine(proof) {
  if (!proof.seen) return [proof.text];
  const [micros, packet, file] = proof.seen;
  const go = () => {
    const half = Math.min((view.to - view.from) / 2, 100_000);
    show(micros - half, micros + half);
    bringLanes();
  };
  const place = `${elapsed(micros)} · ${packetWords(packet, file)}`;
  return [make('button', { type: 'button', class: 'link', onclick: go }, place), make('span', {}, proof.text)];
}

/** Brings what a finding is about into view, and into the light. */
function goToFinding(index) {
  const finding = data.findings[index];
  if (!finding) return;
  selectNothing();
  markFinding(index);
  const found = findingCalls(finding);
  if (found.length > 0) showCalls(byLane(found)[0]);
  else showProofs(finding);
  light(found.length > 0 ? found : null);
  speak(`${finding.rule}: ${finding.title}`);
}

function markFinding(index) {
  selection.finding = index;
  for (const [place, item] of [...byId('findings').children].entries()) {
    item.classList.toggle('current', place === index);
    item.querySelector('button')?.setAttribute('aria-pressed', String(place === index));
    // Where the findings scroll beside the lanes; on a phone they stay below them.
    if (place === index) item.parentElement.closest('.side').scrollTop = item.offsetTop - 12;
  }
}

/** Calls of one lane, as wide as the lanes are: from the first to the last, with the GOAWAY that they are beyond. */
function showCalls(found) {
  const lane = lanes[calls.lane[found[0]]];
  let from = Infinity;
  let to = -Infinity;
  for (const call of found) {
    from = Math.min(from, calls.from[call]);
    to = Math.max(to, calls.to[call]);
  }
  const doomed = found.some((call) => verdicts[calls.verdict[call]].colour === 'beyond') ? doomedWindow(lane) : null;
  showAround(Math.min(from, doomed?.from ?? from), Math.max(to, doomed?.to ?? to));
  selection.lane = lane.index;
  selection.call = null;
  // Rows too thin to tell apart, where there is room for thicker ones.
  if (lane.loudHeight < PLAIN_ROW && lane.loudRows * TALLEST_ROW < view.height - AXIS_HEIGHT - HEAD_HEIGHT) openLane(lane, true);
  stage.scrollTop = lane.top - AXIS_HEIGHT - 6;
}

/** A finding without calls: its proofs, or its connections. */
function showProofs(finding) {
  const times = finding.evidence.flatMap((proof) => (proof.seen ? [proof.seen[0]] : []));
  if (times.length > 0) showAround(Math.min(...times), Math.max(...times));
  const lane = lanes[laneOfNumber.get(finding.connections[0])];
  if (!lane) return;
  selection.lane = lane.index;
  selection.call = null;
  scrollTo(lane.top, lane.top + Math.min(lane.height, view.height - 90));
}

/** The next finding of those that `wanted` takes, or the previous one; round and round. */
function stepFinding(direction, wanted = () => true) {
  const { length } = data.findings;
  const here = selection.finding ?? (direction > 0 ? -1 : length);
  for (let step = 1; step <= length; step += 1) {
    const index = (here + direction * step + length * 2) % length;
    if (wanted(data.findings[index])) return goToFinding(index);
  }
  speak('No such finding');
}

/** The next finding about calls that crossed a GOAWAY. */
const stepRace = () => stepFinding(1, (finding) => finding.rule === 'goaway-race');
