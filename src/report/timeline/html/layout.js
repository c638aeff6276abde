// Where lanes and rows stand: lanes below each other, calls that overlap in rows of their lane; those that
// did not simply succeed above, the healthy below.

const LABEL_HEIGHT = 24;
const LIFE_HEIGHT = 48;

/** Where the line of a life runs: words stand above it, a GOAWAY's journey below. */
const LIFE_LINE = 23;
const LANE_GAP = 20;
const AXIS_HEIGHT = 24;

/** A lane's name and life together: its head. */
const HEAD_HEIGHT = LABEL_HEIGHT + LIFE_HEIGHT;

/** How high the rows of a folded lane are together, at most: those below a pixel share one. */
const FOLDED_HEIGHT = 170;
const TALLEST_ROW = 13;

/** Rows that are told apart without effort. */
const PLAIN_ROW = 5;

/** What the calls that did not go well get of a crowded lane, and how high each row of them is at most. */
const LOUD_SHARE = 0.7;
const LOUD_ROW = 8;

/** With more healthy rows than this they are thin in an open lane, too. */
const MANY_ROWS = 120;
const THIN_ROW = 3;

/** Between those that did not go well and the healthy. */
const BLOCK_GAP = 4;

const lanes = connections.map((connection, index) => ({
  index, connection, rows: 0, loudRows: 0, loudHeight: 1, quietHeight: 1, top: 0, height: 0, open: false,
  // Its calls by row, by time, and those that are not simply ok.
  order: [], rowStart: [], byTime: [], loud: [],
}));

let lanesHeight = 0;

/** Gives each lane its calls by their beginning. */
function fillLanes() {
  for (let call = 0; call < calls.count; call += 1) lanes[calls.lane[call]].order.push(call);
  for (const lane of lanes) lane.order.sort((one, other) => calls.from[one] - calls.from[other]);
  return lanes;
}

/** Puts each of some calls into the first row from `rows` on that is free when it begins; gives the row after
 * the last. */
function packRows(list, rows) {
  const busy = new Heap((one, other) => calls.to[one] - calls.to[other]);
  const free = new Heap((one, other) => one - other);
  for (const call of list) {
    while (busy.size > 0 && calls.to[busy.first] <= calls.from[call]) free.push(calls.row[busy.pop()]);
    if (free.size === 0) free.push(rows++);
    calls.row[call] = free.pop();
    busy.push(call);
  }
  return rows;
}

/** Gives each call of a lane its row. */
function fillRows(lane) {
  lane.loud = lane.order.filter((call) => calls.verdict[call] !== OK);
  lane.loudRows = packRows(lane.loud, 0);
  lane.rows = packRows(lane.order.filter((call) => calls.verdict[call] === OK), lane.loudRows);
  // From here on in the order of rows: within one, bars follow each other without overlap.
  const counts = new Int32Array(lane.rows + 1);
  for (const call of lane.order) counts[calls.row[call] + 1] += 1;
  for (let row = 0; row < lane.rows; row += 1) counts[row + 1] += counts[row];
  lane.rowStart = counts.slice();
  const byRow = new Int32Array(lane.order.length);
  for (const call of lane.order) byRow[counts[calls.row[call]]++] = call;
  lane.byTime = lane.order;
  lane.order = byRow;
}

/** Places the lanes below each other. */
function placeLanes() {
  let top = AXIS_HEIGHT + 6;
  for (const lane of lanes) {
    [lane.loudHeight, lane.quietHeight] = rowHeights(lane);
    lane.top = top;
    lane.height = HEAD_HEIGHT + endsHeight(lane) + rowTop(lane, lane.rows) + LANE_GAP;
    top += lane.height;
  }
  lanesHeight = top;
}

/** How high the rows of a lane are: of those that did not go well, and of the healthy. */
function rowHeights({ rows, loudRows, open }) {
  const quietRows = rows - loudRows;
  if (open) return [TALLEST_ROW, quietRows > MANY_ROWS ? THIN_ROW : TALLEST_ROW];
  const even = Math.min(TALLEST_ROW, FOLDED_HEIGHT / Math.max(rows, 1));
  if (even >= PLAIN_ROW) return [Math.floor(even), Math.floor(even)];
  if (loudRows === 0) return [even, even];
  const loud = Math.max(even, Math.min(LOUD_ROW, (LOUD_SHARE * FOLDED_HEIGHT) / loudRows));
  return [loud, (FOLDED_HEIGHT - loud * loudRows) / Math.max(quietRows, 1)];
}

/** Where a row begins, below the beginning of all. */
function rowTop({ rows, loudRows, loudHeight, quietHeight }, row) {
  if (row < loudRows || rows === loudRows) return row * loudHeight;
  return loudRows * loudHeight + (loudRows > 0 ? BLOCK_GAP : 0) + (row - loudRows) * quietHeight;
}

/** The healthy row at a place below the beginning of all, or none. */
function quietRowAt(lane, offset) {
  const row = lane.loudRows + Math.floor((offset - rowTop(lane, lane.loudRows)) / lane.quietHeight);
  return row >= lane.loudRows && row < lane.rows ? row : undefined;
}

/** Where the rows of a lane begin. */
const bodyTop = (lane) => lane.top + HEAD_HEIGHT + endsHeight(lane);

/** Where a lane's head stands on the canvas: it stays in sight as long as its rows do. */
const headTop = (lane, scroll) => Math.max(lane.top - scroll, Math.min(AXIS_HEIGHT, lane.top + lane.height - LANE_GAP - HEAD_HEIGHT - scroll));

/** The lane at a height, or none. */
function laneAt(y) {
  const place = lowerBound(0, lanes.length, (index) => lanes[index].top + lanes[index].height > y);
  const lane = lanes[place];
  return lane && lane.top <= y ? lane : undefined;
}

/** How high a call's row is. */
function callHeight(call) {
  const lane = lanes[calls.lane[call]];
  return calls.row[call] < lane.loudRows ? lane.loudHeight : lane.quietHeight;
}

/** The middle of a call's bar, in pixels of the lanes. */
function callY(call) {
  const lane = lanes[calls.lane[call]];
  return bodyTop(lane) + rowTop(lane, calls.row[call]) + callHeight(call) / 2;
}

/** The first place from `low` to `high` where `test` holds; it holds from there on. */
function lowerBound(low, high, test) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A binary heap: the smallest first. */
class Heap {
  #items = [];
  #compare;

  constructor(compare) {
    this.#compare = compare;
  }

  get size() {
    return this.#items.length;
  }

  get first() {
    return this.#items[0];
  }

  push(item) {
    this.#items.push(item);
    let place = this.#items.length - 1;
    while (place > 0 && this.#before(place, (place - 1) >> 1)) {
      this.#swap(place, (place - 1) >> 1);
      place = (place - 1) >> 1;
    }
  }

  pop() {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (this.#items.length > 0) this.#items[0] = last;
    for (let place = 0; ;) {
      let child = 2 * place + 1;
      if (child >= this.#items.length) return first;
      if (child + 1 < this.#items.length && this.#before(child + 1, child)) child += 1;
      if (!this.#before(child, place)) return first;
      this.#swap(place, child);
      place = child;
    }
  }

  #before(one, other) {
    return this.#compare(this.#items[one], this.#items[other]) < 0;
  }

  #swap(one, other) {
    [this.#items[one], this.#items[other]] = [this.#items[other], this.#items[one]];
  }
}

for (const lane of fillLanes()) fillRows(lane);
placeLanes();
