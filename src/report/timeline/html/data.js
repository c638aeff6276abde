// The data: what the program wrote into the page, made quick to draw.

const data = JSON.parse(byId('data').textContent);
const connections = data.connections;
const calls = readCalls(data.calls);

/** The connection with a number; the lanes stand in the order of the list. */
const laneOfNumber = new Map(connections.map((connection, index) => [connection.number, index]));

/** From a lost attempt to the next one, where both are drawn. */
const retries = data.calls.retries.flatMap(([from, conn, stream, by]) => {
  const to = callOf(conn, stream);
  return to === undefined ? [] : [{ from, to, by }];
});
const retryFrom = new Map(retries.map((retry) => [retry.from, retry]));
const retryTo = new Map(retries.map((retry) => [retry.to, retry]));

setBounds();

/** Columns of values; one that is the same for every call was written once. */
function readCalls(source) {
  const columns = {};
  for (const [name, list] of Object.entries(source.columns)) {
    columns[name] = Array.isArray(list) ? list : new Array(source.count).fill(list.all);
  }
  const numbers = (name, Type) => Type.from(columns[name] ?? [], (value) => value ?? NaN);
  const text = (place) => (place === null ? null : source.texts[place]);
  return {
    count: source.count,
    conn: numbers('conn', Int32Array),
    stream: numbers('stream', Float64Array),
    verdict: numbers('verdict', Uint8Array),
    opened: numbers('opened', Float64Array),
    ended: numbers('ended', Float64Array),
    // Where a bar begins and ends: what has no end in the capture is drawn all the same.
    from: new Float64Array(source.count),
    to: new Float64Array(source.count),
    lane: new Int32Array(source.count),
    row: new Int32Array(source.count),
    headers: source.headers,
    method: (call) => text(columns.method[call]),
    authority: (call) => text(columns.authority[call]),
    fate: (call) => source.fates[columns.fate[call]] ?? {},
    column: (name, call) => columns[name][call],
  };
}

/** The call with a connection's number and a stream: they are written in that order. */
function callOf(conn, stream) {
  const before = (call) => calls.conn[call] < conn || (calls.conn[call] === conn && calls.stream[call] < stream);
  const call = lowerBound(0, calls.count, (place) => !before(place));
  return call < calls.count && calls.conn[call] === conn && calls.stream[call] === stream ? call : undefined;
}

/** The call that `0:2121` names. */
function callNamed(text) {
  const [, conn, stream] = /^\s*(\d+):(\d+)\s*$/.exec(text ?? '') ?? [];
  return conn === undefined ? undefined : callOf(Number(conn), Number(stream));
}

/** Sets where connections and bars begin and end. */
function setBounds() {
  const captureEnd = Math.max(data.capture.length ?? 0, 1);
  for (const connection of connections) {
    connection.from = (connection.opened ?? connection.recognised)[0];
    connection.to = connection.close ? connection.close.seen[0] : captureEnd;
  }
  for (let call = 0; call < calls.count; call += 1) {
    const lane = laneOfNumber.get(calls.conn[call]);
    const connection = connections[lane];
    const opened = calls.opened[call];
    const ended = calls.ended[call];
    const from = Number.isNaN(opened) ? (Number.isNaN(ended) ? connection.from : ended) : opened;
    const to = Number.isNaN(ended) ? connection.to : ended;
    calls.lane[call] = lane;
    calls.from[call] = from;
    // A stream opened after the GOAWAY that condemned it ended before it began.
    calls.to[call] = Math.max(from, to);
  }
}
