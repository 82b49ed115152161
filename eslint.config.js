import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message:
    'Give it a name: a default export is called something else in every file that imports it.',
};

const noProcessExit = {
  selector:
    "CallExpression[callee.object.name='process'][callee.property.name=/^(exit|abort|reallyExit)$/]",
  message: 'Return the outcome; src/main.ts alone ends the process.',
};

const wholeZod = {
  selector:
    "ImportDeclaration[source.value='zod'] > :matches(ImportSpecifier[imported.name='z'][importKind='value'], ImportDefaultSpecifier)",
  message:
    "Write `import * as z from 'zod'`: the other forms load every language that it speaks, 11 ms at each start.",
};

/** What domain and app are given instead of taking it: the clock, chance, identity and the world outside. */
const passedIn = [
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: 'Take the time from the clock that is passed in.',
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'Take the time from the clock that is passed in.',
  },
  {
    selector: "CallExpression[callee.name='Date']",
    message: 'Take the time from the clock that is passed in.',
  },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'Take chance from what is passed in.',
  },
];

const outside = [
  'process',
  'console',
  'fetch',
  'performance',
  'crypto',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'queueMicrotask',
].map((name) => ({
  name,
  message: 'domain and app know nothing of the machine; pass it in through a port.',
}));

export default defineConfig(
  globalIgnores(['dist/', 'tmp/', 'coverage/', '**/*.generated.ts', '**/*.generated.js']),
  {
    files: ['**/*.ts', '**/*.js'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error', noInlineConfig: true },
    rules: {
      // A knex query is a thenable that runs only when awaited; the default setting looks at promises alone.
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        {
          allowDefaultCaseForExhaustiveSwitch: false,
          considerDefaultExhaustiveForUnions: true,
          requireDefaultForNonUnion: true,
        },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // One import a module: `import type` where only types are taken, inline `type` beside values.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      'no-duplicate-imports': 'error',
      'no-nested-ternary': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // There are none (the compiler refuses them), and looking for them takes a tenth of the whole time.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // The compiler already asks for obj['name'] where a name comes from an index signature.
      '@typescript-eslint/dot-notation': 'off',
      eqeqeq: 'error',
      'no-param-reassign': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'no-empty': 'error',
      'max-params': ['error', 5],
      'max-depth': ['error', 4],
      complexity: ['error', 16],
      'no-restricted-syntax': ['error', noDefaultExport, noProcessExit, wholeZod],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'max-lines-per-function': ['error', { max: 60, skipComments: true, skipBlankLines: true }],
    },
  },
  {
    files: ['src/main.ts'],
    rules: { 'no-restricted-syntax': ['error', noDefaultExport, wholeZod] },
  },
  {
    files: ['src/domain/**', 'src/app/**'],
    rules: {
      'no-restricted-syntax': ['error', noDefaultExport, noProcessExit, wholeZod, ...passedIn],
      'no-restricted-globals': ['error', ...outside],
    },
  },
  {
    // A test may say `!` about what it has just built, and may await in a row.
    files: ['test/**', 'bench/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', 'max-lines-per-function': 'off' },
  },
  // Each `declare module` has imports of its own.
  { files: ['**/*.d.ts'], rules: { 'no-duplicate-imports': 'off' } },
  {
    // Tools find these by their default export.
    files: [
      '*.config.js',
      '*.config.ts',
      '.ci/import-rules.js',
      '.ci/knip.ts',
      'knexfile.ts',
      'test/support/run.ts',
    ],
    rules: { 'no-restricted-syntax': ['error', noProcessExit] },
  },
  {
    // The launcher is CommonJS; why is said there.
    files: ['bin/*.js'],
    languageOptions: { sourceType: 'commonjs' },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // The linter does not see the casts that are written as comments; the compiler does, and checks these files too.
    files: ['**/*.js'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
    },
  },
);
