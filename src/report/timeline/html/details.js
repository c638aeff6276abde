// Everything known of what was clicked, with packets, and the display filter that finds it in Wireshark.

const details = byId('details');

/** Wire text keeps to itself. */
const wire = (text) => make('bdi', {}, text);

/** `packet 3778`, and of which file where there are several. */
function packetWords(packet, file) {
  if (packet == null) return null;
  const several = data.capture.files.length > 1;
  return `packet ${packet}${several && file != null ? ` of ${data.capture.files[file]}` : ''}`;
}

/** A moment with its time of day and packet. */
const momentWords = (micros, packet, file) =>
  [elapsed(micros, 1), timeOfDay(micros), packetWords(packet, file)].filter(Boolean).join(' · ');

function showDetails(heading, ...content) {
  pointedWay = null;
  const close = make('button', { type: 'button', class: 'quiet', 'aria-label': 'Close the details', onclick: () => { selectNothing(); stage.focus(); } }, '×');
  details.replaceChildren(make('div', { class: 'details-head' }, make('h2', {}, heading), close), ...content.filter(Boolean));
  details.hidden = false;
  details.parentElement.scrollTop = 0;
}

function hideDetails() {
  details.hidden = true;
  details.replaceChildren();
}

function facts(pairs) {
  const list = make('dl', { class: 'facts' });
  for (const [name, value] of pairs) {
    if (value == null || value === '') continue;
    list.append(make('dt', {}, name), make('dd', {}, ...[value].flat()));
  }
  return list;
}

/** A display filter, and a button that copies it. */
function filterLine(filter) {
  const code = make('code', {}, filter);
  const button = make('button', { type: 'button', class: 'quiet', 'aria-label': `Copy ${filter}` }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(filter);
      button.textContent = 'Copied';
    } catch {
      // No clipboard for pages from a disk: mark it, for the reader's own copy.
      getSelection().selectAllChildren(code);
      button.textContent = 'Marked';
    }
    setTimeout(() => (button.textContent = 'Copy'), 1500);
  });
  return make('div', { class: 'copy' }, code, button);
}

function showCall(call) {
  const verdict = verdicts[calls.verdict[call]];
  const fate = calls.fate(call);
  const connection = connections[calls.lane[call]];
  const at = (name) => calls.column(name, call);
  const status = [fate.grpcStatus !== undefined && `grpc-status ${fate.grpcStatus}`, fate.httpStatus && `HTTP ${fate.httpStatus}`, fate.error].filter(Boolean).join(' · ');
  const opened = calls.opened[call];
  const ended = calls.ended[call];
  const bytes = (count, size) => (count > 0 ? `${plural(count, 'message')}, ${plural(size, 'byte')}` : null);
  showDetails(
    wire(calls.method(call) ?? '(method unknown)'),
    make('p', { class: 'verdict' }, glyph(verdict), verdict.words),
    facts([
      ['RPC', `stream ${calls.stream[call]} of conn ${calls.conn[call]}`],
      ['Opened', Number.isNaN(opened) ? 'before the capture' : momentWords(opened, at('openedPacket'), at('openedFile'))],
      ['Ended', Number.isNaN(ended) ? 'not in the capture' : momentWords(ended, at('endedPacket'), at('endedFile'))],
      ['Took', Number.isNaN(opened) || Number.isNaN(ended) ? null : duration(ended - opened)],
      ['Wire', status && wire(status)],
      ['Message', fate.grpcMessage && wire(fate.grpcMessage)],
      ['Retry', verdict.number === OK ? null : data.words.retry[fate.processed]],
      ['Race', data.words.race[fate.race]],
      ['Late by', at('late') === null ? null : duration(at('late'))],
      ['Outcome', fate.outcome === 'unknown' ? null : fate.outcome],
      ['App saw', fate.appError && wire(fate.appError)],
      ['Authority', calls.authority(call) && wire(calls.authority(call))],
      ...calls.headers.map((header) => [wire(header.name), header.values[call] ? wire(header.values[call]) : 'absent']),
      ['Request', bytes(at('requests'), at('requestBytes'))],
      ['Answer', bytes(at('responses'), at('responseBytes'))],
      ['Retried as', linkTo(retryFrom.get(call), 'to')],
      ['Retry of', linkTo(retryTo.get(call), 'from')],
      ...hopFacts(call),
    ]),
    waysBlock(lanes[calls.lane[call]], 'Between both ends', waysOfCall(call)),
    make('h3', {}, 'In Wireshark'),
    filterLine(`tcp.stream == ${connection.tcpStream} && http2.streamid == ${calls.stream[call]}`),
  );
}

