import type { Notification } from '../app/ports.ts';
import {
  authenticationLetter,
  canceledLetter,
  failedLetter,
  succeededLetter,
} from './customer-emails.ts';
import { factsOf, type Facts, type Sender } from './notification-data.ts';
import {
  outageLetter,
  requestRefusedLetter,
  rolledBackLetter,
  stuckLetter,
  truthChangedLetter,
} from './operator-emails.ts';
import { render, type Letter, type RenderedMail } from './render.ts';

export type { Sender } from './notification-data.ts';

/** What the e-mail says, in text and in HTML. Pure: the same notification is always the same message. */
export function messageFor(notification: Notification, sender: Sender): RenderedMail {
  return render(letterFor(notification, factsOf(notification, sender)));
}

function letterFor(notification: Notification, facts: Facts): Letter {
  switch (notification.kind) {
    case 'customer_succeeded':
      return succeededLetter(facts);
    case 'customer_failed':
      return failedLetter(facts);
    case 'customer_authentication':
      return authenticationLetter(facts);
    case 'customer_canceled':
      return canceledLetter(facts);
    case 'operator_stuck':
      return stuckLetter(facts);
    case 'operator_truth_changed':
      return truthChangedLetter(facts);
    case 'operator_outage':
      return outageLetter(facts);
    case 'operator_request_refused':
      return requestRefusedLetter(facts);
    case 'operator_rolled_back':
      return rolledBackLetter(facts);
  }
}
