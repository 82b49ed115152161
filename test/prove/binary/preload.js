// Loaded by `node --import` before the real command, in tests only: numbers every effect that the process has on the
// world - each SQL statement on SQLite, each message written to a socket (PostgreSQL, Stripe, SendGrid, its own output)
// and each piece of an answer - and at one of them sends the process a signal, before the effect or after it.
import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

/**
 * @typedef {object} Orders What to do, as JSON in PROVE_CHILD.
 * @property {string} trace Where to write which steps there were.
 * @property {number | null} step At which one, from 1; null only counts.
 * @property {'before' | 'during' | 'after'} when `during`: some microseconds after it has begun, from another thread.
 * @property {'SIGKILL' | 'SIGTERM'} signal
 * @property {number} delayUs Of `during`.
 * @property {'once' | 'echo' | 'again'} signals `echo`: SIGINT right behind, as from a parent; `again`: SIGTERM once more, later.
 */

const orders = /** @type {Orders} */ (JSON.parse(process.env['PROVE_CHILD'] ?? '{}'));
/** Later than what is taken for the same signal passed on by a parent. */
const AGAIN_AFTER_MS = 250;
const STRUCK_WITHIN_MS = 10_000;

/** @type {string[]} */
const steps = [];
/** @type {{ step: number, when: string, what: string, again: { at: number, steps: number } | null } | null} */
let sent = null;

function writeTrace() {
  writeFileSync(orders.trace, JSON.stringify({ steps, sent }));
}

/** @param {string} what */
function send(what) {
  sent = { step: steps.length, when: orders.when, what, again: null };
  // Now, for after a SIGKILL nothing is written any more.
  writeTrace();
  if (orders.when === 'during') {
    Atomics.store(starting, 0, 1);
    Atomics.notify(starting, 0);
    return;
  }
  process.kill(process.pid, orders.signal);
  if (orders.signals === 'echo') process.kill(process.pid, 'SIGINT');
  if (orders.signals === 'again') setTimeout(sendAgain, AGAIN_AFTER_MS).unref();
}

function sendAgain() {
  if (sent !== null) sent.again = { at: Date.now(), steps: steps.length };
  process.kill(process.pid, 'SIGTERM');
}

/**
 * @template Result
 * @param {string} what
 * @param {() => Result} effect
 * @returns {Result}
 */
function step(what, effect) {
  steps.push(what);
  const mine = steps.length === orders.step;
  if (mine && orders.when !== 'after') send(what);
  const result = effect();
  if (mine && orders.when === 'after') send(what);
  // Inside of the effect, or right behind it: nothing else may come in between on a busy machine.
  if (mine && orders.when === 'during')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STRUCK_WITHIN_MS);
  return result;
}

// ---- another thread, which strikes in the middle of a native call -------------------------------

const starting = new Int32Array(new SharedArrayBuffer(4));
if (orders.when === 'during') {
  const source = `
    const { workerData: { starting, delayUs, signal } } = require('node:worker_threads')
    Atomics.wait(starting, 0, 0)
    const until = process.hrtime.bigint() + BigInt(delayUs) * 1000n
    while (process.hrtime.bigint() < until);
    process.kill(process.pid, signal)`;
  const { delayUs, signal } = orders;
  new Worker(source, { eval: true, workerData: { starting, delayUs, signal } }).unref();
}

// ---- SQLite: the native functions, before anybody has taken them --------------------------------

const SHOWN = 70;

/** @param {string} text */
function shown(text) {
  return text
    .replace(/[^ -~]+/g, ' ')
    .trim()
    .slice(0, SHOWN);
}

/** @typedef {(this: object, ...args: unknown[]) => unknown} Native */

/** @param {Record<string, Native>} native */
function countStatements(native) {
  /** @type {WeakMap<object, string>} */
  const texts = new WeakMap();
  /** @param {string} name @param {(self: object, args: unknown[]) => string} label */
  const counted = (name, label) => {
    const effect = native[name];
    if (effect === undefined) throw new Error(`libsql has no ${name}: steps cannot be counted`);
    native[name] = function (...args) {
      return step(label(this, args), () => effect.apply(this, args));
    };
  };
  const { databasePrepareSync: prepare, statementRowsSync: query } = native;
  if (prepare === undefined || query === undefined)
    throw new Error('libsql has other functions than expected');
  native['databasePrepareSync'] = function (...args) {
    const statement = /** @type {object} */ (prepare.apply(this, args));
    texts.set(statement, shown(String(args[0])));
    return statement;
  };
  native['statementRowsSync'] = function (...args) {
    const rows = /** @type {object} */ (query.apply(this, args));
    texts.set(rows, texts.get(this) ?? '?');
    return rows;
  };
  counted('statementRun', (self) => `sqlite ${texts.get(self) ?? '?'}`);
  counted('rowsNext', (self) => `sqlite ${texts.get(self) ?? '?'}`);
  counted('databaseExecSync', (_self, [sql]) => `sqlite ${shown(String(sql))}`);
  counted('databaseOpen', () => 'sqlite open');
  counted('databaseClose', () => 'sqlite close');
}

const dlopen = process.dlopen.bind(process);
process.dlopen = (/** @type {{ exports: Record<string, Native> }} */ module, ...rest) => {
  dlopen(module, ...rest);
  if ('databaseExecSync' in module.exports) countStatements(module.exports);
};

// ---- sockets ------------------------------------------------------------------------------------

/**
 * @typedef {object} Wire What net.Socket has besides what it promises.
 * @property {(this: Socket & Wire, many: boolean, data: unknown, encoding: string, done: unknown) => unknown} _writeGeneric
 */

const wire = /** @type {Socket & Wire} */ (Socket.prototype);
const { _writeGeneric: write } = wire;
const push = /** @type {(this: Socket, chunk: unknown, encoding?: BufferEncoding) => boolean} */ (
  Reflect.get(wire, 'push')
);

/** @param {unknown} data @returns {string} */
function textOf(data) {
  if (typeof data === 'string') return data.slice(0, SHOWN);
  if (data instanceof Uint8Array) return Buffer.from(data.subarray(0, SHOWN)).toString('latin1');
  return Array.isArray(data)
    ? data.map((each) => textOf(/** @type {{ chunk: unknown }} */ (each).chunk)).join('')
    : '';
}

/** A request line without the rest, in which the key is. @param {string} text */
function firstLine(text) {
  return shown(text.split('\r\n', 1)[0] ?? '');
}

/** @param {boolean} many @param {unknown} data @param {string} encoding @param {unknown} done @this {Socket & Wire} */
wire._writeGeneric = function (many, data, encoding, done) {
  // Put off by Node itself until there is a connection, and then it comes here again.
  if (this.connecting) return write.call(this, many, data, encoding, done);
  return step(`send ${firstLine(textOf(data))}`, () =>
    write.call(this, many, data, encoding, done),
  );
};

/** @param {unknown} chunk @param {BufferEncoding} [encoding] @this {Socket & Wire} */
wire.push = function (chunk, encoding) {
  if (chunk === null) return push.call(this, chunk, encoding);
  return step(`hear ${firstLine(textOf(chunk))}`, () => push.call(this, chunk, encoding));
};

process.on('exit', writeTrace);

// A test run that is broken off must not leave a daemon behind.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, 1_000).unref();
