import type { Call } from '../endpoint.ts';
import { leftToRefund } from '../render/charge.ts';
import type { View } from '../view.ts';
import type { World } from '../world.ts';

export function retrieveAccount(_call: Call, world: World): View {
  return { of: 'plain', body: renderAccount(world.account) };
}

export function renderAccount(id: string) {
  return {
    id,
    object: 'account' as const,
    business_profile: {
      mcc: '5734',
      minority_owned_business_designation: null,
      name: 'Sandbox',
      specified_commercial_transactions_act_url: null,
      support_address: null,
      support_email: null,
      support_phone: null,
      support_url: null,
      url: null,
    },
    business_type: 'company',
    capabilities: {
      card_payments: 'active',
      transfers: 'active',
      us_bank_account_ach_payments: 'active',
      sepa_debit_payments: 'active',
    },
    charges_enabled: true,
    country: 'US',
    created: 1_700_000_000,
    default_currency: 'usd',
    details_submitted: true,
    email: 'sandbox@example.com',
    metadata: {},
    payouts_enabled: true,
    settings: {
      branding: { icon: null, logo: null, primary_color: null, secondary_color: null },
      card_payments: {
        statement_descriptor_prefix: null,
        statement_descriptor_prefix_kana: null,
        statement_descriptor_prefix_kanji: null,
      },
      dashboard: { display_name: 'Sandbox', timezone: 'Etc/UTC' },
      payments: {
        statement_descriptor: 'SANDBOX',
        statement_descriptor_kana: null,
        statement_descriptor_kanji: null,
        statement_descriptor_prefix_kana: null,
        statement_descriptor_prefix_kanji: null,
      },
    },
    type: 'standard',
  };
}

export function retrieveBalance(_call: Call, world: World): View {
  const sums = new Map<string, number>([['usd', 0]]);
  for (const charge of world.charges) {
    if (charge.status !== 'succeeded' || !charge.captured) continue;
    sums.set(charge.currency, (sums.get(charge.currency) ?? 0) + leftToRefund(charge));
  }
  const pending = [...sums].map(([currency, amount]) => ({
    amount,
    currency,
    source_types: { card: amount },
  }));
  const available = pending.map(({ currency }) => ({
    amount: 0,
    currency,
    source_types: { card: 0 },
  }));
  return { of: 'plain', body: { object: 'balance', available, livemode: world.livemode, pending } };
}
