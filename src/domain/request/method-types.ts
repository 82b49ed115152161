/**
 * Stripe's payment method types that a stored payment method can have. Types that need a card reader
 * (`card_present`, `interac_present`) are left out: they cannot be charged from a command line.
 */
export const METHOD_TYPES: ReadonlySet<string> = new Set(
  `card acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact
  billie bizum blik boleto cashapp crypto customer_balance eps fpx giropay grabpay ideal kakao_pay klarna
  konbini kr_card link mb_way mobilepay multibanco naver_pay nz_bank_account oxxo p24 pay_by_bank payco
  paynow paypal paypay payto pix promptpay revolut_pay samsung_pay satispay scalapay sepa_debit sequra
  sofort sunbit swish twint upi us_bank_account wechat_pay zip`.split(/\s+/),
);

/** What is charged when nobody says otherwise. */
export const DEFAULT_METHOD_TYPE = 'card';
