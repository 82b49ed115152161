/** What Stripe calls the resource in the names of its rights. */
const RESOURCES: Readonly<Record<string, string>> = {
  payment_intents: 'payment_intent',
  charges: 'charge',
  // Refunds go with charges.
  refunds: 'charge',
  events: 'event',
  customers: 'customer',
  payment_methods: 'payment_method',
  balance: 'balance',
};

const READS = ['list', 'search', 'retrieve', undefined];

/** The right that a restricted key needs for an endpoint, such as `rak_payment_intent_write`. */
export function permissionFor(endpoint: string): string {
  const [resource = '', action] = endpoint.split('.');
  if (resource === 'account') return 'rak_accounts_kyc_basic_read';
  return `rak_${RESOURCES[resource] ?? resource}_${READS.includes(action) ? 'read' : 'write'}`;
}
