/** Whose objects: an account has its own in each mode. */
export interface Owner {
  readonly account: string;
  readonly livemode: boolean;
}

/** The account of every key that is not said to be of another. */
export const DEFAULT_ACCOUNT = 'acct_1SandboxLkdIwHu7';

export const DEFAULT_OWNER: Owner = { account: DEFAULT_ACCOUNT, livemode: false };

/** `acct_.../test`, for maps and for the journal. */
export function ownerName(owner: Owner): string {
  return `${owner.account}/${owner.livemode ? 'live' : 'test'}`;
}

/** The owner of that name; the default one without a name. */
export function ownerOf(name: string | undefined): Owner {
  if (name === undefined) return DEFAULT_OWNER;
  const [account = '', mode] = name.split('/');
  return { account, livemode: mode === 'live' };
}
