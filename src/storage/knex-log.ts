/** knex talks to the console about what it then throws; the thrown error is told once, by the command line. */
export const silentLog = {
  warn: () => undefined,
  error: () => undefined,
  deprecate: () => undefined,
  debug: () => undefined,
};
