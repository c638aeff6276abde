// Findings beside the lanes; a click goes there.

/** How many packets of proof a finding lists. */
const LISTED_PROOFS = 12;

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
  const button = make('button', { type: 'button', 'aria-pressed': 'false', onclick: () => goToFinding(index) },
    make('span', { class: 'rule' }, make('span', { class: 'name' }, finding.rule), make('span', { class: 'sure' }, `${finding.severity}, ${finding.confidence}`)),
    make('span', { class: 'title' }, finding.title));
  const proofs = finding.evidence.slice(0, LISTED_PROOFS).map((proof) => make('li', {}, ...proofLine(proof)));
  const texts = (list) => list.map((text) => make('li', {}, text));
  const more = make('div', { class: 'more' },
    ...listed('What to do', texts(finding.advice)),
    ...listed('What it was not', texts(finding.ruledOut)),
    ...listed('Proof', proofs, 'proofs'));
  return make('li', { class: `finding ${finding.severity}` }, button, make('p', { class: 'why' }, finding.explanation), more);
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
  };
  const place = `${elapsed(micros)} · ${packetWords(packet, file)}`;
  return [make('button', { type: 'button', class: 'link', onclick: go }, place), make('span', {}, proof.text)];
}

/** Brings what a finding is about into view, and into the light. */
function goToFinding(index) {
  const finding = data.findings[index];
  if (!finding) return;
  markFinding(index);
  const found = findingCalls(finding);
  if (found.length > 0) showCalls(found);
  else showProofs(finding);
  light(found.length > 0 ? found : null);
  speak(`${finding.rule}: ${finding.title}`);
}

function markFinding(index) {
  selection.finding = index;
  for (const [place, item] of [...byId('findings').children].entries()) {
    item.classList.toggle('current', place === index);
    item.querySelector('button')?.setAttribute('aria-pressed', String(place === index));
  }
}

/** All of a finding's calls in time; in height those of the first lane, and more if they fit. */
function showCalls(found) {
  let from = Infinity;
  let to = -Infinity;
  for (const call of found) {
    from = Math.min(from, calls.from[call]);
    to = Math.max(to, calls.to[call]);
  }
  showAround(from, to);
  const first = found.reduce((one, other) => (callY(other) < callY(one) ? other : one));
  const last = found.reduce((one, other) => (callY(other) > callY(one) ? other : one));
  const lane = lanes[calls.lane[first]];
  selection.lane = lane.index;
  selection.call = null;
  if (callY(last) - lane.top < view.height - AXIS_HEIGHT - 40) scrollTo(lane.top, callY(last) + 10);
  else stage.scrollTop = Math.max(0, Math.min(lane.top, callY(first) - view.height + 80) - AXIS_HEIGHT - 6);
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

/** The next finding, from the first again after the last. */
function stepFinding() {
  const { length } = data.findings;
  if (length > 0) goToFinding(selection.finding === null ? 0 : (selection.finding + 1) % length);
}
