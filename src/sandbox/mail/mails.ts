import type { MailRecord } from '../stripe/records.ts';

/** The e-mails that the local SendGrid has accepted. */
export class Mails {
  readonly #accepted: MailRecord[] = [];
  /** Called for each one, unless it is being read back. */
  onPut: (record: MailRecord) => void = () => undefined;

  get accepted(): readonly MailRecord[] {
    return [...this.#accepted];
  }

  get size(): number {
    return this.#accepted.length;
  }

  put(record: MailRecord): void {
    this.#accepted.push(record);
    this.onPut(record);
  }

  clear(): void {
    this.#accepted.length = 0;
  }
}
