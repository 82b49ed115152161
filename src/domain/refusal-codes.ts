/**
 * Whose word a refusal is: a bank's (`declined`), a bank's that wants the customer (`authentication`),
 * Stripe's about our own request or configuration (`request`: no bank was asked), one that passes by
 * itself and was not executed (`passing`), or nobody's that is known (`unknown`).
 */
export type RefusalKind = 'declined' | 'authentication' | 'request' | 'passing' | 'unknown';

/*
 * What each code says, in whichever refusal it comes; domain/refusals.ts weighs it against the rest of
 * the answer. A code that is not in these tables is nobody's word.
 *
 * Sources: docs.stripe.com/error-codes, docs.stripe.com/declines/codes (cards and local payment
 * methods) and docs.stripe.com/declines/network-codes (debits), and the declarations of the stripe
 * package 23.1.0, which a test holds the table against. Codes of things that payrecon never does
 * (payouts, invoices, terminals) are here too, so that the table is complete.
 */

/**
 * Every `code` of the package's `LastPaymentError.Code`, and what it says where a payment is refused
 * with it.
 */
export const ERROR_CODES = {
  // An issuer, a bank or a payment provider was asked and said no, or Stripe refused this payment
  // method for this customer after earlier declines. Final for this attempt.
  declined: [
    'account_closed', 'bank_account_restricted', 'card_decline_rate_limit_exceeded',
    'card_declined', 'debit_not_authorized', 'expired_card', 'expired_payment_method',
    'incorrect_address', 'incorrect_cvc', 'incorrect_number', 'incorrect_postal_code',
    'incorrect_zip', 'insufficient_funds', 'invalid_cvc', 'invalid_expiry_month',
    'invalid_expiry_year', 'invalid_number', 'no_account', 'payment_intent_payment_attempt_failed',
    'payment_method_customer_decline', 'payment_method_provider_decline', 'processing_error',
    'refer_to_customer',
  ],
  // The customer has to prove who they are (3-D Secure), and did not, could not, or not in time.
  authentication: [
    'authentication_required', 'invoice_payment_intent_requires_action',
    'payment_intent_action_required', 'payment_intent_authentication_failure',
    'payment_intent_payment_attempt_expired', 'setup_intent_authentication_failure',
  ],
  // What we sent, or what our account is allowed or set up for. No bank was asked. The accounts and
  // methods that Stripe itself has never verified or has blocked are here: another one must be given.
  request: [
    'account_country_invalid_address', 'account_error_country_change_requires_additional_steps',
    'account_information_mismatch', 'account_invalid', 'account_number_invalid',
    'account_token_required_for_v2_account', 'acss_debit_session_incomplete',
    'alipay_upgrade_required', 'amount_too_large', 'amount_too_small', 'api_key_expired',
    'application_fees_not_allowed', 'balance_insufficient', 'balance_invalid_parameter',
    'bank_account_bad_routing_numbers', 'bank_account_declined', 'bank_account_exists',
    'bank_account_unusable', 'bank_account_unverified', 'bank_account_verification_failed',
    'billing_invalid_mandate', 'bitcoin_upgrade_required', 'capability_not_active',
    'cardholder_phone_number_required', 'charge_exceeds_source_limit',
    'charge_exceeds_transaction_limit', 'charge_invalid_parameter', 'clearing_code_unsupported',
    'country_code_invalid', 'country_unsupported', 'coupon_expired', 'customer_max_payment_methods',
    'customer_max_subscriptions', 'customer_session_expired', 'customer_tax_location_invalid',
    'dispute_evidence_page_limit_exceeded', 'email_invalid', 'failed_tax_calculation',
    'financial_account_balance_does_not_support_currency',
    'financial_account_capability_not_enabled', 'financial_account_capability_restricted',
    'financial_connections_account_inactive',
    'financial_connections_account_pending_account_numbers',
    'financial_connections_account_unavailable_account_numbers',
    'financial_connections_consent_locale_invalid',
    'financial_connections_consent_locale_unsupported',
    'financial_connections_no_successful_transaction_refresh', 'forwarding_api_inactive',
    'forwarding_api_invalid_parameter', 'india_recurring_payment_mandate_canceled',
    'instant_payouts_config_disabled', 'instant_payouts_currency_disabled',
    'instant_payouts_limit_exceeded', 'instant_payouts_unsupported',
    'intent_verification_method_missing', 'invalid_canceled_subscription_fields',
    'invalid_card_type', 'invalid_characters', 'invalid_charge_amount',
    'invalid_mandate_reference_prefix_format', 'invalid_source_usage', 'invalid_tax_location',
    'invoice_no_customer_line_items', 'invoice_no_payment_method_types',
    'invoice_no_subscription_line_items', 'invoice_not_editable',
    'invoice_on_behalf_of_not_editable', 'invoice_upcoming_none', 'livemode_mismatch', 'missing',
    'not_allowed_on_standard_account', 'out_of_inventory', 'ownership_declaration_not_allowed',
    'parameter_invalid_empty', 'parameter_invalid_integer', 'parameter_invalid_string_blank',
    'parameter_invalid_string_empty', 'parameter_missing', 'parameter_unknown',
    'parameters_exclusive', 'payment_evaluation_on_api_version_not_supported',
    'payment_intent_incompatible_payment_method', 'payment_intent_invalid_parameter',
    'payment_intent_konbini_rejected_confirmation_number', 'payment_intent_mandate_invalid',
    'payment_method_bank_account_already_verified', 'payment_method_bank_account_blocked',
    'payment_method_billing_details_address_missing', 'payment_method_configuration_failures',
    'payment_method_currency_mismatch', 'payment_method_invalid_parameter',
    'payment_method_invalid_parameter_testmode', 'payment_method_microdeposit_failed',
    'payment_method_microdeposit_processing_error',
    'payment_method_microdeposit_verification_amounts_invalid',
    'payment_method_microdeposit_verification_amounts_mismatch',
    'payment_method_microdeposit_verification_attempts_exceeded',
    'payment_method_microdeposit_verification_descriptor_code_mismatch',
    'payment_method_microdeposit_verification_timeout', 'payment_method_unactivated',
    'payment_method_unexpected_state', 'payment_method_unsupported_type',
    'payout_reconciliation_not_ready', 'payouts_limit_exceeded', 'payouts_not_allowed',
    'platform_account_required', 'platform_api_key_expired', 'postal_code_invalid',
    'product_inactive', 'progressive_onboarding_limit_exceeded', 'resource_missing',
    'routing_number_invalid', 'secret_key_required', 'sepa_unsupported_account',
    'service_period_coupon_with_metered_tiered_item_unsupported', 'setup_intent_invalid_parameter',
    'setup_intent_mandate_invalid', 'setup_intent_mobile_wallet_unsupported',
    'setup_intent_setup_attempt_expired', 'shipping_address_invalid', 'shipping_calculation_failed',
    'siret_invalid', 'sku_inactive', 'smart_disputes_not_available', 'state_unsupported',
    'storer_capability_missing', 'storer_capability_not_active', 'stripe_tax_inactive',
    'subscription_update_trial_after_billing_cycle_anchor', 'tax_id_invalid', 'tax_id_prohibited',
    'taxes_calculation_failed', 'terminal_location_country_unsupported', 'terminal_reader_busy',
    'terminal_reader_hardware_fault', 'terminal_reader_invalid_location_for_activation',
    'terminal_reader_invalid_location_for_payment', 'terminal_reader_offline',
    'terminal_reader_timeout', 'testmode_charges_only',
    'three_d_secure_authentication_not_supported', 'tls_version_unsupported', 'token_already_used',
    'token_card_network_invalid', 'transfer_source_balance_parameters_mismatch',
    'transfers_not_allowed', 'url_invalid',
  ],
  // Too many requests, or two at the same object: Stripe did not execute this one.
  passing: [
    'idempotency_key_in_use', 'lock_timeout', 'payment_intent_rate_limit_exceeded', 'rate_limit',
    'token_in_use',
  ],
  // They speak of what has happened to an object already (it may have been paid), of somebody's
  // time-out, or are not documented: nothing is concluded from them.
  unknown: [
    'action_blocked', 'anomalous_money_movement_request', 'approval_required',
    'authentication_failure', 'capture_charge_authorization_expired',
    'capture_unauthorized_payment', 'charge_already_captured', 'charge_already_refunded',
    'charge_disputed', 'charge_expired_for_capture', 'charge_not_refundable',
    'forwarding_api_retryable_upstream_error', 'forwarding_api_upstream_connection_error',
    'forwarding_api_upstream_connection_timeout', 'forwarding_api_upstream_error',
    'intent_invalid_state', 'payment_intent_unexpected_state', 'payment_method_not_available',
    'payment_method_provider_timeout', 'payment_method_restricted', 'refund_disputed_payment',
    'request_blocked', 'resource_already_exists', 'return_intent_already_processed',
    'setup_attempt_failed', 'setup_intent_unexpected_state', 'status_transition_invalid',
    'three_d_secure_authentication_upstream_error',
  ],
} as const satisfies Record<RefusalKind, readonly string[]>;

