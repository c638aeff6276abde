// Where lanes and rows stand: lanes below each other, calls that overlap in rows of their lane.

const LABEL_HEIGHT = 24;
const LIFE_HEIGHT = 48;

/** Where the line of a life runs: words stand above it, a GOAWAY's journey below. */
const LIFE_LINE = 23;
const LANE_GAP = 20;
const AXIS_HEIGHT = 24;

/** How high the rows of a folded lane are together, at most; a lane with more rows than that many
 * pixels still has one for each. */
const FOLDED_HEIGHT = 170;
const TALLEST_ROW = 13;

const lanes = connections.map((connection, index) => ({
  index, connection, rows: 0, rowHeight: 1, top: 0, height: 0, open: false,
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

/** Puts each call into the first row that is free when it begins. */
function fillRows(lane) {
  const busy = new Heap((one, other) => calls.to[one] - calls.to[other]);
  const free = new Heap((one, other) => one - other);
  for (const call of lane.order) {
    while (busy.size > 0 && calls.to[busy.first] <= calls.from[call]) free.push(calls.row[busy.pop()]);
    if (free.size === 0) free.push(lane.rows++);
    calls.row[call] = free.pop();
    busy.push(call);
  }
  lane.loud = lane.order.filter((call) => calls.verdict[call] !== OK);
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
    const fitting = Math.floor(FOLDED_HEIGHT / Math.max(lane.rows, 1));
    lane.rowHeight = lane.open ? TALLEST_ROW : Math.max(1, Math.min(TALLEST_ROW, fitting));
    lane.top = top;
    lane.height = LABEL_HEIGHT + LIFE_HEIGHT + lane.rows * lane.rowHeight + LANE_GAP;
    top += lane.height;
  }
  lanesHeight = top;
}

/** Where the rows of a lane begin. */
const bodyTop = (lane) => lane.top + LABEL_HEIGHT + LIFE_HEIGHT;

/** The lane at a height, or none. */
function laneAt(y) {
  const place = lowerBound(0, lanes.length, (index) => lanes[index].top + lanes[index].height > y);
  const lane = lanes[place];
  return lane && lane.top <= y ? lane : undefined;
}

/** The middle of a call's bar, in pixels of the lanes. */
function callY(call) {
  const lane = lanes[calls.lane[call]];
  return bodyTop(lane) + (calls.row[call] + 0.5) * lane.rowHeight;
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
