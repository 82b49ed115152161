// Who may import whom. One direction only: what a payment is (domain) knows nothing, what payrecon does (app) knows
// the domain and the outside world as app/ports.ts states it, and everything that touches that world is replaceable.

/**
 * @param {string} name
 * @param {string} comment
 * @param {string} from folder or file, as a regular expression
 * @param {string[]} allowed what it may import of the repository
 * @returns {import('dependency-cruiser').IForbiddenRuleType}
 */
function only(name, comment, from, allowed) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: from },
    to: { path: '^(src|migrations|test|bench|bin|knexfile\\.ts)', pathNot: allowed },
  };
}

/**
 * @param {string} library
 * @param {string[]} where the only files that may import it
 * @returns {import('dependency-cruiser').IForbiddenRuleType}
 */
function onlyFrom(library, where) {
  return {
    name: `${library.replace('/', '-')}-stays-in-its-place`,
    comment: `${library} is known in one place only, so that it can be replaced there.`,
    severity: 'error',
    from: { pathNot: where },
    to: { path: `(^|/)node_modules/(@types/)?${library}/|^${library}$` },
  };
}

const storage = ['^src/storage/', '^migrations/', '^knexfile\\.ts$'];
const ports = '^src/app/(ports|budgets|views)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    only('domain', 'domain is pure: it imports itself.', '^src/domain/', ['^src/domain/']),
    only('app', 'app sees the outside world through its own ports.', '^src/app/', [
      '^src/(domain|app)/',
    ]),
    ...['storage', 'stripe', 'email', 'daemon'].map((adapter) =>
      only(
        adapter,
        `${adapter} implements ports of app and knows no other adapter.`,
        `^src/${adapter}/`,
        [
          '^src/domain/',
          ports,
          `^src/${adapter}/`,
          ...(adapter === 'storage' ? ['^migrations/'] : []),
          ...(['stripe', 'email'].includes(adapter) ? ['^src/proxy/'] : []),
        ],
      ),
    ),
    only('config', 'config reads settings and starts nothing.', '^src/config/', [
      '^src/(config|domain)/',
      '^src/proxy/choose\\.ts$',
    ]),
    only('proxy', 'proxy is the way out, whoever goes it.', '^src/proxy/', ['^src/proxy/']),
    only(
      'cli',
      'cli reaches services through the interfaces of app; compose makes them.',
      '^src/cli/',
      ['^src/(cli|app|domain|config)/', '^src/sandbox/', '^package\\.json$'],
    ),
    {
      name: 'sandbox-only-on-demand',
      comment: 'The local Stripe is loaded by the two commands that start it, when they start it.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/sandbox/'] },
      to: { path: '^src/sandbox/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'sandbox-only-for-its-commands',
      comment: 'Only the commands sandbox and demo start the local Stripe.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: ['^src/sandbox/', '^src/cli/commands/(sandbox|demo)(/|\\.ts$)'],
      },
      to: { path: '^src/sandbox/', dependencyTypesNot: ['type-only'] },
    },
    only(
      'sandbox',
      'The local Stripe must not share a mistake with what it tests.',
      '^src/sandbox/',
      ['^src/sandbox/'],
    ),
    only('main', 'main is the edge of the process: cli and compose.', '^src/main\\.ts$', [
      '^src/cli/',
      '^src/compose/',
    ]),
    only('library', 'The library is compose under another name.', '^src/library\\.ts$', [
      '^src/(compose|app|domain|config)/',
    ]),
    only(
      'migrations',
      'A migration never changes, so it depends on nothing that does.',
      '^migrations/',
      ['^migrations/'],
    ),
    {
      name: 'nothing-imports-the-edges',
      comment: 'main and compose are where everything ends up, never where something starts.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: ['^src/(main|library)\\.ts$|^src/compose/'] },
      to: { path: '^src/(main|library)\\.ts$|^src/compose/', dependencyTypesNot: ['type-only'] },
    },
    ...['knex', 'pg', 'libsql', 'pg-query-stream'].map((library) => onlyFrom(library, storage)),
    onlyFrom('stripe', ['^src/stripe/']),
    onlyFrom('@sendgrid', ['^src/email/']),
    onlyFrom('commander', ['^src/cli/']),
    onlyFrom('@commander-js', ['^src/cli/']),
    onlyFrom('@inquirer', ['^src/cli/']),
    onlyFrom('csv-parse', ['^src/cli/commands/charge-file/']),
    onlyFrom('node-cron', ['^src/daemon/']),
    onlyFrom('fastify', ['^src/sandbox/', '^src/daemon/']),
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      comment: 'Nothing imports it and it is no entry point: dead, or forgotten in the wiring.',
      severity: 'error',
      from: { orphan: true, pathNot: ['\\.d\\.ts$', '^src/(main|library)\\.ts$'] },
      to: {},
    },
    {
      name: 'no-development-packages',
      comment: 'What is run by users must not need what only developers install.',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
      },
    },
    { name: 'everything-resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
