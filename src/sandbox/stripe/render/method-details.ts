import { type TestMethod, testMethod } from '../payment-methods.ts';

function knownMethod(madeFrom: string): TestMethod {
  const method = testMethod(madeFrom);
  if (method === undefined)
    throw new Error(
      `the sandbox keeps a payment method made from ${madeFrom}, which it does not know`,
    );
  return method;
}

/** The part of a payment method that depends on its type: `{ type: 'card', card: {...} }`. */
export function renderPaymentMethodDetails(madeFrom: string) {
  const method = knownMethod(madeFrom);
  switch (method.type) {
    case 'card':
      return { type: method.type, card: renderCard(method.brand, method.last4, method.country) };
    case 'us_bank_account':
      return {
        type: method.type,
        us_bank_account: {
          account_holder_type: 'individual' as const,
          account_type: 'checking' as const,
          bank_name: method.brand,
          financial_connections_account: null,
          fingerprint: fingerprint(method.last4),
          last4: method.last4,
          networks: { preferred: 'ach', supported: ['ach' as const] },
          routing_number: '110000000',
          status_details: {},
        },
      };
    case 'sepa_debit':
      return {
        type: method.type,
        sepa_debit: {
          bank_code: method.brand,
          branch_code: '',
          country: method.country,
          fingerprint: fingerprint(method.last4),
          generated_from: { charge: null, setup_attempt: null },
          last4: method.last4,
        },
      };
  }
}

function renderCard(brand: string, last4: string, country: string) {
  return {
    brand,
    checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
    country,
    display_brand: brand,
    exp_month: 12,
    exp_year: 2034,
    fingerprint: fingerprint(last4),
    funding: 'credit',
    generated_from: null,
    last4,
    networks: { available: [brand], preferred: null },
    regulated_status: 'unregulated' as const,
    three_d_secure_usage: { supported: true },
    wallet: null,
  };
}

/** The same of a charge, which tells how it was collected. */
export function renderChargeMethodDetails(madeFrom: string, amount: number) {
  const method = knownMethod(madeFrom);
  const { brand, country, last4 } = method;
  switch (method.type) {
    case 'card':
      return { type: method.type, card: renderChargedCard(brand, last4, country, amount) };
    case 'us_bank_account':
      return {
        type: method.type,
        us_bank_account: {
          account_holder_type: 'individual' as const,
          account_type: 'checking' as const,
          bank_name: brand,
          fingerprint: fingerprint(last4),
          last4,
          payment_reference: null,
          routing_number: '110000000',
        },
      };
    case 'sepa_debit':
      return {
        type: method.type,
        sepa_debit: {
          bank_code: brand,
          branch_code: '',
          country,
          fingerprint: fingerprint(last4),
          last4,
          mandate: null,
        },
      };
  }
}

function renderChargedCard(brand: string, last4: string, country: string, amount: number) {
  return {
    amount_authorized: amount,
    authorization_code: null,
    brand,
    checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
    country,
    electronic_commerce_indicator: null,
    exp_month: 12,
    exp_year: 2034,
    fingerprint: fingerprint(last4),
    funding: 'credit',
    installments: null,
    last4,
    mandate: null,
    network: brand,
    network_transaction_id: null,
    regulated_status: 'unregulated' as const,
    three_d_secure: null,
    transaction_link_id: null,
    wallet: null,
  };
}

function fingerprint(last4: string): string {
  return `Xt5EWLLDS7FJ${last4}`;
}
