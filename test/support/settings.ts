const prefixes = ['PAYRECON_', 'STRIPE_', 'SENDGRID_', 'PG']
const names = new Set(['DATABASE_URL', 'CREDENTIALS_DIRECTORY', 'NOTIFY_SOCKET', 'WATCHDOG_USEC'])

/** Whether an environment variable would change what payrecon does, and so must not reach a test from outside. */
export function isForeignSetting(name: string): boolean {
  return names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}
