import { isObject, type Params, text } from './params.ts';
import type { Shipping } from '../records.ts';

/** What was sent as `shipping`, in the form that it is shown; null when it was emptied. */
export function readShipping(params: Params): Shipping | null {
  const shipping = params['shipping'];
  if (!isObject(shipping)) return null;
  const given = ['name', 'phone', 'carrier', 'tracking_number'].flatMap(
    (name): [string, string][] => {
      const value = text(shipping, name);
      return value === null ? [] : [[name, value]];
    },
  );
  const address = shipping['address'];
  return {
    ...Object.fromEntries(given),
    ...(isObject(address) ? { address: readAddress(address) } : {}),
  };
}

function readAddress(address: Params): NonNullable<Shipping['address']> {
  return {
    city: text(address, 'city'),
    country: text(address, 'country'),
    line1: text(address, 'line1'),
    line2: text(address, 'line2'),
    postal_code: text(address, 'postal_code'),
    state: text(address, 'state'),
  };
}