/** Codes that Stripe sends although the package does not declare them. */
export const UNDECLARED_ERROR_CODES = {
  declined: [],
  authentication: [],
  // A card of one mode with a key of the other: it comes as a decline code as well.
  request: ['live_mode_test_card', 'payment_method_types_no_longer_supported', 'test_mode_live_card'],
  passing: [],
  unknown: [],
} as const satisfies Record<RefusalKind, readonly string[]>;

/**
 * Every documented `decline_code`, and the reasons of a failed debit or of Stripe's own block that
 * appear in its place.
 */
export const DECLINE_CODES = {
  declined: [
    // Cards.
    'approve_with_id', 'call_issuer', 'card_not_supported', 'card_velocity_exceeded',
    'currency_not_supported', 'do_not_honor', 'do_not_try_again', 'duplicate_transaction',
    'expired_card', 'fraudulent', 'generic_decline', 'incorrect_address', 'incorrect_cvc',
    'incorrect_number', 'incorrect_pin', 'incorrect_postal_code', 'incorrect_zip',
    'insufficient_funds', 'invalid_account', 'invalid_amount', 'invalid_cvc',
    'invalid_expiry_month', 'invalid_expiry_year', 'invalid_number', 'invalid_pin',
    'issuer_not_available', 'lost_card', 'merchant_blacklist', 'new_account_information_available',
    'no_action_taken', 'not_permitted', 'offline_pin_required', 'online_or_offline_pin_required',
    'pickup_card', 'pin_try_exceeded', 'processing_error', 'reenter_transaction', 'restricted_card',
    'revocation_of_all_authorizations', 'revocation_of_authorization', 'security_violation',
    'service_not_allowed', 'stolen_card', 'stop_payment_order', 'transaction_not_allowed',
    'try_again_later', 'withdrawal_count_limit_exceeded',
    // Local payment methods.
    'compliance_violation', 'expired_payment_information', 'invalid_authorization',
    'invalid_billing_agreement', 'invalid_customer_account', 'invalid_payment_information',
    'partner_duplicate_transaction', 'partner_expired_card', 'partner_generic_decline',
    'partner_high_risk_customer', 'partner_insufficient_funds', 'partner_invalid_amount',
    'partner_invalid_currency', 'partner_payment_not_found', 'partner_processing_error',
    'payment_disputed', 'payment_limit_exceeded',
    // Debits.
    'account_closed', 'account_frozen', 'authorization_revoked', 'bank_account_closed',
    'bank_account_frozen', 'bank_account_invalid_details', 'bank_account_restricted',
    'bank_account_unusable', 'bank_ownership_changed', 'branch_does_not_exist', 'could_not_process',
    'debit_authorization_not_match', 'debit_disputed', 'debit_not_authorized', 'declined',
    'generic_could_not_process', 'incorrect_account_holder_name', 'invalid_account_number',
    'no_account', 'recipient_deceased', 'refer_to_customer', 'tokenized_account_number_deactivated',
    // Blocks by Stripe itself (Radar, the shop's own rules and lists, Adaptive Acceptance).
    'blocklist', 'elevated_risk_level', 'highest_risk_level', 'low_probability_of_authorization',
    'previously_declined_do_not_retry', 'requested_block_on_incorrect_cvc',
    'requested_block_on_incorrect_zip', 'rule',
  ],
  authentication: [
    'authentication_not_handled', 'authentication_required', 'mobile_device_authentication_required',
  ],
  // A test card in live mode, a real one in test mode, our own account closed at the provider.
  request: [
    'invalid_business_account', 'live_mode_test_card', 'test_mode_decline', 'test_mode_live_card',
    'testmode_decline',
  ],
  passing: [],
  unknown: [],
} as const satisfies Record<RefusalKind, readonly string[]>;

