const proxies = /^(https?|all|no)_proxy$/i;
const prefixes = ['PAYRECON_', 'STRIPE_', 'SENDGRID_', 'PG'];
const names = new Set(['DATABASE_URL', 'CREDENTIALS_DIRECTORY', 'NOTIFY_SOCKET', 'WATCHDOG_USEC']);

/** Whether an environment variable would change what payrecon does, and so must not reach a test from outside. */
export function isForeignSetting(name: string): boolean {
  return (
    names.has(name) || proxies.test(name) || prefixes.some((prefix) => name.startsWith(prefix))
  );
}

/** What a process of payrecon is given in tests: no setting, key or home folder of the machine reaches it. */
export function cleanEnvironment(
  home: string,
  env: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    XDG_CONFIG_HOME: `${home}/config`,
    XDG_DATA_HOME: `${home}/data`,
    XDG_STATE_HOME: `${home}/state`,
    XDG_CACHE_HOME: `${home}/cache`,
    TZ: 'UTC',
    NO_COLOR: '1',
    ...env,
  };
}