function linkTo(retry, end) {
  if (!retry) return null;
  const call = retry[end];
  const button = make('button', { type: 'button', class: 'link', onclick: () => selectCall(call, { go: true }) }, callId(call));
  return [button, ` (by ${retry.by})`];
}

const settingsWords = (settings) => settings && (Object.entries(settings).map(([name, value]) => `${name} ${value}`).join(', ') || 'all by default');

function showConnection(connection) {
  const [clientPings, serverPings, unanswered] = connection.pings;
  const counted = verdicts.filter((verdict) => connection.counts[verdict.number] > 0);
  const seen = ([micros, packet, file]) => momentWords(micros, packet, file);
  showDetails(
    `conn ${connection.number}`,
    facts([
      ['Client', [wire(connection.client), connection.clientStack && make('span', {}, ' ', wire(connection.clientStack))].filter(Boolean)],
      ['Server', [wire(connection.server), connection.serverStack && make('span', {}, ' ', wire(connection.serverStack))].filter(Boolean)],
      ['Opened', connection.opened ? seen(connection.opened) : `before the capture; first seen ${seen(connection.recognised)}`],
      ['Closed', connection.close ? `${connection.close.how} by the ${connection.close.by} · ${seen(connection.close.seen)}` : 'not in the capture'],
      ['RPCs', counted.map((verdict) => `${grouped(connection.counts[verdict.number])} ${verdict.words}`).join(', ') || 'none'],
      ['Client set', settingsWords(connection.settings.client)],
      ['Server set', settingsWords(connection.settings.server)],
      ['Pings', `client ${grouped(clientPings)}, server ${grouped(serverPings)}, unanswered ${grouped(unanswered)}`],
      ['Not drawn', connection.passagesLeftOut > 0 ? `${grouped(connection.passagesLeftOut)} later pings and settings` : null],
      ['Round trip', connection.roundTrip === null ? null : `${duration(connection.roundTrip)} at the handshake`],
      ['Network', `${plural(connection.retransmissions, 'retransmission')}, ${plural(connection.missingBytes, 'byte')} missing`],
    ]),
    ...connection.goaways.map((goaway) => goawayBlock(goaway)),
    endsBlock(connection),
    make('h3', {}, 'In Wireshark'),
    filterLine(`tcp.stream == ${connection.tcpStream}`),
  );
}

function goawayBlock(goaway) {
  const [head, ...lines] = goawayTip(goaway);
  const go = () => {
    const width = Math.max(...[goaway.seen, goaway.acknowledged ?? goaway.seen].map(([time]) => time)) - (goaway.left ?? goaway.seen[0]);
    const room = Math.max(width * 2, 2000);
    show(goaway.seen[0] - room, goaway.seen[0] + room);
  };
  return make('div', {},
    make('h3', {}, make('button', { type: 'button', class: 'link', onclick: go }, head)),
    ...lines.map((text) => make('p', {}, wire(text))));
}

/** How many of what did not simply come are listed; the others are drawn. */
const MOST_LISTED_WAYS = 12;

/** A list of what passed between both ends: each leads to where it is drawn. */
function waysBlock(lane, heading, ways, ...more) {
  if (ways.length === 0 && more.length === 0) return null;
  const list = make('ul', { class: 'ways' });
  for (const way of ways.slice(0, MOST_LISTED_WAYS)) {
    const [head, ...lines] = wayTip(lane.index, way).filter((text) => way.call === undefined || !text.startsWith(callName(way.call)));
    list.append(make('li', {}, make('button', { type: 'button', class: 'link way', onclick: () => goToWay(lane, way) }, head), make('span', {}, lines.join('; '))));
  }
  const rest = ways.length - MOST_LISTED_WAYS;
  if (rest > 0) list.append(make('li', {}, `… ${grouped(rest)} more`));
  return make('div', {}, make('h3', {}, heading), ...more, list);
}

/** What a connection's two captures show of the path between them. */
function endsBlock(connection) {
  const lane = lanes[laneOfNumber.get(connection.number)];
  const ends = endsOfLane[lane.index];
  if (!ends) return null;
  const [first] = ends.odd.length > 0 ? ends.odd : ends.ways;
  const look = first && make('button', { type: 'button', class: 'link', onclick: () => goToWay(lane, first) }, 'Show one on its way');
  const left = ends.leftOut > 0 ? ` · ${grouped(ends.leftOut)} more are not drawn` : '';
  const words = make('p', {}, `${endsFacts(ends).join(' · ')}${left}`, ...(ends.odd.length === 0 && look ? [' · ', look] : []));
  return waysBlock(lane, ends.odd.length > 0 ? 'Did not come, or not at once' : 'Between both ends', ends.odd, words);
}