type Listed<Codes extends Record<RefusalKind, readonly string[]>> = Codes[RefusalKind][number];
export type ErrorCode = Listed<typeof ERROR_CODES> | Listed<typeof UNDECLARED_ERROR_CODES>;
export type DeclineCode = Listed<typeof DECLINE_CODES>;

/**
 * By these a bank or a card's issuer itself has spoken. `generic_decline` is not one of them (it
 * covers Stripe's own blocks), nor is what Stripe can tell without asking: a number, a date, an
 * address.
 */
export const BANKS_WORDS: ReadonlySet<string> = new Set<ErrorCode | DeclineCode>([
  'account_closed', 'account_frozen', 'approve_with_id', 'authorization_revoked',
  'bank_account_closed', 'bank_account_frozen', 'call_issuer', 'card_not_supported',
  'card_velocity_exceeded', 'debit_disputed', 'debit_not_authorized', 'do_not_honor',
  'do_not_try_again', 'incorrect_cvc', 'incorrect_pin', 'insufficient_funds', 'invalid_account',
  'invalid_pin', 'lost_card', 'new_account_information_available', 'no_account', 'no_action_taken',
  'not_permitted', 'offline_pin_required', 'online_or_offline_pin_required', 'pickup_card',
  'pin_try_exceeded', 'reenter_transaction', 'refer_to_customer', 'restricted_card',
  'revocation_of_all_authorizations', 'revocation_of_authorization', 'security_violation',
  'service_not_allowed', 'stolen_card', 'stop_payment_order', 'transaction_not_allowed',
  'try_again_later', 'withdrawal_count_limit_exceeded',
]);
